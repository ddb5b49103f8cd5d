package cmd

import (
	"fmt"
	"io"
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

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// endpoint is where a msgctl under way serves its metrics.
type endpoint struct {
	*bench
	r       *running
	address string
}

var servedAt = regexp.MustCompile(`"address":"([^"]+)"`)

// newEndpoint waits until a program that logs JSON serves.
func newEndpoint(b *bench, r *running) *endpoint {
	b.t.Helper()
	b.await(func() bool { return servedAt.MatchString(r.stderr.String()) || r.ended() }, "no address")
	found := servedAt.FindStringSubmatch(r.stderr.String())
	if found == nil {
		b.t.Fatal(r.stderr.String())
	}
	return &endpoint{bench: b, r: r, address: found[1]}
}

func (e *endpoint) get(path string) (int, string) {
	e.t.Helper()
	req, err := http.NewRequestWithContext(e.t.Context(), http.MethodGet, "http://"+e.address+path, nil)
	e.check(err)
	res, err := http.DefaultClient.Do(req)
	e.check(err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	e.check(err)
	return res.StatusCode, string(text)
}

// shows waits until a line is among the metrics.
func (e *endpoint) shows(line string) {
	e.t.Helper()
	text := ""
	e.await(func() bool { _, text = e.get("/metrics"); return strings.Contains(text, line+"\n") || e.r.ended() },
		"not in the metrics: "+line)
	if e.r.ended() {
		e.t.Fatal(e.r.stderr.String())
	}
}

// ready waits for an answer of /readyz.
func (e *endpoint) ready(want int) {
	e.t.Helper()
	e.await(func() bool { status, _ := e.get("/readyz"); return status == want },
		fmt.Sprintf("/readyz does not become %d", want))
}

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
func (b *bench) watch(p *program, args ...string) *endpoint {
	b.t.Helper()
	args = append([]string{"exporter", "--listen", "127.0.0.1:0", "--interval", "1s", "--topology-interval", "1s",
		"--log-format", "json"}, args...)
	return newEndpoint(b, p.start(args...))
}

// TestExporterServes: what is found is served, goes away with the broker, and comes back with it;
// looking harms nothing.
func TestExporterServes(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		c := newBench(t, b)
		t.Cleanup(func() { removeRecords(t, b, c.v.Name) })
		amqpProxy, apiProxy := rabbittest.NewProxy(t, c.v.URL), rabbittest.NewProxy(t, c.v.API)
		p := newProgram(t, amqpProxy.Through(c.v.URL), apiProxy.Through(c.v.API))
		file := writeFile(t, fmt.Sprintf(watched, c.v.Name))
		p.run("apply", "-f", file, "--yes").want(t, cmdutil.ExitOK)
		c.publish("work", 50)
		c.publish("counted", 3)
		c.reject("work", "dlq", 40)
		c.reject("counted", "counted.dlq", 3)
		e := c.watch(p, "-f", file)
		e.ready(http.StatusOK)
		in := func(queue string) string { return fmt.Sprintf(`{queue=%q,vhost=%q}`, queue, c.v.Name) }
		e.shows("msgctl_dlq_messages_ready" + in("dlq") + " 40")
		e.shows("msgctl_dlq_sampled_messages" + in("dlq") + " 20")
		e.shows(fmt.Sprintf(`msgctl_dlq_sampled_deaths{queue="dlq",reason="rejected",source_queue="work",vhost=%q} 20`,
			c.v.Name))
		e.shows("msgctl_queue_messages_ready" + in("work") + " 10")
		e.shows("msgctl_dlq_messages_ready" + in("counted.dlq") + " 3")
		if b.Line == "4.3" { // only there a look does not count as a delivery
			e.shows("msgctl_dlq_sampled_messages" + in("counted.dlq") + " 1")
		} else {
			e.shows("msgctl_dlq_sampling_refused" + in("counted.dlq") + " 1")
		}
		e.await(func() bool { // statistics come late
			_, text := e.get("/metrics")
			return regexp.MustCompile(regexp.QuoteMeta("msgctl_queue_messages_ready_bytes"+in("work")) +
				` [1-9]`).MatchString(text)
		}, "no bytes of the queue with a limit in bytes")
		_, text := e.get("/metrics")
		promtest.CheckMetrics(t, text)

		// Who cannot be consumed from can still be counted.
		amqpProxy.Refuse()
		amqpProxy.Cut()
		e.shows("msgctl_dlq_sampling_refused" + in("dlq") + " 1")
		e.shows("msgctl_dlq_messages_ready" + in("dlq") + " 40")
		e.shows("msgctl_up 1")
		amqpProxy.Heal()
		e.shows("msgctl_dlq_sampled_messages" + in("dlq") + " 20")

		apiProxy.Refuse()
		apiProxy.Cut()
		e.ready(http.StatusServiceUnavailable)
		e.shows("msgctl_up 0")
		e.shows(fmt.Sprintf("msgctl_vhost_up{vhost=%q} 0", c.v.Name))
		if _, text := e.get("/metrics"); strings.Contains(text, "msgctl_dlq_messages_ready{") ||
			strings.Contains(text, "msgctl_drift{") {
			t.Errorf("what a broker told that is away now:\n%s", text)
		}
		promtest.CheckMetrics(t, text)
		apiProxy.Heal()
		e.ready(http.StatusOK)
		e.shows("msgctl_dlq_messages_ready" + in("dlq") + " 40")

		c.check(e.r.cmd.Process.Signal(syscall.SIGTERM))
		p.wait(e.r).want(t, cmdutil.ExitOK, "stopped")
		c.awaitReturned("dlq")
		order := ""
		for range c.ready("dlq") {
			d, _, err := c.ch.Get("dlq", false)
			c.check(err)
			order += d.MessageId + " "
		}
		want := ""
		for i := range 40 {
			want += accountID(i) + " "
		}
		if order != want {
			t.Errorf("after the looks the queue has\n%s, not\n%s", order, want)
		}
	})
}

// TestExporterFollowsTheFile: it is read again. While it has errors nothing is told of drift, and
// the rest goes on.
func TestExporterFollowsTheFile(t *testing.T) {
	c := newBench(t, rabbittest.Any(t))
	t.Cleanup(func() { removeRecords(t, c.v.Broker, c.v.Name) })
	text := fmt.Sprintf(watched, c.v.Name)
	file, p := writeFile(t, text), newProgram(t, c.v.URL, c.v.API)
	p.run("apply", "-f", file, "--yes").want(t, cmdutil.ExitOK)
	e := c.watch(p, "-f", file, "--looks", "0")
	drift := fmt.Sprintf("msgctl_drift{vhost=%q}", e.v.Name)
	e.shows(drift + " 0")
	e.check(os.WriteFile(file, []byte(text+"  one.more: {}\n"), 0o600))
	e.shows(fmt.Sprintf("msgctl_drift_objects{action=\"create\",vhost=%q} 1", e.v.Name))
	e.check(os.WriteFile(file, []byte("queues: ["), 0o600))
	e.await(func() bool { _, text := e.get("/metrics"); return !strings.Contains(text, "\nmsgctl_drift") },
		"there is drift from a file that cannot be read")
	if _, text := e.get("/metrics"); strings.Contains(text, `msgctl_collection_errors_total{stage="file"} 0`) ||
		!strings.Contains(text, "\nmsgctl_up 1\n") {
		e.t.Errorf("with a broken file:\n%s", text)
	}
	e.check(os.WriteFile(file, []byte(text), 0o600))
	e.shows(drift + " 0")
}

// TestExporterSurvivesARestart of the broker: a real one.
func TestExporterSurvivesARestart(t *testing.T) {
	n := rabbittest.StartNode(t, "")
	c := newBench(t, rabbittest.Of(n))
	c.declare("work", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"})
	c.declare("dlq", nil)
	c.publish("dlq", 2)
	e := c.watch(newProgram(t, c.v.URL, c.v.API))
	line := fmt.Sprintf(`msgctl_dlq_messages_ready{queue="dlq",vhost=%q} 2`, c.v.Name)
	e.shows(line)
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.await(func() bool { return strings.Contains(e.r.stderr.String(), "msgctl_up is 0 until it can") },
		"it did not see the broker go")
	e.ready(http.StatusOK)
	e.shows(line)
	e.shows("msgctl_up 1")
	e.shows(fmt.Sprintf(`msgctl_dlq_sampled_messages{queue="dlq",vhost=%q} 2`, c.v.Name))
}

// TestExporterCost: the requests to the management API do not grow with the dead-letter queues, nor
// with the scrapes; the looks neither.
func TestExporterCost(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		c := newBench(t, b)
		to, err := url.Parse(c.v.API)
		c.check(err)
		to.User = nil
		var requests atomic.Int64
		proxy := httputil.NewSingleHostReverseProxy(to)
		counting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(counting.Close)
		api, err := url.Parse(counting.URL)
		c.check(err)
		api.User = url.UserPassword(c.v.Login, c.v.Password)
		p := newProgram(t, c.v.URL, api.String())
		declare := func(i int) {
			c.declare(fmt.Sprintf("work%d", i), map[string]any{"x-dead-letter-exchange": "",
				"x-dead-letter-routing-key": fmt.Sprintf("dlq%d", i)})
			c.declare(fmt.Sprintf("dlq%d", i), nil)
			c.check(c.ch.PublishWithContext(t.Context(), "", fmt.Sprintf("dlq%d", i), false, false,
				amqp.Publishing{Body: []byte("x")}))
		}
		declare(0)
		collect := func() (int64, string) {
			before := requests.Load()
			r := p.run("exporter", "--once", "--looks", "4")
			r.want(t, cmdutil.ExitOK)
			return requests.Load() - before, r.stdout
		}
		few, _ := collect()
		const many = 300
		for i := 1; i < many; i++ {
			declare(i)
		}
		c.await(func() bool { return c.ready(fmt.Sprintf("dlq%d", many-1)) == 1 }, "not all are published")
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

		e := c.watch(p, "--interval", "1h", "--topology-interval", "1h")
		e.ready(http.StatusOK)
		before := requests.Load()
		for range 20 {
			e.get("/metrics")
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
		c := newBench(t, b)
		c.declare("work", map[string]any{"x-max-length": 10, "x-max-length-bytes": 1000, "x-dead-letter-exchange": "",
			"x-dead-letter-routing-key": "dlq"})
		c.declare("dlq", nil)
		api, err := url.Parse(b.API)
		c.check(err)
		e := &endpoint{bench: c, r: &running{done: make(chan struct{})}, address: api.Hostname() + ":" + port}
		text := ""
		for _, metric := range []string{"messages_ready", "messages_ready_bytes", "consumers"} {
			want := fmt.Sprintf("rabbitmq_detailed_queue_%s{vhost=%q,queue=\"dlq\"} 0\n", metric, c.v.Name)
			c.await(func() bool {
				_, text = e.get("/metrics/detailed?family=queue_coarse_metrics&family=queue_metrics&family=queue_consumer_count&vhost=" + url.QueryEscape(c.v.Name))
				return strings.Contains(text, want)
			}, "the broker has no "+want)
		}
		file := writeFile(t, fmt.Sprintf("vhost: %q\nqueues:\n  work: { maxLength: 10, maxLengthBytes: 1kB, deadLetter: "+
			"dlq }\n  dlq:\n", c.v.Name))
		rules := newProgram(t, c.v.URL, c.v.API).run("alerts", "-f", file, "--source", "rabbitmq")
		rules.want(t, cmdutil.ExitOK)
		for _, m := range regexp.MustCompile(`\((\w+)\{`).FindAllStringSubmatch(rules.stdout, -1) {
			if !strings.Contains(text, "\n"+m[1]+"{") {
				t.Errorf("the broker does not serve %s", m[1])
			}
		}
	})
}
