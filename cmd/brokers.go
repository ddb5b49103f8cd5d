package cmd

import (
	"context"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/rabbit"
	"github.com/msgctl/msgctl/pkg/topology"
)

// openBroker prepares a client; nothing is dialled. The password is read here, which may run the
// context's command.
func openBroker(ctx context.Context, d *deps, conn *profile.Connection, command string, noAPI bool) (broker, error) {
	password, err := conn.Password(ctx)
	if err != nil {
		return nil, wrongSetting(err)
	}
	amqpTLS, err := conn.AMQPTLS()
	if err != nil {
		return nil, wrongSetting(err)
	}
	apiTLS, err := conn.APITLS()
	if err != nil {
		return nil, wrongSetting(err)
	}
	o := rabbit.Options{
		Host: conn.Host, Port: conn.Port, AMQPTLS: amqpTLS, VHost: conn.VHost, User: conn.User, Password: topology.Secret(password.Reveal()),
		API: conn.API, APITLS: apiTLS, Timeout: conn.Timeout, Heartbeat: conn.Heartbeat,
		ReconnectDelay: conn.ReconnectDelay, ReconnectAttempts: conn.ReconnectAttempts, Name: "msgctl " + command,
	}
	if noAPI {
		o.API = ""
	}
	client, err := rabbit.New(o)
	if err != nil {
		return nil, err
	}
	return liveBroker{Client: client, amqpOnly: noAPI}, nil
}

// openMessages prepares a client for the commands that work with messages.
func openMessages(ctx context.Context, d *deps, conn *profile.Connection, command string) (messageBroker, error) {
	return openLive(ctx, d, conn, command)
}

// openWatching prepares a client for the commands that watch messages.
func openWatching(ctx context.Context, d *deps, conn *profile.Connection, command string) (tailBroker, error) {
	return openLive(ctx, d, conn, command)
}

// openLive prepares a client for what moves or reads messages. When it fails, nobody looks at the
// client.
func openLive(ctx context.Context, d *deps, conn *profile.Connection, command string) (liveBroker, error) {
	if d.onMessages != nil {
		d.onMessages()
	}
	b, err := openBroker(ctx, d, conn, command, false)
	if err != nil {
		return liveBroker{}, err
	}
	return b.(liveBroker), nil
}

// openWatchingHealth prepares a client for the commands that look at the broker itself.
func openWatchingHealth(ctx context.Context, d *deps, conn *profile.Connection, command string) (healthBroker, error) {
	b, err := openBroker(ctx, d, conn, command, false)
	if err != nil {
		return nil, err
	}
	return b.(liveBroker), nil
}

// liveBroker is a broker over the network.
type liveBroker struct {
	*rabbit.Client
	amqpOnly bool
}

// Live implements broker.
func (b liveBroker) Live(ctx context.Context, want *topology.State) (*topology.Live, error) {
	if b.amqpOnly {
		return b.ReadAMQP(ctx, want, true)
	}
	return b.ReadLive(ctx, rabbit.ScopeOf(want))
}

// Everything implements broker.
func (b liveBroker) Everything(ctx context.Context, vhosts []string) (*topology.Live, error) {
	if len(vhosts) == 0 {
		all, err := b.VHosts(ctx)
		if err != nil {
			return nil, err
		}
		vhosts = all
	}
	return b.ReadLive(ctx, rabbit.Scope{VHosts: vhosts})
}

// Owned implements exporter.Broker.
func (b liveBroker) Owned(ctx context.Context, owner string, vhosts []string) (*topology.Live, error) {
	return b.ReadLive(ctx, rabbit.Scope{VHosts: vhosts, Owner: owner})
}

// VHosts implements messageBroker.
func (b liveBroker) VHosts(ctx context.Context) ([]string, error) {
	cluster, err := b.ReadLive(ctx, rabbit.Scope{})
	if err != nil {
		return nil, err
	}
	return cluster.VHosts(), nil
}

// Lock implements broker.
func (b liveBroker) Lock(ctx context.Context, vhost, topologyName string) (func(), error) {
	return b.LockApply(ctx, vhost, topologyName)
}

// Lab implements laboratory.
func (b liveBroker) Lab(ctx context.Context, vhost string) (lab, error) { return b.OpenLab(ctx, vhost) }
