package replay_test

import (
	"context"
	"net/url"
	"strconv"
	"testing"
	"time"

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

func declareExchange(t *testing.T, ch *amqp.Channel, name, kind string, a amqp.Table) {
	t.Helper()
	must(t, ch.ExchangeDeclare(name, kind, true, false, false, false, a))
}

func await(t *testing.T, ch *amqp.Channel, queue string) amqp.Delivery {
	t.Helper()
	for range 50 {
		m, ok, err := ch.Get(queue, false)
		must(t, err)
		if ok {
			return m
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("nothing came into %q", queue)
	return amqp.Delivery{}
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

// lookCounter asks over AMQP, as msgctl does.
type lookCounter struct{ ch *amqp.Channel }

func (c lookCounter) Ready(_ context.Context, queue string) (int64, error) {
	q, err := c.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
	return int64(q.Messages), err
}
