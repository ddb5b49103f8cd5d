package cmd

import (
	"context"
	"os"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/rabbit"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// deps is what commands need. Everything costly is made when it is first asked for, so that `msgctl
// --help` reads no file and dials nothing.
type deps struct {
	streams *terminal.Streams
	env     profile.LookupEnv
	build   Build
	colour  terminal.ColourMode // --color
	onStart func()              // called when a command begins, not for help; may be nil
	// onMessages is called before a command works with messages, onDeadLetters before it works with
	// dead letters. Both may be nil.
	onMessages, onDeadLetters func()
}

func systemDeps(build Build) *deps {
	return &deps{
		streams: terminal.System(os.LookupEnv), env: os.LookupEnv,
		build: build, colour: terminal.ColourAuto,
	}
}

// contexts reads the context file; one that does not exist is empty.
func (d *deps) contexts() (*profile.File, error) {
	f, err := profile.Load(profile.DefaultPath(d.env), d.env)
	return f, wrongSetting(err)
}

// connection decides which broker to use and shows the warnings about it. Nothing is dialled.
func (d *deps) connection(flags *profile.Flags) (*profile.Connection, error) {
	file, err := d.contexts()
	if err != nil {
		return nil, err
	}
	c, err := profile.Resolve(flags, d.env, file)
	if err != nil {
		return nil, wrongSetting(err)
	}
	d.warn(file.Warnings...)
	d.warn(c.Warnings...)
	return c, nil
}

var (
	errAPIUnreachable = rabbit.ErrAPI
	errLocked         = rabbit.ErrLocked
)

// broker prepares a client; nothing is dialled. The password is read here, which may run the
// context's command.
func (d *deps) broker(ctx context.Context, conn *profile.Connection, command string, noAPI bool) (broker, error) {
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

// queueCounts is what a queue holds.
type queueCounts = rabbit.QueueCounts

// messages prepares a client for the commands that work with messages.
func (d *deps) messages(ctx context.Context, conn *profile.Connection, command string) (messageBroker, error) {
	return d.live(ctx, conn, command)
}

// watching prepares a client for the commands that watch messages.
func (d *deps) watching(ctx context.Context, conn *profile.Connection, command string) (tailBroker, error) {
	return d.live(ctx, conn, command)
}

// exporting prepares a client for the exporter.
func (d *deps) exporting(ctx context.Context, conn *profile.Connection) (exporterBroker, error) {
	return d.live(ctx, conn, "exporter")
}

// live prepares a client for what moves or reads messages. When it fails, nobody looks at the
// client.
func (d *deps) live(ctx context.Context, conn *profile.Connection, command string) (liveBroker, error) {
	if d.onMessages != nil {
		d.onMessages()
	}
	b, err := d.broker(ctx, conn, command, false)
	if err != nil {
		return liveBroker{}, err
	}
	return b.(liveBroker), nil
}

// watchingHealth prepares a client for the commands that look at the broker itself.
func (d *deps) watchingHealth(ctx context.Context, conn *profile.Connection, command string) (healthBroker, error) {
	b, err := d.broker(ctx, conn, command, false)
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

// Owned implements exporterBroker.
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
