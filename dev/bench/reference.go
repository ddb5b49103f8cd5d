package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	rabbithole "github.com/michaelklishin/rabbit-hole/v2"
)

// broker is one entry of MSGCTL_TEST_BROKERS.
type broker struct{ line, amqp, api string }

func parseBrokers(list string) ([]broker, error) {
	var out []broker
	for _, entry := range strings.Fields(list) {
		part := strings.Split(entry, ",")
		if len(part) != 3 {
			return nil, fmt.Errorf("MSGCTL_TEST_BROKERS: %q is not LINE,AMQP_URL,API_URL", entry)
		}
		out = append(out, broker{line: part[0], amqp: strings.TrimSuffix(part[1], "/"),
			api: strings.TrimSuffix(part[2], "/")})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("MSGCTL_TEST_BROKERS names no broker: run it by go run ./dev bench")
	}
	return out, nil
}

// vhost is where the objects of the benchmark live.
const vhost = "msgctl-bench"

// record is where msgctl keeps what the benchmark's topology owns.
const record = "/api/global-parameters/msgctl.bench%40" + vhost

func (b broker) request(ctx context.Context, method, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, b.api+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if res.StatusCode >= http.StatusMultipleChoices &&
		(method != http.MethodDelete || res.StatusCode != http.StatusNotFound) {
		return fmt.Errorf("%s %s: %d %s", method, path, res.StatusCode, text)
	}
	return nil
}

// emptyVHost makes the benchmark's vhost anew and lets the broker come to rest.
func (b broker) emptyVHost(ctx context.Context) error {
	if err := b.request(ctx, http.MethodDelete, "/api/vhosts/"+vhost, nil); err != nil {
		return err
	}
	if err := b.request(ctx, http.MethodDelete, record, nil); err != nil {
		return err
	}
	if err := b.request(ctx, http.MethodPut, "/api/vhosts/"+vhost, []byte("{}")); err != nil {
		return err
	}
	u, err := url.Parse(b.api)
	if err != nil {
		return err
	}
	permission := []byte(`{"configure":".*","write":".*","read":".*"}`)
	if err := b.request(ctx, http.MethodPut, "/api/permissions/"+vhost+"/"+u.User.Username(), permission); err != nil {
		return err
	}
	time.Sleep(time.Second)
	return nil
}

// bulkImport lets the broker import the workload by itself.
func (b broker) bulkImport(ctx context.Context, w workload) (time.Duration, error) {
	body, err := w.definitions()
	if err != nil {
		return 0, err
	}
	start := time.Now()
	err = b.request(ctx, http.MethodPost, "/api/definitions/"+vhost, body)
	return time.Since(start), err
}

// sequentialPuts declares the workload with rabbit-hole, one request after the other.
func (b broker) sequentialPuts(w workload) (time.Duration, error) {
	u, err := url.Parse(b.api)
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
		if err := put(client.DeclareExchange(vhost, exchangeName(i),
			rabbithole.ExchangeSettings{Type: "topic", Durable: true})); err != nil {
			return 0, err
		}
	}
	for i := range w.queues {
		settings := rabbithole.QueueSettings{Durable: true, Arguments: object{"x-queue-type": "classic"}}
		if err := put(client.DeclareQueue(vhost, queueName(i), settings)); err != nil {
			return 0, err
		}
	}
	for i := range w.bindings {
		x, q, key := w.binding(i)
		info := rabbithole.BindingInfo{Source: x, Destination: q, DestinationType: "queue", RoutingKey: key}
		if err := put(client.DeclareBinding(vhost, info)); err != nil {
			return 0, err
		}
	}
	return time.Since(start), nil
}
