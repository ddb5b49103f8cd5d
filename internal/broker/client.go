package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/management"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/apply"
)

// Scope says what ReadLive reads.
type Scope = management.Scope

// ScopeOf returns what Diff needs to compare a wanted state.
func ScopeOf(want *topology.State) Scope { return management.ScopeOf(want) }

// Client is a connection to one broker over both of its protocols. It dials lazily and keeps what
// it opened until Close. All methods are safe for use by several goroutines.
type Client struct {
	opts Options
	amqp *amqp.Client
	api  *management.Client // nil without a management API

	mu          sync.Mutex
	connections map[string]*amqp.RecoveringConnection // by vhost
	amqpDown    error                                 // why AMQP is not used, once its first connection failed
	nodes       []string                              // the cluster's running nodes, as last read
	locks       []func()                              // release the locks that are held
	yielded     time.Time                             // when they were first given up to others
	placed      int                                   // how many queues were declared on them in turn
	// when a count that may be late was first in the way: see awaitCounts
	doubted time.Time
	settle  time.Duration // how long counts may be late: countsSettle
}

var _ apply.Writer = (*Client)(nil)

// New checks the options and returns a client. It does no I/O.
func New(o Options) (*Client, error) {
	o = o.withDefaults()
	c := &Client{opts: o, amqp: amqp.New(o.amqp()), connections: map[string]*amqp.RecoveringConnection{},
		settle: countsSettle}
	if o.API == "" {
		return c, nil
	}
	var err error
	c.api, err = management.New(o.management())
	return c, err
}

// Source receives the messages of a vhost's queues. Every subscription has a connection of its own.
func (c *Client) Source(vhost string) consume.Source { return c.amqp.Source(vhost) }

// Dialer opens channels that publish to a vhost, each on a connection of its own.
func (c *Client) Dialer(vhost string) publish.Dialer { return c.amqp.Dialer(vhost) }

// Tails watches the messages of a vhost.
func (c *Client) Tails(vhost string) tail.Dialer { return c.amqp.Tails(vhost) }

// Close closes all connections; AMQP connections get at most two seconds for the close handshake.
// The client can't be used afterwards.
func (c *Client) Close() {
	c.mu.Lock()
	connections := c.connections
	c.connections = map[string]*amqp.RecoveringConnection{}
	c.mu.Unlock()
	for _, conn := range connections {
		conn.Close()
	}
	if c.api != nil {
		c.api.Close()
	}
}

// AMQPUnavailable returns why objects are written over the management API alone. It is nil if AMQP
// is used or was not needed yet.
func (c *Client) AMQPUnavailable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.amqpDown
}

// connection returns the AMQP connection of a vhost, dialled or not.
func (c *Client) connection(vhost string) *amqp.RecoveringConnection {
	c.mu.Lock()
	defer c.mu.Unlock()
	conn := c.connections[vhost]
	if conn == nil {
		conn = c.amqp.Recovering(vhost)
		c.connections[vhost] = conn
	}
	return conn
}

// overAMQP returns the open connection of a vhost. It returns nil if AMQP could not be reached at
// the first attempt, so that the management API is used instead. Without a management API that is
// an error.
func (c *Client) overAMQP(ctx context.Context, vhost string) (*amqp.RecoveringConnection, error) {
	c.mu.Lock()
	down := c.amqpDown
	c.mu.Unlock()
	if down != nil {
		return nil, nil //nolint:nilerr // known since the first attempt; the management API does the work
	}
	conn := c.connection(vhost)
	err := c.yieldingLocks(ctx, func() error { return conn.Ready(ctx) })
	if err == nil {
		return conn, nil
	}
	if c.api == nil || ctx.Err() != nil || conn.WasOpen() || !errors.Is(err, topology.ErrUnreachable) {
		return nil, err
	}
	c.mu.Lock()
	c.amqpDown = err
	c.mu.Unlock()
	return nil, nil
}

// forget drops the connection of a vhost that was deleted or whose permissions changed.
func (c *Client) forget(vhost string) {
	c.mu.Lock()
	conn := c.connections[vhost]
	delete(c.connections, vhost)
	c.mu.Unlock()
	if conn != nil {
		conn.Close()
	}
}

// explain words the error of an operation for people; nil stays nil. Where an open AMQP connection
// lacks a permission, it may be that the user was deleted: the broker closes the connection later.
func (c *Client) explain(ctx context.Context, o refusal.Operation, err error) error {
	var known *refusal.Error
	if c.api == nil || !errors.As(err, &known) && amqp.IsException(err) {
		explained := amqp.Explain(ctx, o, err)
		if c.api == nil || !errors.Is(explained, topology.ErrNotPermitted) || !c.api.LoginRefused(ctx) {
			return explained
		}
		return &refusal.Error{Op: o.Op, Cause: err, Sentinel: errors.Join(topology.ErrNotPermitted, topology.ErrUnreachable),
			Text: fmt.Sprintf("user %q, whom the broker let in before, is gone or has another password by now", c.opts.User)}
	}
	return c.api.Explain(ctx, o, err)
}

func (c *Client) on(verb string, o topology.Object) refusal.Operation {
	return refusal.On(verb, o, c.opts.User)
}

// during is an operation that is not about one object.
func (c *Client) during(op string) refusal.Operation {
	return refusal.Operation{Op: op, User: c.opts.User}
}

// withoutAPI is the error of operations that need the management API.
func withoutAPI(op, text string, kinds ...error) error {
	return &refusal.Error{Op: op, Text: text, Sentinel: errors.Join(append(kinds, topology.ErrAPI)...)}
}
