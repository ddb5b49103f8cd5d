package broker

import (
	"cmp"
	"context"
	"errors"

	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/pkg/topology"
)

// TestVHost is a vhost for one run of tests, with a connection to it. It is for one goroutine.
// Messages in it belong to nobody: what is taken out and not rejected is gone.
type TestVHost struct {
	*declare.Probe
	c      *Client
	vhost  *topology.VHost
	closed bool
}

// OpenTestVHost creates a vhost, which must not exist, and connects to it. Creating one takes an
// administrator. Close deletes it. When OpenTestVHost fails or is interrupted it leaves no vhost
// behind, see CreateTemporary.
func (c *Client) OpenTestVHost(ctx context.Context, vhost string) (*TestVHost, error) {
	t := &TestVHost{c: c, vhost: &topology.VHost{Name: vhost}}
	if err := c.CreateTemporary(ctx, t.vhost); err != nil {
		return nil, err
	}
	err := c.Create(ctx, &topology.Permission{VHost: vhost, User: c.opts.User, Configure: ".*", Write: ".*", Read: ".*"})
	if err == nil {
		t.Probe, err = declare.Connect(ctx, c.amqp, vhost)
	}
	if err != nil {
		return nil, errors.Join(cmp.Or(ctx.Err(), err), t.Close())
	}
	return t, nil
}

// Close ends the connection and deletes the vhost with all that is in it.
func (t *TestVHost) Close() error {
	if t.closed {
		return nil
	}
	t.closed = true
	if t.Probe != nil {
		t.Probe.Close()
	}
	t.c.forget(t.vhost.Name)
	return t.c.deleteTemporary(t.vhost)
}

// Create makes an object of the vhost.
func (t *TestVHost) Create(ctx context.Context, o topology.Object) error { return t.c.Create(ctx, o) }

// Remake deletes a queue with all that is in it, and makes it anew as it is given. Its bindings are
// gone.
func (t *TestVHost) Remake(ctx context.Context, q *topology.Queue) error {
	if err := t.DeleteQueue(q.Name); err != nil {
		return err
	}
	return t.c.Create(ctx, q)
}
