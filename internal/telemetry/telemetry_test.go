package telemetry_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/telemetry"
)

func get(t *testing.T, addr, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func TestServer(t *testing.T) {
	m := telemetry.NewConsumerMetrics("q")
	var notReady error
	s, err := telemetry.Serve(t.Context(), "127.0.0.1:0", m, func() error { return notReady })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	m.Consumed.WithLabelValues(telemetry.ValidLabel("a\"b\\c\nd\xff"), "handled").Inc()
	m.Consumed.WithLabelValues("", "retried").Add(2)
	m.InFlight.Add(3)
	m.InFlight.Dec()
	for _, v := range []float64{0.0005, 0.0006, 3, 1000} {
		m.Duration.WithLabelValues("t").Observe(v)
	}
	status, text := get(t, s.Addr, "/metrics")
	for _, want := range []string{
		"# TYPE messages_consumed_total counter\n", "# TYPE message_processing_duration_seconds histogram\n",
		`messages_consumed_total{event_type="a\"b\\c\nd` + "\uFFFD" + `",queue="q",status="handled"} 1` + "\n",
		`messages_consumed_total{event_type="",queue="q",status="retried"} 2` + "\n",
		`messages_in_flight{queue="q"} 2` + "\n",
		`message_processing_duration_seconds_bucket{event_type="t",queue="q",le="0.0005"} 1` + "\n",
		`message_processing_duration_seconds_bucket{event_type="t",queue="q",le="0.001"} 2` + "\n",
		`message_processing_duration_seconds_bucket{event_type="t",queue="q",le="5"} 3` + "\n",
		`message_processing_duration_seconds_bucket{event_type="t",queue="q",le="+Inf"} 4` + "\n",
		`message_processing_duration_seconds_sum{event_type="t",queue="q"} 1003.0011` + "\n",
		`message_processing_duration_seconds_count{event_type="t",queue="q"} 4` + "\n",
	} {
		if status != http.StatusOK || !strings.Contains(text, want) {
			t.Errorf("%d, without %q in\n%s", status, want, text)
		}
	}
	if status, text = get(t, s.Addr, "/readyz"); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, text)
	}
	notReady = errors.New("the connection was lost")
	if status, text = get(t, s.Addr, "/readyz"); status != http.StatusServiceUnavailable ||
		!strings.Contains(text, "was lost") {
		t.Errorf("not ready: %d %s", status, text)
	}
	if status, _ = get(t, s.Addr, "/healthz"); status != http.StatusOK {
		t.Errorf("healthz: %d", status)
	}
}

func TestLabelsAreBounded(t *testing.T) {
	l := telemetry.BoundedLabel{Limit: 3}
	seen := map[string]bool{}
	for i := range 100 {
		seen[l.Value("type"+strconv.Itoa(i))] = true
	}
	if fmt.Sprint(len(seen)) != "4" || !seen[telemetry.Other] || l.Value("type1") != "type1" {
		t.Errorf("%v", seen)
	}
}

// TestSlowClients: clients that ask again and again and read nothing do not hold up who counts, nor
// the answers to others, nor forever the memory of an answer.
func TestSlowClients(t *testing.T) {
	m := telemetry.NewConsumerMetrics("q")
	for i := range 500 { // a thousand answers are more than any buffer takes
		m.Consumed.WithLabelValues("type"+strconv.Itoa(i), "handled").Inc()
	}
	s, err := telemetry.Serve(t.Context(), "127.0.0.1:0", m, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	for range 4 {
		c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		_ = c.(*net.TCPConn).SetReadBuffer(2048)
		if _, err := io.WriteString(c, strings.Repeat("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 1000)); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 {
		m.Consumed.WithLabelValues("type1", "handled").Inc()
		if status, _ := get(t, s.Addr, "/metrics"); status != http.StatusOK {
			t.Errorf("/metrics answers %d", status)
		}
	}
	_, text := get(t, s.Addr, "/metrics")
	if want := `messages_consumed_total{event_type="type1",queue="q",status="handled"} 21`; !strings.Contains(text, want) {
		t.Errorf("not in the metrics: %s", want)
	}
}

// TestText: the text format, without collectors of the Go runtime or the process.
func TestText(t *testing.T) {
	m := telemetry.NewConsumerMetrics("a\xff")
	m.InFlight.Set(0.5)
	var b strings.Builder
	if err := telemetry.WriteText(&b, m); err != nil {
		t.Fatal(err)
	}
	want := "# HELP broker_reconnects_total Connections to the broker that were lost and restored.\n" +
		"# TYPE broker_reconnects_total counter\nbroker_reconnects_total{queue=\"a\uFFFD\"} 0\n" +
		"# HELP messages_in_flight Messages that are being handled.\n# TYPE messages_in_flight gauge\n" +
		"messages_in_flight{queue=\"a\uFFFD\"} 0.5\n"
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

func TestServerWithoutAHostIsForThisMachine(t *testing.T) {
	s, err := telemetry.Serve(t.Context(), ":0", telemetry.NewConsumerMetrics("q"), func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if host, _, err := net.SplitHostPort(s.Addr); err != nil || host != "127.0.0.1" {
		t.Errorf("it listens on %s", s.Addr)
	}
}
