package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"time"
)

// readyTimeout limits one start. 6 s is usual on an idle machine. 150 s were too few on two cores
// under twenty times their load.
const readyTimeout = 5 * time.Minute

var linePattern = regexp.MustCompile(`^(\d+\.\d+)\.`)

func lineOf(version string) string {
	if m := linePattern.FindStringSubmatch(version); m != nil {
		return m[1]
	}
	return version
}

// waitReady polls until both listeners respond, and returns the version of the broker. It checks
// both because some RabbitMQ lines open the API listener first and others the AMQP listener.
func waitReady(ctx context.Context, amqpURL, api string, alive func() error) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		version, err := answers(ctx, amqpURL, api)
		if err == nil {
			return version, nil
		}
		if dead := alive(); dead != nil {
			return "", dead
		}
		select {
		case <-ctx.Done():
			return "", fmt.Errorf("no answer from %s: %w (last: %w)", redact(api), ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func answers(ctx context.Context, amqpURL, api string) (string, error) {
	version, err := overview(ctx, api)
	if err != nil {
		return "", err
	}
	u, err := url.Parse(amqpURL)
	if err != nil {
		return "", fmt.Errorf("parse %s: %w", redact(amqpURL), err)
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", amqpAddress(u))
	if err != nil {
		return "", err
	}
	return version, conn.Close()
}

func amqpAddress(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "5672"
		if u.Scheme == "amqps" {
			port = "5671"
		}
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func overview(ctx context.Context, api string) (string, error) {
	var out struct {
		Version string `json:"rabbitmq_version"`
	}
	if err := ask(ctx, api, "/api/overview", &out); err != nil {
		return "", err
	}
	if out.Version == "" {
		return "", fmt.Errorf("%s is not a RabbitMQ management API", redact(api))
	}
	return out.Version, nil
}

// runningNodes returns the names of the running members of a cluster.
func runningNodes(ctx context.Context, api string) ([]string, error) {
	var all []struct {
		Name    string
		Running bool
	}
	var names []string
	err := ask(ctx, api, "/api/nodes", &all)
	for _, n := range all {
		if n.Running {
			names = append(names, n.Name)
		}
	}
	return names, err
}

// ask sends one GET request to a management API and decodes the response into out.
func ask(ctx context.Context, api, path string, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+path, http.NoBody)
	if err != nil {
		return err
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", redact(api), err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, res.Body)
		return fmt.Errorf("ask %s%s: %s", redact(api), path, res.Status)
	}
	if err := json.NewDecoder(res.Body).Decode(out); err != nil {
		return fmt.Errorf("%s is not a RabbitMQ management API", redact(api))
	}
	return nil
}

func redact(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(an address that is not a URL)"
	}
	return u.Redacted()
}
