package reference

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Broker is one entry of MSGCTL_TEST_BROKERS.
type Broker struct{ Line, amqp, API string }

// ParseBrokers parses the value of MSGCTL_TEST_BROKERS.
func ParseBrokers(list string) ([]Broker, error) {
	var out []Broker
	for _, entry := range strings.Fields(list) {
		part := strings.Split(entry, ",")
		if len(part) != 3 {
			return nil, fmt.Errorf("MSGCTL_TEST_BROKERS: %q is not LINE,AMQP_URL,API_URL", entry)
		}
		out = append(out, Broker{Line: part[0], amqp: strings.TrimSuffix(part[1], "/"),
			API: strings.TrimSuffix(part[2], "/")})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("MSGCTL_TEST_BROKERS names no broker: run it by go run ./dev bench")
	}
	return out, nil
}

// VHost is the name of the vhost that the benchmark uses.
const VHost = "msgctl-bench"

// record is the path of the global parameter in which msgctl records what the topology of the
// benchmark owns.
const record = "/api/global-parameters/msgctl.bench%40" + VHost

func (b Broker) request(ctx context.Context, method, path string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, method, b.API+path, bytes.NewReader(body))
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

// EmptyVHost deletes and recreates the vhost of the benchmark, and then waits a second for the
// broker to settle.
func (b Broker) EmptyVHost(ctx context.Context) error {
	if err := b.request(ctx, http.MethodDelete, "/api/vhosts/"+VHost, nil); err != nil {
		return err
	}
	if err := b.request(ctx, http.MethodDelete, record, nil); err != nil {
		return err
	}
	if err := b.request(ctx, http.MethodPut, "/api/vhosts/"+VHost, []byte("{}")); err != nil {
		return err
	}
	u, err := url.Parse(b.API)
	if err != nil {
		return err
	}
	permission := []byte(`{"configure":".*","write":".*","read":".*"}`)
	if err := b.request(ctx, http.MethodPut, "/api/permissions/"+VHost+"/"+u.User.Username(), permission); err != nil {
		return err
	}
	time.Sleep(time.Second)
	return nil
}

// Environment returns the environment variables that make msgctl use the broker. api is the base
// URL of the management API, which may be that of a proxy.
func (b Broker) Environment(api string) []string {
	return []string{"MSGCTL_URL=" + b.amqp + "/" + VHost, "MSGCTL_API=" + api, "MSGCTL_CONTEXT=",
		"MSGCTL_CONFIG=/nonexistent"}
}

// RemoveVHost deletes the vhost of the benchmark and the record of its topology.
func (b Broker) RemoveVHost(ctx context.Context) error {
	if err := b.request(ctx, "DELETE", record, nil); err != nil {
		return err
	}
	return b.request(ctx, "DELETE", "/api/vhosts/"+VHost, nil)
}
