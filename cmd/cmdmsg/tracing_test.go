package cmdmsg_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

const spansTopology = `version: 1
name: spans
vhost: %q
exchanges: { orders: { type: topic } }
queues:
  work: { type: classic, bindings: [{ exchange: orders, key: 'order.#' }], deadLetter: dead, retry: { backoff: [100ms] } }
  dead: { type: classic }
events:
  order.created:
    exchange: orders
    key: 'order.created.{aggregateId}'
    aggregate: { type: Order, id: /orderId }
    schema: { type: object, required: [orderId] }
`

// stage is a vhost with the topology and a program whose spans go to the receiver.
type stage struct {
	*cmdtest.Fixture
	*cmdtest.Program
	file string
}

func newStage(t *testing.T, b *rabbittest.Broker, env ...string) *stage {
	t.Helper()
	c := cmdtest.NewFixture(t, b)
	t.Cleanup(func() { cmdtest.RemoveRecords(t, b, c.VHost.Name) })
	s := &stage{c, cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API, env...),
		cmdtest.WriteFile(t, fmt.Sprintf(spansTopology, c.VHost.Name))}
	cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API).Run("apply", "-f", s.file, "--yes").Want(t, cmdutil.ExitOK)
	return s
}

// with is the same program with more variables.
func (s *stage) with(env ...string) *stage {
	return &stage{s.Fixture, &cmdtest.Program{T: s.Program.T,
		Env: append(append([]string(nil), s.Program.Env...), env...)}, s.file}
}

// header is that of the next message of a queue, which it takes away.
func (s *stage) header(queue, name string) string {
	s.Fixture.T.Helper()
	d, ok, err := s.Ch.Get(queue, true)
	if err != nil || !ok {
		s.Fixture.T.Fatal(queue, ok, err)
	}
	text, _ := d.Headers[name].(string)
	return text
}

// TestSpansFollowAMessage: from who called msgctl over the publication to each attempt of the
// handler, and into the handler.
func TestSpansFollowAMessage(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		otlp := newOTLPReceiver(t)
		s := newStage(t, b, "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL, "OTEL_EXPORTER_OTLP_COMPRESSION=gzip",
			"OTEL_SERVICE_NAME=orders", "OTEL_RESOURCE_ATTRIBUTES=team=a%20b")
		const caller = "4bf92f3577b34da6a3ce929d0e0e4736"
		s.with("TRACEPARENT=00-"+caller+"-00f067aa0ba902b7-01", "TRACESTATE=vendor=1").Run("publish", "order.created", "-f",
			s.file, "--data", `{"orderId":"o-1"}`, "--id", "m-1", "--correlation-id", "c-1").Want(t, cmdutil.ExitOK)
		s.Run("publish", "--exchange", "", "--key", "work", "--data", "bad", "--id", "m-2").Want(t, cmdutil.ExitOK)
		host, port, _ := net.SplitHostPort(cmdtest.HostPort(b.URL))
		common := "messaging.system=rabbitmq server.address=" + host + " server.port=" + port

		sent := otlp.want(t, 2)
		sent[0].has(t, common+` messaging.operation.name=publish messaging.operation.type=send messaging.destination.name=orders:order.created.o-1
			messaging.destination.template=orders:order.created.{aggregateId} messaging.rabbitmq.destination.routing_key=order.created.o-1
			messaging.message.id=m-1 messaging.message.conversation_id=c-1`)
		if p := sent[0]; p.Name != "publish orders:order.created.{aggregateId}" ||
			p.Kind != tracepb.Span_SPAN_KIND_PRODUCER || p.trace() != caller || p.above() != "00f067aa0ba902b7" ||
			p.TraceState != "vendor=1" || p.Status.Code != tracepb.Status_STATUS_CODE_UNSET ||
			p.attrs["messaging.message.body.size"] == "" || p.EndTimeUnixNano <= p.StartTimeUnixNano {
			t.Errorf("%v", p)
		}
		sent[1].has(t, common+" messaging.destination.name=work messaging.message.id=m-2 messaging.message.body.size=3 "+
			"messaging.destination.template=")
		if p := sent[1]; p.Name != "publish work" || p.trace() == caller || len(p.ParentSpanId) != 0 {
			t.Errorf("%v", p)
		}
		for name, want := range map[string]string{"service.name": "orders", "team": "a b", "service.version": "1.2.3-test",
			"telemetry.sdk.language": "go"} {
			if got := otlp.process(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}

		seen := filepath.Join(t.TempDir(), "seen")
		handler := `echo "$MESSAGE_ID $MESSAGE_ATTEMPT $TRACEPARENT $TRACESTATE" >> ` + seen +
			`; case $MESSAGE_ID$MESSAGE_ATTEMPT in m-11) exit 75;; m-2*) echo no such customer >&2; exit 1;; esac`
		r := s.Run("consume", "work", "-f", s.file, "--exec", handler, "--limit", "3", "--log-format", "json", "--log-level",
			"debug")
		r.Want(t, cmdutil.ExitPartly)
		text, err := os.ReadFile(seen)
		s.Check(err)
		spans := otlp.want(t, 5)
		attempts := map[string]*span{}
		for _, p := range spans[2:] {
			attempts[p.attrs["messaging.message.id"]+" "+p.attrs["msgctl.attempt"]] = p
		}
		for key, from := range map[string]*span{"m-1 1": sent[0], "m-1 2": sent[0], "m-2 1": sent[1]} {
			p := attempts[key]
			if p == nil {
				t.Fatalf("no span of %s among %v", key, spans)
			}
			p.has(t, common+" messaging.operation.name=process messaging.operation.type=process "+
				"messaging.destination.template=work")
			if p.Name != "process work" || p.Kind != tracepb.Span_SPAN_KIND_CONSUMER || p.trace() != from.trace() ||
				p.above() != from.id() || p.attrs["messaging.rabbitmq.message.delivery_tag"] == "" ||
				len(p.Links) != 1 || string(p.Links[0].SpanId) != string(from.SpanId) ||
				string(p.Links[0].TraceId) != string(from.TraceId) {
				t.Errorf("%s: %v", key, p)
			}
			if want := key + " " + p.parent() + " " + from.TraceState + "\n"; !strings.Contains(string(text), want) {
				t.Errorf("the handler did not see %q but\n%s", want, text)
			}
			if want := fmt.Sprintf(`"trace_id":%q,"span_id":%q`, p.trace(), p.id()); !strings.Contains(r.Stderr, want) {
				t.Errorf("the log lacks %s:\n%s", want, r.Stderr)
			}
		}
		retried, done, dead := attempts["m-1 1"], attempts["m-1 2"], attempts["m-2 1"]
		retried.has(t, "messaging.destination.name=orders:order.created.o-1:work msgctl.outcome=retried error.type=temporary")
		if retried.Status.Code != tracepb.Status_STATUS_CODE_ERROR || len(retried.Events) != 1 ||
			retried.Events[0].Name != "retry" || attributes(retried.Events[0].Attributes)["msgctl.retry.wait_ms"] != "100" {
			t.Errorf("%v", retried)
		}
		done.has(t, "messaging.destination.name=orders:order.created.o-1:work msgctl.outcome=handled error.type=")
		if done.Status.Code != tracepb.Status_STATUS_CODE_UNSET || len(done.Events) != 0 {
			t.Errorf("%v", done)
		}
		dead.has(t, "messaging.destination.name=work msgctl.outcome=dead-lettered")
		if dead.attrs["error.type"] != "exit 1" || dead.Status.Message != "no such customer" || len(dead.Events) != 1 ||
			dead.Events[0].Name != "dead-letter" {
			t.Errorf("%v", dead)
		}
		if got := s.header("dead", "traceparent"); got != sent[1].parent() {
			t.Errorf("the dead letter has %q, want its publisher's %q", got, sent[1].parent())
		}
	})
}

// TestSpansOfReplays: a span for each message, in the trace of its publication; the message itself
// is as it was.
func TestSpansOfReplays(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		otlp := newOTLPReceiver(t)
		s := newStage(t, b, "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL)
		s.Run("publish", "order.created", "-f", s.file, "--data", `{"orderId":"o-1"}`, "--id", "m-1").Want(t, cmdutil.ExitOK)
		s.Publish("work", 1)
		s.Reject("work", "dead", 2)
		s.Run("dlq", "replay", "dead", "--yes").Want(t, cmdutil.ExitOK, "2 messages")
		spans := otlp.want(t, 3)
		sent, known, other := spans[0], spans[1], spans[2]
		if known.attrs["messaging.message.id"] != "m-1" {
			known, other = other, known
		}
		known.has(t, "messaging.message.id=m-1 messaging.operation.type=send messaging.destination.name=work error.type=")
		if known.Name != "publish work" || known.Kind != tracepb.Span_SPAN_KIND_CLIENT || known.trace() != sent.trace() ||
			known.above() != sent.id() || len(known.Links) != 1 || string(known.Links[0].SpanId) != string(sent.SpanId) {
			t.Errorf("%v", known)
		}
		if other.trace() == sent.trace() || len(other.Links) != 0 {
			t.Errorf("%v", other)
		}
		archive := filepath.Join(t.TempDir(), "work.ndjson")
		s.Run("dlq", "export", "work", "--archive", archive).Want(t, cmdutil.ExitOK)
		s.Run("publish", "--archive", archive, "--speed", "0").Want(t, cmdutil.ExitOK)
		s.Run("dlq", "import", archive, "--to", "exchange:amq.direct/nowhere", "--yes").Want(t, cmdutil.ExitPartly)
		for i, again := range otlp.want(t, 7)[3:] {
			if i < 2 {
				again.has(t, "messaging.destination.name=work error.type=")
			} else {
				again.has(t, "messaging.destination.name=amq.direct:nowhere error.type=unroutable")
			}
			if (again.trace() == sent.trace()) != (again.attrs["messaging.message.id"] == "m-1") {
				t.Errorf("%v", again)
			}
		}
		got := map[string]bool{s.header("work", "traceparent"): true, s.header("work", "traceparent"): true}
		if !got[""] || !got[sent.parent()] {
			t.Errorf("%v, want none and %s", got, sent.parent())
		}
	})
}

// TestSpansOfManyEvents: each has its own trace, in the message and in the span; failures are told;
// a sampler thins them out.
func TestSpansOfManyEvents(t *testing.T) {
	otlp := newOTLPReceiver(t)
	s := newStage(t, rabbittest.Any(t), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="+otlp.URL+"/v1/traces")
	const n = 700 // more than one batch
	s.Run("publish", "order.created", "-f", s.file, "--data", `{"orderId":"o"}`, "--count", fmt.Sprint(n)).Want(t,
		cmdutil.ExitOK)
	parents := map[string]bool{}
	traces := map[string]bool{}
	for _, p := range otlp.want(t, n) {
		parents[p.parent()], traces[p.trace()] = true, true
	}
	if len(traces) != n {
		t.Errorf("%d traces", len(traces))
	}
	for range n {
		if p := s.header("work", "traceparent"); !parents[p] {
			t.Fatalf("%q is of no span", p)
		}
	}
	s.Run("publish", "--exchange", "orders", "--key", "nowhere", "--data", "x", "--count", "2").Want(t, cmdutil.ExitFailed)
	for _, p := range otlp.want(t, n+2)[n:] {
		if p.has(t, "error.type=returned"); p.Status.Code != tracepb.Status_STATUS_CODE_ERROR {
			t.Errorf("%v", p)
		}
	}
	s.Run("publish", "--exchange", "orders", "--key", "nowhere", "--data", "x").Want(t, cmdutil.ExitFailed)
	otlp.want(t, n+3)[n+2].has(t, "error.type=returned")
	s.with("OTEL_TRACES_SAMPLER=always_off").Run("publish", "order.created", "-f", s.file, "--data",
		`{"orderId":"o"}`).Want(t, cmdutil.ExitOK)
	if p := s.header("work", "traceparent"); !strings.HasSuffix(p, "-00") || len(otlp.all()) != n+3 {
		t.Errorf("%q, %d spans", p, len(otlp.all()))
	}
}

// TestGivenTraceIsKept: what the message says of its trace is not changed, and the span is linked
// to it.
func TestGivenTraceIsKept(t *testing.T) {
	otlp := newOTLPReceiver(t)
	s := newStage(t, rabbittest.Any(t), "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL)
	const id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	for i, given := range [][]string{
		{"order.created", "--data", `{"orderId":"o"}`, "--trace-id", id, "--span-id", "00f067aa0ba902b7"},
		{"order.created", "--data", `{"orderId":"o"}`, "--header", "traceparent=" + parent},
		{"--exchange", "", "--key", "work", "--data", "x", "--header", "traceparent=" + parent},
	} {
		s.Run(append([]string{"publish", "-f", s.file}, given...)...).Want(t, cmdutil.ExitOK)
		p := otlp.want(t, i+1)[i]
		if got := s.header("work", "traceparent"); got != parent || p.Kind != tracepb.Span_SPAN_KIND_CLIENT ||
			p.trace() != id || p.above() != "00f067aa0ba902b7" || len(p.Links) != 1 {
			t.Errorf("%v: %q %v", given, got, p)
		}
	}
	s.Run("publish", "-f", s.file, "order.created", "--data", `{"orderId":"o"}`, "--trace-id", id).Want(t, cmdutil.ExitOK)
	if p := otlp.want(t, 4)[3]; p.trace() != id || len(p.ParentSpanId) != 0 ||
		s.header("work", "traceparent") != p.parent() {
		t.Errorf("%v", p)
	}
}

// TestSpansAreNotLostAtTheEnd: they are sent when the consumer is told to stop, and not only when
// their time has come.
func TestSpansAreNotLostAtTheEnd(t *testing.T) {
	otlp := newOTLPReceiver(t)
	s := newStage(t, rabbittest.Any(t), "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL, "OTEL_BSP_SCHEDULE_DELAY=600000")
	s.Publish("work", 5)
	r := s.Start("consume", "work", "-f", s.file, "--exec", "cat", "--log-level", "debug")
	s.Await(func() bool { return strings.Count(r.Stderr.String(), `"msg":"handled"`) == 5 || r.Ended() },
		"they were not handled")
	if n := len(otlp.all()); n != 0 {
		t.Fatalf("%d spans are there before the end", n)
	}
	s.Check(r.Cmd.Process.Signal(syscall.SIGTERM))
	s.Wait(r).Want(t, cmdutil.ExitInterrupted, "5 handled")
	for _, p := range otlp.want(t, 5) {
		if len(p.ParentSpanId) != 0 || len(p.Links) != 0 {
			t.Errorf("a message without trace: %v", p)
		}
	}
}

// TestConsumerTellsOfLostSpans: it logs when they begin to be lost and when they arrive again, and
// handles messages all the while.
func TestConsumerTellsOfLostSpans(t *testing.T) {
	otlp := newOTLPReceiver(t, http.StatusBadRequest)
	s := newStage(t, rabbittest.Any(t), "OTEL_EXPORTER_OTLP_ENDPOINT="+otlp.URL, "OTEL_BSP_SCHEDULE_DELAY=20")
	r := s.Start("consume", "work", "-f", s.file, "--exec", "cat", "--log-format", "json")
	logs := func(text string) {
		t.Helper()
		s.Await(func() bool { return strings.Contains(r.Stderr.String(), text) || r.Ended() }, "not in the log: "+text)
	}
	s.Publish("work", 1)
	logs("spans are not exported: failed to send to " + otlp.URL + "/v1/traces: 400 Bad Request")
	s.Publish("work", 1)
	logs("spans are exported again")
	s.Check(r.Cmd.Process.Signal(syscall.SIGTERM))
	s.Wait(r).Want(t, cmdutil.ExitInterrupted, "2 handled", "1 of 2 spans was not sent")
	otlp.want(t, 1)
}

// TestReceiverInTrouble: the command does its work, and says what became of the spans.
func TestReceiverInTrouble(t *testing.T) {
	b := rabbittest.Any(t)
	publish := func(s *stage) cmdtest.Result {
		return s.Run("publish", "order.created", "-f", s.file, "--data", `{"orderId":"o"}`)
	}
	warned := func(r cmdtest.Result) int { return strings.Count(r.Stderr, "warning:") }

	busy := newOTLPReceiver(t, http.StatusServiceUnavailable, http.StatusTooManyRequests)
	s := newStage(t, b, "OTEL_EXPORTER_OTLP_ENDPOINT="+busy.URL)
	r := publish(s)
	r.Want(t, cmdutil.ExitOK)
	busy.want(t, 1)
	if warned(r) != 0 || busy.requests() != 3 {
		t.Errorf("%d requests\n%s", busy.requests(), r.Stderr)
	}

	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	r = publish(s.with("OTEL_EXPORTER_OTLP_ENDPOINT=" + closed.URL))
	r.Want(t, cmdutil.ExitOK, "1 of 1 span was not sent to "+closed.URL, "connection refused")
	if warned(r) != 1 {
		t.Error(r.Stderr)
	}

	release := make(chan struct{})
	hung := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer hung.Close()
	defer close(release)
	start := time.Now()
	r = publish(s.with("OTEL_EXPORTER_OTLP_ENDPOINT="+hung.URL, "OTEL_EXPORTER_OTLP_TIMEOUT=600000"))
	r.Want(t, cmdutil.ExitOK, "1 of 1 span was not sent", "did not answer")
	if took := time.Since(start); warned(r) != 1 || took > 2*time.Minute {
		t.Errorf("%s\n%s", took, r.Stderr)
	}

	before := busy.requests()
	for _, off := range []string{"OTEL_SDK_DISABLED=true", "OTEL_TRACES_EXPORTER=none"} {
		if r = publish(s.with(off)); warned(r) != 0 {
			t.Error(r.Stderr)
		}
	}
	publish(s.with("OTEL_EXPORTER_OTLP_PROTOCOL=smtp")).Want(t, cmdutil.ExitOK,
		"OTEL_EXPORTER_OTLP_PROTOCOL: want grpc, http/protobuf or http/json")

	// one warning for each reason, and no log line of a library
	quiet := publish(s.with("OTEL_SDK_DISABLED=true"))
	r = publish(s.with("OTEL_EXPORTER_OTLP_PROTOCOL=grpc", "OTEL_EXPORTER_OTLP_ENDPOINT="+closed.URL,
		"OTEL_EXPORTER_OTLP_TIMEOUT=soon", "GRPC_GO_LOG_SEVERITY_LEVEL=info"))
	r.Want(t, cmdutil.ExitOK, "1 of 1 span was not sent to "+closed.URL, "connection refused", "parse duration")
	if got, want := strings.Count(r.Stderr, "\n"), strings.Count(quiet.Stderr, "\n")+2; got != want || warned(r) != 2 {
		t.Errorf("%d lines on stderr, want %d:\n%s", got, want, r.Stderr)
	}
	publish(s.with("OTEL_TRACES_EXPORTER=zipkin")).Want(t, cmdutil.ExitOK, `"zipkin" is passed over`)
	publish(s.with("OTEL_TRACES_SAMPLER=sometimes")).Want(t, cmdutil.ExitOK, "unsupported sampler: sometimes")
	if n := busy.requests() - before; n != 1 { // the last: the default sampler stands in
		t.Errorf("%d requests", n)
	}
}
