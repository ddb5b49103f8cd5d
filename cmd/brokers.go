package cmd

import (
	"context"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/cmd/consume"
	"github.com/msgctl/msgctl/cmd/dlq"
	"github.com/msgctl/msgctl/cmd/ops"
	"github.com/msgctl/msgctl/cmd/publish"
	"github.com/msgctl/msgctl/cmd/queue"
	"github.com/msgctl/msgctl/cmd/tail"
	topologycmd "github.com/msgctl/msgctl/cmd/topology"
	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

// brokers opens real brokers for the commands. Each command gets only the operations that it uses.
type brokers struct {
	// beforeDeadLetters is called before a command that works with dead letters.
	beforeDeadLetters func()
	// connect creates a client; it dials nothing.
	connect func(broker.Options) (*broker.Client, error)
}

// liveBrokers returns the functions that open brokers over the network.
func liveBrokers(beforeDeadLetters func()) brokers {
	return brokers{beforeDeadLetters: beforeDeadLetters, connect: broker.New}
}

// open creates a client without dialling. It reads the password, which may run the context's
// command.
func (b *brokers) open(ctx context.Context, conn *profile.Connection, command string) (liveBroker, error) {
	password, err := conn.Password(ctx)
	if err != nil {
		return liveBroker{}, cmdutil.SettingError(err)
	}
	amqpTLS, apiTLS, err := conn.TLSConfigs(ctx)
	if err != nil {
		return liveBroker{}, cmdutil.SettingError(err)
	}
	o := broker.Options{
		Host: conn.Host, Port: conn.Port, AMQPTLS: amqpTLS, VHost: conn.VHost, User: conn.User,
		Password: topology.Secret(password.Reveal()), LoginFrom: conn.LoginFrom(),
		API: conn.API, APITLS: apiTLS, Timeout: conn.Timeout, Heartbeat: conn.Heartbeat,
		ReconnectDelay: conn.ReconnectDelay, ReconnectAttempts: conn.ReconnectAttempts,
		MaxMessage: conn.MaxMessage, Name: "msgctl " + command,
	}
	client, err := b.connect(o)
	if err != nil {
		return liveBroker{}, err
	}
	return liveBroker{Client: client}, nil
}

func (b *brokers) openReader(ctx context.Context, conn *profile.Connection, command string) (subject.Reader, error) {
	return b.open(ctx, conn, command)
}

func (b *brokers) openWriter(ctx context.Context, conn *profile.Connection, command string,
	noAPI bool) (topologycmd.Broker, error) {
	if noAPI {
		amqpOnly := *conn
		amqpOnly.API = ""
		conn = &amqpOnly
	}
	return b.open(ctx, conn, command)
}

func (b *brokers) openTestVHost(ctx context.Context, conn *profile.Connection,
	command string) (topologycmd.TestVHostBroker, error) {
	return b.open(ctx, conn, command)
}

func (b *brokers) openPublisher(ctx context.Context, conn *profile.Connection, command string) (publish.Broker, error) {
	return b.open(ctx, conn, command)
}

func (b *brokers) openConsumer(ctx context.Context, conn *profile.Connection, command string) (consume.Broker, error) {
	return b.open(ctx, conn, command)
}

func (b *brokers) openTail(ctx context.Context, conn *profile.Connection, command string) (tail.Broker, error) {
	return b.open(ctx, conn, command)
}

func (b *brokers) openDeadLetters(ctx context.Context, conn *profile.Connection, command string) (dlq.Broker, error) {
	b.beforeDeadLetters()
	return b.open(ctx, conn, command)
}

func (b *brokers) openQueue(ctx context.Context, conn *profile.Connection, command string) (queue.Broker, error) {
	return b.open(ctx, conn, command)
}

func (b *brokers) openExporter(ctx context.Context, conn *profile.Connection, command string) (exporter.Broker, error) {
	return b.open(ctx, conn, command)
}

func (b *brokers) openHealth(ctx context.Context, conn *profile.Connection, command string) (ops.HealthBroker, error) {
	return b.open(ctx, conn, command)
}

// liveBroker is a broker over the network.
type liveBroker struct{ *broker.Client }

// TestVHost implements topologycmd.TestVHostBroker.
func (b liveBroker) TestVHost(ctx context.Context, vhost string) (topologycmd.TestVHost, error) {
	return b.OpenTestVHost(ctx, vhost)
}
