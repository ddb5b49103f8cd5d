package tracing

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// sink is a receiver. While held, it does not answer.
type sink struct {
	*httptest.Server
	hold  sync.Mutex
	mu    sync.Mutex
	spans []*tracepb.Span
}

func newSink(t *testing.T) *sink {
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.hold.Lock()
		defer s.hold.Unlock()
		var in collector.ExportTraceServiceRequest
		if text, err := io.ReadAll(r.Body); err != nil || proto.Unmarshal(text, &in) != nil {
			t.Error("no request")
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, scope := range in.ResourceSpans[0].ScopeSpans {
			s.spans = append(s.spans, scope.Spans...)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

// start makes a Tracing of variables, given as NAME, VALUE, …, and collects its warnings.
func start(t *testing.T, pairs ...string) (*Tracing, *[]string) {
	warnings := &[]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		t.Setenv(pairs[i], pairs[i+1])
	}
	return New(Options{Host: "broker", Port: 5672, Warn: func(text string) { *warnings = append(*warnings, text) },
		Env: os.Getenv}), warnings
}

const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

func TestWhenSpansAreMade(t *testing.T) {
	for _, c := range []struct {
		variables []string
		on        bool
		warning   string
	}{
		{nil, false, ""},
		{[]string{endpoint, "http://h:1"}, true, ""},
		{[]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://h:1"}, true, ""},
		{[]string{"OTEL_TRACES_EXPORTER", "otlp"}, true, ""},
		{[]string{"OTEL_TRACES_EXPORTER", "none", endpoint, "http://h:1"}, false, ""},
		{[]string{"OTEL_TRACES_EXPORTER", "console,otlp"}, true, `"console" is passed over`},
		{[]string{"OTEL_TRACES_EXPORTER", "zipkin", endpoint, "http://h:1"}, false, `"zipkin" is passed over`},
		{[]string{"OTEL_SDK_DISABLED", "TRUE", endpoint, "http://h:1"}, false, ""},
		{[]string{"OTEL_SDK_DISABLED", "no", endpoint, "http://h:1"}, true, ""},
		{[]string{endpoint, "h:1"}, false, "no spans are sent: " + endpoint},
		{[]string{endpoint, "h:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}, true, ""},
		{[]string{endpoint, "http://h:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"}, true, ""},
		{[]string{endpoint, "http://h:1", "OTEL_EXPORTER_OTLP_PROTOCOL", "grpc",
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "smtp"}, false, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: want grpc"},
		{[]string{endpoint, "http://h:1", "OTEL_EXPORTER_OTLP_TIMEOUT", "soon"}, true, "parse duration"},
		{[]string{endpoint, "http://h:1", "OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere"}, true, "no such file"},
		{[]string{endpoint, "http://h:1", "OTEL_PROPAGATORS", "tracecontext,baggage"}, true, ""},
		{[]string{endpoint, "http://h:1", "OTEL_PROPAGATORS", "b3"}, true, `"b3" is passed over`},
	} {
		t.Run(strings.Join(c.variables, " "), func(t *testing.T) {
			on, warnings := start(t, c.variables...)
			if (on != nil) != c.on || (c.warning == "") != (len(*warnings) == 0) ||
				!strings.Contains(strings.Join(*warnings, "\n"), c.warning) {
				t.Errorf("%v %q", on != nil, *warnings)
			}
		})
	}
}

// TestDestinations: by the conventions for RabbitMQ.
func TestDestinations(t *testing.T) {
	for _, c := range [][]string{{"x", "k", "x:k"}, {"x", "", "x"}, {"", "k", "k"}, {"", "", "amq.default"}} {
		if got := sentTo(c[0], c[1]); got != c[2] {
			t.Errorf("%q, want %q", got, c[2])
		}
	}
	for _, c := range [][]string{{"x", "k", "q", "x:k:q"}, {"", "q", "q", "q"}, {"x", "q", "q", "x:q"},
		{"x", "", "q", "x:q"}, {"", "", "q", "q"}} {
		if got := takenFrom(c[0], c[1], c[2]); got != c[3] {
			t.Errorf("%q, want %q", got, c[3])
		}
	}
}

// TestNothingIsCarried: with OTEL_PROPAGATORS=none messages are neither read nor written.
func TestNothingIsCarried(t *testing.T) {
	s := newSink(t)
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	tracing, _ := start(t, endpoint, s.URL, "OTEL_PROPAGATORS", "none", "TRACEPARENT", parent)
	m, metadata := &message.Message{}, &event.Metadata{}
	span := tracing.BeginSend(publish.Target{Key: "q"}, "", metadata, nil)
	span.Attach(m)
	span.End("", nil)
	p := tracing.BeginProcess(Delivery{Message: &message.Message{Headers: message.Table{Traceparent: parent}}, Queue: "q",
		Attempt: 1})
	if p.Context() != (Context{}) || m.Headers != nil || metadata.TraceID != "" {
		t.Errorf("%v %v %v", p.Context(), m.Headers, metadata)
	}
	p.End(AttemptResult{Outcome: "handled"})
	if lost := tracing.Close(); lost != "" || len(s.spans) != 2 {
		t.Fatalf("%q, %d spans", lost, len(s.spans))
	}
	for _, span := range s.spans {
		if len(span.ParentSpanId) != 0 || len(span.Links) != 0 {
			t.Errorf("%v", span)
		}
	}
}

// TestFullQueue: nothing waits for a receiver that is slow; what finds no room is counted and told.
func TestFullQueue(t *testing.T) {
	t.Setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2")
	t.Setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1")
	s := newSink(t)
	tracing, warnings := start(t, endpoint, s.URL)
	s.hold.Lock()
	const n = 50
	for range n {
		tracing.BeginSend(publish.Target{Key: "q"}, "", nil, nil).End("rejected", errors.New("full"))
	}
	s.hold.Unlock()
	lost := tracing.Close()
	if len(s.spans) >= n/2 || !strings.Contains(lost, "of 50 spans were not sent") ||
		!strings.Contains(lost, "found no room in the queue: OTEL_BSP_MAX_QUEUE_SIZE") || len(*warnings) > 0 {
		t.Errorf("%d arrived: %q %q", len(s.spans), lost, *warnings)
	}
}

// TestHostileHeaders: what a message says of its trace is untrusted.
func TestHostileHeaders(t *testing.T) {
	s := newSink(t)
	tracing, warnings := start(t, endpoint, s.URL)
	for _, h := range []message.Table{
		{Traceparent: "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01"},
		{Traceparent: strings.Repeat("00-", 1<<20)},
		{Traceparent: int64(7), Tracestate: []any{"x"}},
		{Traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Tracestate: strings.Repeat("a=1,", 1<<20) +
			"\x1b[2J"},
	} {
		p := tracing.BeginProcess(Delivery{Message: &message.Message{Headers: h, RoutingKey: "\xff\x1b[2J"}, Queue: "q"})
		if c := p.Context(); len(c.Parent) != 55 || len(c.State) > 512 {
			t.Errorf("%.80q", c)
		}
		p.End(AttemptResult{Failed: true, ErrorType: strings.Repeat("x", 1<<20), Error: strings.Repeat("é", 1<<20)})
	}
	if lost := tracing.Close(); lost != "" || len(s.spans) != 4 || len(s.spans[0].Status.Message) > 2<<10 ||
		len(*warnings) > 0 {
		t.Errorf("%q %q, %d spans", lost, *warnings, len(s.spans))
	}
}
