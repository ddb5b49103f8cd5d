package browse_test

import (
	"net/url"
	"strconv"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func declareQueues(t *testing.T, ch *amqp.Channel, a amqp.Table, names ...string) {
	t.Helper()
	for _, n := range names {
		_, err := ch.QueueDeclare(n, true, false, false, false, a)
		must(t, err)
	}
}

// liveClient connects the code under test as a test's user.
func liveClient(tb testing.TB, u rabbittest.User) *broker.Client {
	tb.Helper()
	a, err := url.Parse(u.URL)
	if err != nil {
		tb.Fatal("a broker's address is not a URL")
	}
	api, err := url.Parse(u.API)
	if err != nil {
		tb.Fatal("an API's address is not a URL")
	}
	api.User = nil
	port, _ := strconv.Atoi(a.Port())
	password, _ := a.User.Password()
	c, err := broker.New(broker.Options{Host: a.Hostname(), Port: port, User: a.User.Username(),
		Password: topology.Secret(password), API: api.String(), Name: "msgctl test"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// readLive reads a test's vhost.
func readLive(tb testing.TB, c *broker.Client, vhost string) *topology.Live {
	tb.Helper()
	l, err := c.ReadLive(tb.Context(), broker.Scope{VHosts: []string{vhost}})
	if err != nil {
		tb.Fatal(err)
	}
	return l
}
