package cmd

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestConsumerTellsAboutItself: metrics count what happened, and readiness follows the connection.
func TestConsumerTellsAboutItself(t *testing.T) {
	b := rabbittest.Any(t)
	c := newBench(t, b)
	proxy := rabbittest.NewProxy(t, c.v.URL)
	p := newProgram(t, proxy.Through(c.v.URL), c.v.API)
	c.declare("work", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"})
	c.declare("dlq", nil)
	c.publish("work", 5)
	r := p.start("consume", "work", "--exec", `test "$(cat)" != 3`, "--metrics", "127.0.0.1:0", "--log-format", "json", "--reconnect-delay", "200ms", "--reconnect-attempts", "1000")
	address := regexp.MustCompile(`"address":"([^"]+)"`)
	c.await(func() bool { return address.MatchString(r.stderr.String()) || r.ended() }, "no address")
	found := address.FindStringSubmatch(r.stderr.String())
	if found == nil {
		t.Fatal(r.stderr.String())
	}
	get := func(path string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+found[1]+path, nil)
		c.check(err)
		res, err := http.DefaultClient.Do(req)
		c.check(err)
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		c.check(err)
		return res.StatusCode, string(text)
	}
	ready := func(want int) {
		t.Helper()
		c.await(func() bool { status, _ := get("/readyz"); return status == want }, "/readyz does not follow the connection")
	}
	ready(http.StatusOK)
	counts := func(want string) {
		t.Helper()
		text := ""
		c.await(func() bool { _, text = get("/metrics"); return strings.Contains(text, want+"\n") || r.ended() }, "not in the metrics: "+want)
	}
	for _, want := range []string{
		`messages_consumed_total{queue="work",event_type="",status="handled"} 4`, `messages_consumed_total{queue="work",event_type="",status="dead-lettered"} 1`,
		`messages_failed_total{queue="work",event_type="",error="exit 1"} 1`, `messages_published_total{exchange="",routing_key="dlq",event_type=""} 1`,
		`message_processing_duration_seconds_count{queue="work",event_type=""} 5`, `messages_in_flight{queue="work"} 0`,
	} {
		counts(want)
	}
	proxy.Refuse()
	proxy.Cut()
	ready(http.StatusServiceUnavailable)
	proxy.Heal()
	ready(http.StatusOK)
	counts(`broker_reconnects_total{queue="work"} 2`) // the connection that receives, and the one that publishes
}
