package consume_test

import (
	"net/http"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestConsumerTellsAboutItself: metrics count what happened, and readiness follows the connection.
func TestConsumerTellsAboutItself(t *testing.T) {
	b := rabbittest.Any(t)
	c := cmdtest.NewFixture(t, b)
	proxy := rabbittest.NewProxy(t, c.VHost.URL)
	p := cmdtest.NewProgram(t, proxy.Through(c.VHost.URL), c.VHost.API)
	c.Declare("work", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"})
	c.Declare("dlq", nil)
	c.Publish("work", 5)
	r := p.Start("consume", "work", "--exec", `test "$(cat)" != 3`, "--metrics", "127.0.0.1:0", "--log-format", "json",
		"--reconnect-delay", "200ms", "--reconnect-attempts", "1000")
	e := cmdtest.NewEndpoint(c, r)
	e.AwaitReady(http.StatusOK)
	for _, want := range []string{
		`messages_consumed_total{event_type="",queue="work",status="handled"} 4`,
		`messages_consumed_total{event_type="",queue="work",status="dead-lettered"} 1`,
		`messages_failed_total{error="exit 1",event_type="",queue="work"} 1`,
		`messages_published_total{event_type="",exchange="",routing_key="dlq"} 1`,
		`message_processing_duration_seconds_count{event_type="",queue="work"} 5`, `messages_in_flight{queue="work"} 0`,
	} {
		e.Shows(want)
	}
	_, text := e.Get("/metrics")
	promtest.CheckMetrics(t, text)
	// Slow and idle clients hold up neither messages nor the answers to others.
	e.Burden()
	c.Publish("work", 3)
	e.Shows(`messages_consumed_total{event_type="",queue="work",status="handled"} 7`)

	proxy.Refuse()
	proxy.Cut()
	e.AwaitReady(http.StatusServiceUnavailable)
	proxy.Heal()
	e.AwaitReady(http.StatusOK)
	e.Shows(`broker_reconnects_total{queue="work"} 2`) // the connection that receives, and the one that publishes
}
