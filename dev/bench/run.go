package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"time"
)

// usage is what one run of a program took.
type usage struct {
	wall    time.Duration
	cpu     time.Duration // of its process, not of the broker's
	peakKiB int64
	out     []byte // what it wrote, to both streams
}

// run executes a program to its end and fails with its output when it fails.
func run(ctx context.Context, env []string, name string, args ...string) (usage, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Start()
	var peak int64
	if err == nil {
		seen := watchPeak(cmd.Process.Pid)
		err = cmd.Wait()
		peak = seen()
	}
	if err != nil {
		return usage{}, fmt.Errorf("%s %v: %w\n%s", name, args, err, out.Bytes())
	}
	return usage{
		wall: time.Since(start), out: out.Bytes(), peakKiB: peak,
		cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
	}, nil
}

// environment names the broker to msgctl; api may be a proxy's address.
func (b broker) environment(api string) []string {
	return []string{"MSGCTL_URL=" + b.amqp + "/" + vhost, "MSGCTL_API=" + api, "MSGCTL_CONTEXT=",
		"MSGCTL_CONFIG=/nonexistent"}
}

// countingProxy passes HTTP requests on to the broker and counts them.
type countingProxy struct {
	url      string
	requests atomic.Int64
	server   *http.Server
}

func newCountingProxy(target string) (*countingProxy, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	p := &countingProxy{}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: u.Scheme,
			Host: u.Host})
	}}
	listener, err := listenLocal()
	if err != nil {
		return nil, err
	}
	p.server = &http.Server{ReadHeaderTimeout: time.Minute,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			p.requests.Add(1)
			proxy.ServeHTTP(w, r)
		})}
	go func() { _ = p.server.Serve(listener) }()
	p.url = (&url.URL{Scheme: "http", User: u.User, Host: listener.Addr().String()}).String()
	return p, nil
}

func median[T ~int64](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}
