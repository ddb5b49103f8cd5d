package ops_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

const watched = `version: 1
name: watched
vhost: %q
queues:
  work: { type: classic, deadLetter: dlq, maxLengthBytes: 1MB }
  counted: { type: classic, deadLetter: counted.dlq }
  dlq: { type: classic }
  counted.dlq: { type: quorum, deliveryLimit: 1000 }
`

// watch starts an exporter that counts every second.
func watch(f *cmdtest.Fixture, p *cmdtest.Program, args ...string) *cmdtest.Endpoint {
	f.T.Helper()
	args = append([]string{"exporter", "--listen", "127.0.0.1:0", "--interval", "1s", "--topology-interval", "1s",
		"--log-format", "json"}, args...)
	return cmdtest.NewEndpoint(f, p.Start(args...))
}

// TestExporterServes: what is found is served, goes away with the broker, and comes back with it;
// looking harms nothing.
func TestExporterServes(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		c := cmdtest.NewFixture(t, b)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, c.VHost.Name) })
		amqpProxy, apiProxy := rabbittest.NewProxy(t, c.VHost.URL), rabbittest.NewProxy(t, c.VHost.API)
		p := cmdtest.NewProgram(t, amqpProxy.Through(c.VHost.URL), apiProxy.Through(c.VHost.API))
		file := cmdtest.WriteFile(t, fmt.Sprintf(watched, c.VHost.Name))
		p.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitOK)
		c.Publish("work", 50)
		c.Publish("counted", 3)
		c.Reject("work", "dlq", 40)
		c.Reject("counted", "counted.dlq", 3)
		e := watch(c, p, "-f", file)
		e.AwaitReady(http.StatusOK)
		e.Burden() // slow and idle clients hold up nothing of what follows
		in := func(queue string) string { return fmt.Sprintf(`{queue=%q,vhost=%q}`, queue, c.VHost.Name) }
		e.Shows("msgctl_dlq_messages_ready" + in("dlq") + " 40")
		e.Shows("msgctl_dlq_sampled_messages" + in("dlq") + " 20")
		e.Shows(fmt.Sprintf(`msgctl_dlq_sampled_deaths{queue="dlq",reason="rejected",source_queue="work",vhost=%q} 20`,
			c.VHost.Name))
		e.Shows("msgctl_queue_messages_ready" + in("work") + " 10")
		e.Shows("msgctl_dlq_messages_ready" + in("counted.dlq") + " 3")
		if b.Line == "4.3" { // only there a look does not count as a delivery
			e.Shows("msgctl_dlq_sampled_messages" + in("counted.dlq") + " 1")
		} else {
			e.Shows("msgctl_dlq_sampling_refused" + in("counted.dlq") + " 1")
		}
		e.Await(func() bool { // statistics come late
			_, text := e.Get("/metrics")
			return regexp.MustCompile(regexp.QuoteMeta("msgctl_queue_messages_ready_bytes"+in("work")) +
				` [1-9]`).MatchString(text)
		}, "no bytes of the queue with a limit in bytes")
		_, text := e.Get("/metrics")
		promtest.CheckMetrics(t, text)

		// Who cannot be consumed from can still be counted.
		amqpProxy.Refuse()
		amqpProxy.Cut()
		e.Shows("msgctl_dlq_sampling_refused" + in("dlq") + " 1")
		e.Shows("msgctl_dlq_messages_ready" + in("dlq") + " 40")
		e.Shows("msgctl_up 1")
		amqpProxy.Heal()
		e.Shows("msgctl_dlq_sampled_messages" + in("dlq") + " 20")

		apiProxy.Refuse()
		apiProxy.Cut()
		e.AwaitReady(http.StatusServiceUnavailable)
		e.Shows("msgctl_up 0")
		e.Shows(fmt.Sprintf("msgctl_vhost_up{vhost=%q} 0", c.VHost.Name))
		if _, text := e.Get("/metrics"); strings.Contains(text, "msgctl_dlq_messages_ready{") ||
			strings.Contains(text, "msgctl_drift{") {
			t.Errorf("what a broker told that is away now:\n%s", text)
		}
		promtest.CheckMetrics(t, text)
		apiProxy.Heal()
		e.AwaitReady(http.StatusOK)
		e.Shows("msgctl_dlq_messages_ready" + in("dlq") + " 40")

		c.Check(e.Run.Cmd.Process.Signal(syscall.SIGTERM))
		p.Wait(e.Run).Want(t, cmdutil.ExitOK, "stopped")
		c.AwaitReturned("dlq")
		order := ""
		for range c.Ready("dlq") {
			d, _, err := c.Ch.Get("dlq", false)
			c.Check(err)
			order += d.MessageId + " "
		}
		want := ""
		for i := range 40 {
			want += cmdtest.MessageID(i) + " "
		}
		if order != want {
			t.Errorf("after the looks the queue has\n%s, not\n%s", order, want)
		}
	})
}

// TestExporterFollowsTheFile: it is read again. While it has errors nothing is told of drift, and
// the rest goes on.
func TestExporterFollowsTheFile(t *testing.T) {
	c := cmdtest.NewFixture(t, rabbittest.Any(t))
	t.Cleanup(func() { cmdtest.RemoveRecords(t, c.VHost.Broker, c.VHost.Name) })
	text := fmt.Sprintf(watched, c.VHost.Name)
	file, p := cmdtest.WriteFile(t, text), cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API)
	p.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitOK)
	e := watch(c, p, "-f", file, "--browse-queues", "0")
	drift := fmt.Sprintf("msgctl_drift{vhost=%q}", e.VHost.Name)
	e.Shows(drift + " 0")
	e.Check(os.WriteFile(file, []byte(text+"  one.more: {}\n"), 0o600))
	e.Shows(fmt.Sprintf("msgctl_drift_objects{action=\"create\",vhost=%q} 1", e.VHost.Name))
	e.Check(os.WriteFile(file, []byte("queues: ["), 0o600))
	e.Await(func() bool { _, text := e.Get("/metrics"); return !strings.Contains(text, "\nmsgctl_drift") },
		"there is drift from a file that cannot be read")
	if _, text := e.Get("/metrics"); strings.Contains(text, `msgctl_collection_errors_total{stage="file"} 0`) ||
		!strings.Contains(text, "\nmsgctl_up 1\n") {
		e.T.Errorf("with a broken file:\n%s", text)
	}
	e.Check(os.WriteFile(file, []byte(text), 0o600))
	e.Shows(drift + " 0")
}

// TestExporterSurvivesARestart of the broker: a real one.
func TestExporterSurvivesARestart(t *testing.T) {
	n := rabbittest.StartNode(t, "")
	c := cmdtest.NewFixture(t, rabbittest.Of(n))
	c.Declare("work", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"})
	c.Declare("dlq", nil)
	c.Publish("dlq", 2)
	e := watch(c, cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API))
	line := fmt.Sprintf(`msgctl_dlq_messages_ready{queue="dlq",vhost=%q} 2`, c.VHost.Name)
	e.Shows(line)
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.Await(func() bool { return strings.Contains(e.Run.Stderr.String(), "msgctl_up is 0 until it can") },
		"it did not see the broker go")
	e.AwaitReady(http.StatusOK)
	e.Shows(line)
	e.Shows("msgctl_up 1")
	e.Shows(fmt.Sprintf(`msgctl_dlq_sampled_messages{queue="dlq",vhost=%q} 2`, c.VHost.Name))
}

// TestExporterCost: the requests to the management API do not grow with the dead-letter queues, nor
// with the scrapes; the looks neither.
func TestExporterCost(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		c := cmdtest.NewFixture(t, b)
		to, err := url.Parse(c.VHost.API)
		c.Check(err)
		to.User = nil
		var requests atomic.Int64
		proxy := httputil.NewSingleHostReverseProxy(to)
		proxy.ModifyResponse = func(r *http.Response) error {
			if r.StatusCode < http.StatusInternalServerError { // others are asked again: fact transient-500
				requests.Add(1)
			}
			return nil
		}
		counting := httptest.NewServer(proxy)
		t.Cleanup(counting.Close)
		api, err := url.Parse(counting.URL)
		c.Check(err)
		api.User = url.UserPassword(c.VHost.Login, c.VHost.Password)
		p := cmdtest.NewProgram(t, c.VHost.URL, api.String())
		declare := func(i int) {
			c.Declare(fmt.Sprintf("work%d", i), map[string]any{"x-dead-letter-exchange": "",
				"x-dead-letter-routing-key": fmt.Sprintf("dlq%d", i)})
			c.Declare(fmt.Sprintf("dlq%d", i), nil)
			c.Check(c.Ch.PublishWithContext(t.Context(), "", fmt.Sprintf("dlq%d", i), false, false,
				amqp.Publishing{Body: []byte("x")}))
		}
		declare(0)
		collect := func() (int64, string) {
			before := requests.Load()
			r := p.Run("exporter", "--once", "--browse-queues", "4")
			r.Want(t, cmdutil.ExitOK)
			return requests.Load() - before, r.Stdout
		}
		few, _ := collect()
		const many = 300
		for i := 1; i < many; i++ {
			declare(i)
		}
		c.Await(func() bool { return c.Ready(fmt.Sprintf("dlq%d", many-1)) == 1 }, "not all are published")
		more, text := collect()
		if few != more || few > 30 {
			t.Errorf("%d requests for one dead-letter queue, %d for %d", few, more, many)
		}
		if n := strings.Count(text, "\nmsgctl_dlq_messages_ready{"); n != many {
			t.Errorf("%d dead-letter queues are told of", n)
		}
		if n := strings.Count(text, "\nmsgctl_dlq_sample_timestamp_seconds{"); n != 4 {
			t.Errorf("%d queues were looked into, where 4 may be", n)
		}

		e := watch(c, p, "--interval", "1h", "--topology-interval", "1h")
		e.AwaitReady(http.StatusOK)
		before := requests.Load()
		for range 20 {
			e.Get("/metrics")
		}
		if n := requests.Load() - before; n != 0 {
			t.Errorf("20 scrapes made %d requests", n)
		}
	})
}

// TestBrokerHasTheMetrics that alerts --source rabbitmq asks for.
func TestBrokerHasTheMetrics(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		var overview struct {
			Contexts []struct {
				Description string `json:"description"`
				Port        string `json:"port"`
			} `json:"contexts"`
		}
		b.Admin().Get(t, "/api/overview", &overview)
		port := ""
		for _, c := range overview.Contexts {
			if strings.Contains(c.Description, "Prometheus") {
				port = c.Port
			}
		}
		if port == "" {
			t.Skip("the plugin rabbitmq_prometheus is not enabled")
		}
		c := cmdtest.NewFixture(t, b)
		c.Declare("work", map[string]any{"x-max-length": 10, "x-max-length-bytes": 1000, "x-dead-letter-exchange": "",
			"x-dead-letter-routing-key": "dlq"})
		c.Declare("dlq", nil)
		api, err := url.Parse(b.API)
		c.Check(err)
		e := &cmdtest.Endpoint{Fixture: c, Address: api.Hostname() + ":" + port}
		text := ""
		for _, metric := range []string{"messages_ready", "messages_ready_bytes", "consumers"} {
			want := fmt.Sprintf("rabbitmq_detailed_queue_%s{vhost=%q,queue=\"dlq\"} 0\n", metric, c.VHost.Name)
			c.Await(func() bool {
				_, text = e.Get("/metrics/detailed?family=queue_coarse_metrics&family=queue_metrics" +
					"&family=queue_consumer_count&vhost=" + url.QueryEscape(c.VHost.Name))
				return strings.Contains(text, want)
			}, "the broker has no "+want)
		}
		file := cmdtest.WriteFile(t, fmt.Sprintf("vhost: %q\nqueues:\n  work: { maxLength: 10, maxLengthBytes: 1kB, "+
			"deadLetter: "+
			"dlq }\n  dlq:\n", c.VHost.Name))
		rules := cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API).Run("alerts", "-f", file, "--source", "rabbitmq")
		rules.Want(t, cmdutil.ExitOK)
		for _, m := range regexp.MustCompile(`\((\w+)\{`).FindAllStringSubmatch(rules.Stdout, -1) {
			if !strings.Contains(text, "\n"+m[1]+"{") {
				t.Errorf("the broker does not serve %s", m[1])
			}
		}
	})
}
