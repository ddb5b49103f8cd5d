package reference

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"

	rabbithole "github.com/michaelklishin/rabbit-hole/v2"
)

// BulkImport declares the workload with the definitions import of the broker and returns how long
// this takes.
func (b Broker) BulkImport(ctx context.Context, w Workload) (time.Duration, error) {
	body, err := w.definitions()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = b.request(ctx, http.MethodPost, "/api/definitions/"+VHost, body)
	return time.Since(start), err
}

// SequentialPuts declares the workload with rabbit-hole, one request after another, and returns how
// long this takes.
func (b Broker) SequentialPuts(w Workload) (time.Duration, error) {
	u, err := url.Parse(b.API)
	if err != nil {
		return 0, err
	}
	password, _ := u.User.Password()
	client, err := rabbithole.NewClient("http://"+u.Host, u.User.Username(), password)
	if err != nil {
		return 0, err
	}
	start := time.Now()
	put := func(res *http.Response, err error) error {
		if err != nil {
			return err
		}
		_, _ = io.Copy(io.Discard, res.Body)
		return res.Body.Close()
	}
	for i := range w.exchanges {
		if err := put(client.DeclareExchange(VHost, exchangeName(i),
			rabbithole.ExchangeSettings{Type: "topic", Durable: true})); err != nil {
			return 0, err
		}
	}
	for i := range w.queues {
		settings := rabbithole.QueueSettings{Durable: true, Arguments: object{"x-queue-type": "classic"}}
		if err := put(client.DeclareQueue(VHost, QueueName(i), settings)); err != nil {
			return 0, err
		}
	}
	for i := range w.bindings {
		x, q, key := w.binding(i)
		info := rabbithole.BindingInfo{Source: x, Destination: q, DestinationType: "queue", RoutingKey: key}
		if err := put(client.DeclareBinding(VHost, info)); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
