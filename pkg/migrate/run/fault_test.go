package run_test

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/pkg/topology"
)

var errKilled = errors.New("killed")

// mortal is a real broker for a msgctl that dies at each of its operations: right before it when the
// operation is met for the first time, right after it for the second time.
type mortal struct {
	*broker.Client
	met   map[string]int
	dead  bool
	kills int
}

// do executes an operation of this name, or dies.
func (m *mortal) do(name string, f func() error) error {
	if m.dead {
		return errKilled
	}
	m.met[name]++
	switch m.met[name] {
	case 1:
		m.dead = true
		m.kills++
		return errKilled
	case 2:
		_ = f() // it happens, and msgctl never learns how
		m.dead = true
		m.kills++
		return errKilled
	}
	return f()
}

func (m *mortal) Create(ctx context.Context, o topology.Object) error {
	name := "create " + o.Ref().String()
	if p, ok := o.(*topology.GlobalParameter); ok {
		name += p.Value.(map[string]any)["stage"].(string)
	}
	return m.do(name, func() error { return m.Client.Create(ctx, o) })
}

func (m *mortal) Delete(ctx context.Context, o topology.Object, c topology.DeleteConditions) error {
	return m.do("delete "+o.Ref().String(), func() error { return m.Client.Delete(ctx, o, c) })
}

func (m *mortal) Replace(ctx context.Context, old, want *topology.Queue) (gap time.Duration, err error) {
	err = m.do("replace", func() error {
		gap, err = m.Client.Replace(ctx, old, want)
		return err
	})
	return gap, err
}

func (m *mortal) SaveOwnership(ctx context.Context, o topology.Ownership) error {
	return m.do("own "+o.Name, func() error { return m.Client.SaveOwnership(ctx, o) })
}

func (m *mortal) Ready(ctx context.Context, vhost, queue string) (n int64, err error) {
	if m.dead {
		return 0, errKilled
	}
	return m.Client.Ready(ctx, vhost, queue)
}

func (m *mortal) FindQueue(ctx context.Context, vhost, name string) (*topology.Queue, error) {
	if m.dead {
		return nil, errKilled
	}
	return m.Client.FindQueue(ctx, vhost, name)
}

func (m *mortal) BindingsTo(ctx context.Context, to topology.Ref) ([]*topology.Binding, error) {
	if m.dead {
		return nil, errKilled
	}
	return m.Client.BindingsTo(ctx, to)
}

func (m *mortal) GlobalParameters(ctx context.Context) (map[string]json.RawMessage, error) {
	if m.dead {
		return nil, errKilled
	}
	return m.Client.GlobalParameters(ctx)
}
