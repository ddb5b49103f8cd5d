package promtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Server is a Prometheus of a test's own.
type Server struct {
	t    testing.TB
	base string
	log  bytes.Buffer // valid when the process is gone
}

// Start runs a Prometheus that scrapes every second, and stops it at the end of the test.
func Start(t testing.TB, rules []byte, targets ...string) *Server {
	t.Helper()
	program := need(t, "prometheus")
	dir := t.TempDir()
	config := "global: { scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s }\nrule_files: " +
		"[rules.yaml]\nscrape_configs:\n"
	for i, target := range targets {
		config += fmt.Sprintf("  - { job_name: job%d, static_configs: [ { targets: [%q] } ] }\n", i, target)
	}
	for name, text := range map[string][]byte{"prometheus.yaml": []byte(config), "rules.yaml": rules} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := &Server{t: t}
	address := free(t)
	s.base = "http://" + address
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, program, "--config.file="+filepath.Join(dir, "prometheus.yaml"),
		"--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+address, "--log.level=warn")
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		stop()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		_ = cmd.Wait() // it was interrupted
		if t.Failed() {
			t.Logf("prometheus: %s", s.log.String())
		}
	})
	s.Await("Prometheus is not ready", func() bool { _, err := s.get("/-/ready"); return err == nil })
	return s
}

// free returns an unused address.
func free(t testing.TB) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Await waits until a condition is true.
func (s *Server) Await(otherwise string, ask func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(time.Minute); !ask(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatal(otherwise)
		}
	}
}

func (s *Server) get(path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, s.base+path, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, text)
	}
	return text, err
}

// Query evaluates an expression now and returns the values of the resulting series.
func (s *Server) Query(expr string) []string {
	s.t.Helper()
	text, err := s.get("/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		s.t.Fatal(err)
	}
	var values []string
	for _, r := range answer.Data.Result {
		values = append(values, fmt.Sprint(r.Value[1]))
	}
	return values
}

// Alert is one that is pending or firing.
type Alert struct {
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	State       string            `json:"state"`
}

// Alerts returns the alerts of a name that are pending or firing.
func (s *Server) Alerts(name string) []Alert {
	s.t.Helper()
	text, err := s.get("/api/v1/alerts")
	if err != nil {
		s.t.Fatal(err)
	}
	var answer struct {
		Data struct {
			Alerts []Alert `json:"alerts"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		s.t.Fatal(err)
	}
	var list []Alert
	for _, a := range answer.Data.Alerts {
		if a.Labels["alertname"] == name {
			list = append(list, a)
		}
	}
	return list
}
