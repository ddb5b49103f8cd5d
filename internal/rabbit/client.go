package rabbit

import (
	"context"
	"errors"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Client is a connection to one broker over both of its protocols. It dials lazily and keeps what
// it opened until Close. All methods are safe for use by several goroutines.
type Client struct {
	opts Options
	api  *api // nil without a management API

	mu       sync.Mutex
	sessions map[string]*session // by vhost
	amqpDown error               // why AMQP is not used, once its first connection failed
}

var _ topology.Writer = (*Client)(nil)

// New checks the options and returns a client. It does no I/O.
func New(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{opts: o, sessions: map[string]*session{}}
	if o.API != "" {
		c.api = newAPI(o)
	}
	return c, nil
}

// Close ends all connections: AMQP ones politely, for at most two seconds. The client can't be used
// afterwards.
func (c *Client) Close() {
	c.mu.Lock()
	sessions := c.sessions
	c.sessions = map[string]*session{}
	c.mu.Unlock()
	for _, s := range sessions {
		s.close()
	}
	if c.api != nil {
		c.api.transport.CloseIdleConnections()
	}
}

// AMQPUnavailable returns why objects are written over the management API alone, nil when AMQP is
// used or was not needed yet.
func (c *Client) AMQPUnavailable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.amqpDown
}

// session returns the vhost's AMQP session, dialled or not.
func (c *Client) session(vhost string) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[vhost]
	if s == nil {
		s = newSession(c.opts, vhost)
		c.sessions[vhost] = s
	}
	return s
}

// overAMQP returns the vhost's session with a live connection, or nil when the management API has
// to do instead: AMQP could not be reached at the first attempt. Without a management API that is
// an error.
func (c *Client) overAMQP(ctx context.Context, vhost string) (*session, error) {
	c.mu.Lock()
	down := c.amqpDown
	c.mu.Unlock()
	if down != nil {
		return nil, nil //nolint:nilerr // known since the first attempt; the management API does the work
	}
	s := c.session(vhost)
	err := s.ready(ctx)
	if err == nil {
		return s, nil
	}
	if c.api == nil || ctx.Err() != nil || s.wasOpen() || !errors.Is(err, topology.ErrUnreachable) {
		return nil, err
	}
	c.mu.Lock()
	c.amqpDown = err
	c.mu.Unlock()
	return nil, nil
}

// forget drops the session of a vhost that was deleted or whose permissions changed.
func (c *Client) forget(vhost string) {
	c.mu.Lock()
	s := c.sessions[vhost]
	delete(c.sessions, vhost)
	c.mu.Unlock()
	if s != nil {
		s.close()
	}
}
