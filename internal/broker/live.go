package broker

import (
	"context"
	"errors"
	"strconv"

	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
)

// ReadLive reads the objects in scope: see management.Client.ReadLive, and migrate.Settle for what
// becomes of unfinished migrations. An error that wraps ErrAPI
// means that ReadAMQP may still do.
func (c *Client) ReadLive(ctx context.Context, scope Scope) (*topology.Live, error) {
	if c.api == nil {
		return nil, withoutAPI("read the broker", "there is no management API to read from", topology.ErrUnreachable)
	}
	live, err := c.api.ReadLive(ctx, scope)
	if err == nil {
		c.mu.Lock()
		c.nodes = live.Server.Nodes
		c.mu.Unlock()
		migrate.Settle(live)
	}
	return live, err
}

// Live reads what a wanted state is compared with: over AMQP alone with amqpOnly.
func (c *Client) Live(ctx context.Context, want *topology.State) (*topology.Live, error) {
	if c.api == nil {
		return c.ReadAMQP(ctx, want, true)
	}
	return c.ReadLive(ctx, ScopeOf(want))
}

// Everything reads all kinds of objects in some vhosts, in all that the user may see when there are
// none: those that it may not read are in ClosedVHosts then.
func (c *Client) Everything(ctx context.Context, vhosts []string) (*topology.Live, error) {
	return c.ReadLive(ctx, Scope{VHosts: vhosts, All: len(vhosts) == 0})
}

// Owned reads all kinds of objects in some vhosts, and what the record of ownership names.
func (c *Client) Owned(ctx context.Context, owner string, vhosts []string) (*topology.Live, error) {
	return c.ReadLive(ctx, Scope{VHosts: vhosts, Owner: owner})
}

// VHosts returns the vhosts that the user may see.
func (c *Client) VHosts(ctx context.Context) ([]string, error) {
	cluster, err := c.ReadLive(ctx, Scope{})
	if err != nil {
		return nil, err
	}
	return cluster.VHosts(), nil
}

// Health reads what the broker tells of its nodes, connections, channels, consumers and queues: see
// management.Client.Health.
func (c *Client) Health(ctx context.Context, deep bool) (*health.Facts, error) {
	if c.api == nil {
		return nil, withoutAPI("read the broker's health", "there is no management API to read from",
			topology.ErrUnreachable)
	}
	return c.api.Health(ctx, deep)
}

// ReadAMQP reads the exchanges and queues that want declares, without the management API. A passive
// declaration tells whether they exist, and how many messages and consumers a queue has. All other
// kinds are in Unreadable: a caller plans to declare bindings, which changes nothing where they
// exist.
//
// What an existing object is like, AMQP does not tell. With compare false it is taken to be as
// declared. If compare is true, it declares each existing object again as wanted, which changes
// nothing, and learns its fields one by one from the broker's refusals. If the object vanishes in
// between, the declaration creates it. It takes the permission to configure; without it, the object
// is taken to be as declared. (A queue that expires when unused lives longer by being declared.)
func (c *Client) ReadAMQP(ctx context.Context, want *topology.State, compare bool) (*topology.Live, error) {
	live := &topology.Live{Status: map[topology.Ref]topology.QueueStatus{}, Ownership: map[string]topology.Ownership{},
		Unreadable: map[topology.Kind]string{}}
	live.Server = topology.Server{User: c.opts.User, AMQPOnly: true}
	for _, kind := range topology.Kinds() {
		switch kind {
		case topology.KindExchange, topology.KindQueue:
		case topology.KindBinding:
			live.Unreadable[kind] = "AMQP cannot list bindings: they are declared again, which changes nothing where they exist"
		default:
			live.Unreadable[kind] = "AMQP knows nothing of it: that takes the management API"
		}
	}
	for _, vhost := range want.VHosts() {
		conn := c.connection(vhost)
		err := conn.Ready(ctx)
		if errors.Is(err, topology.ErrVHostMissing) {
			live.MissingVHosts = append(live.MissingVHosts, vhost)
			continue
		}
		if err == nil {
			live.Server.Version = conn.ServerVersion()
			err = declare.Read(ctx, conn, live, want, compare)
		}
		if err != nil {
			return nil, c.explain(ctx, c.during("read vhost "+strconv.Quote(vhost)), err)
		}
	}
	return live, nil
}
