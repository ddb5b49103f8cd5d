package topology

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// writes counts what reaches a broker, from as many goroutines as write to one; nothing else of it
// may be used.
type writes struct {
	Broker
	mu      sync.Mutex
	created []string
}

func (w *writes) Create(_ context.Context, o topology.Object) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.created = append(w.created, o.Ref().Name)
	return nil
}

func planOf(t *testing.T, queues ...string) *plan.Plan {
	t.Helper()
	want := &topology.State{}
	for _, name := range queues {
		if err := want.Add(&topology.Queue{VHost: "/", Name: name, Type: topology.Classic, Durable: true},
			diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	return plan.Diff(want, &topology.Live{}, plan.Options{})
}

// TestApplyRefusesAMovedBroker: what was shown is what is done, or nothing is.
func TestApplyRefusesAMovedBroker(t *testing.T) {
	for _, c := range []struct {
		name          string
		second        []string
		wantErr       error
		wantCreations int
	}{
		{"as it was", []string{"a", "b"}, nil, 2},
		{"somebody made one of them meanwhile", []string{"b"}, plan.ErrChanged, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			o := &changeOptions{proc: &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &out, &out, nil)},
				yes:  cmdutil.PlainYes,
				verb: "apply", progress: terminal.ProgressNone}
			o.output.Value = "text"
			plans := []*plan.Plan{planOf(t, "a", "b"), planOf(t, c.second...)}
			next := func(context.Context) (*plan.Plan, error) {
				p := plans[0]
				plans = plans[1:]
				return p, nil
			}
			b := &writes{}
			err := o.change(t.Context(), &profile.Connection{VHost: "/"}, b, next)
			if !errors.Is(err, c.wantErr) {
				t.Errorf("got %v, want %v", err, c.wantErr)
			}
			if len(b.created) != c.wantCreations {
				t.Errorf("created %q", b.created)
			}
		})
	}
}
