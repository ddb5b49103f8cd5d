package broker

import (
	"cmp"
	"context"
	"errors"

	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/pkg/topology"
)

// TestVHost is a vhost for one run of tests, with a connection to it. It is not safe for concurrent
// use. Messages that are taken and not rejected are lost.
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

// Close closes the connection and deletes the vhost and everything in it.
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

// Create declares an object in the vhost.
func (t *TestVHost) Create(ctx context.Context, o topology.Object) error { return t.c.Create(ctx, o) }

// Remake deletes a queue with its messages and declares it again. Its bindings are lost.
func (t *TestVHost) Remake(ctx context.Context, q *topology.Queue) error {
	if err := t.DeleteQueue(q.Name); err != nil {
		return err
	}
	return t.c.Create(ctx, q)
}
