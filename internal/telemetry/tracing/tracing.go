package tracing

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/msgctl/msgctl/internal/units"
)

// FlushTime is how long the last spans may take at the end of a run.
const FlushTime = 5 * time.Second

// Options say who traces.
type Options struct {
	// Env returns a variable of the environment, "" when it is not set. It decides whether spans
	// are made, and by which protocol they are sent; everything else OpenTelemetry's libraries read
	// from the process's environment by themselves.
	Env func(string) string
	// Version is msgctl's.
	Version string
	// Host and Port are the broker's.
	Host string
	Port int
	// Warn is called for variables with invalid values.
	Warn func(string)
	// Notify is called when spans begin to be lost (with the reason), and when they arrive again
	// (with nil). It may be nil.
	Notify func(why error)
}

// Tracing makes spans. It is safe for concurrent use.
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	exporter *accountant
	receiver receiver
	carry    bool // traceparent is read and written
	ambient  trace.SpanContext
	common   []attribute.KeyValue
	recorded atomic.Int64
}

// New returns nil when the environment does not ask for spans, or asks for something impossible,
// for which it calls Warn.
func New(o Options) *Tracing {
	if !wanted(&o) {
		return nil
	}
	warn := onceEach(o.Warn)
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { warn("spans: " + reason(err)) }))
	otel.SetLogger(logr.New(libraryLog{warn}))
	to, err := receiverOf(o.Env)
	var exporter sdk.SpanExporter
	if err == nil {
		exporter, err = to.exporter(context.Background())
	}
	if err != nil {
		o.Warn("no spans are sent: " + err.Error())
		return nil
	}
	t := &Tracing{
		exporter: newAccountant(exporter, o.Notify), receiver: to, carry: carries(&o),
		common: []attribute.KeyValue{
			semconv.MessagingSystemRabbitMQ, semconv.ServerAddress(o.Host), semconv.ServerPort(o.Port),
		},
	}
	if t.carry {
		t.ambient = extract(environment(o.Env))
	}
	t.provider = sdk.NewTracerProvider(sdk.WithBatcher(t.exporter), sdk.WithIDGenerator(ids{}),
		sdk.WithResource(describe(&o)))
	t.tracer = t.provider.Tracer("github.com/msgctl/msgctl", trace.WithInstrumentationVersion(o.Version),
		trace.WithSchemaURL(semconv.SchemaURL))
	return t
}

// wanted reports whether spans are to be made at all.
func wanted(o *Options) bool {
	if strings.EqualFold(strings.TrimSpace(o.Env("OTEL_SDK_DISABLED")), "true") {
		return false
	}
	list := strings.TrimSpace(o.Env("OTEL_TRACES_EXPORTER"))
	if list == "" {
		endpoint, _ := setting(o.Env, "ENDPOINT")
		return endpoint != ""
	}
	yes := false
	for name := range strings.SplitSeq(list, ",") {
		switch name = strings.TrimSpace(name); name {
		case "otlp":
			yes = true
		case "none", "":
		default:
			o.Warn(fmt.Sprintf("OTEL_TRACES_EXPORTER: msgctl sends spans by otlp, or with none not at all; %q is passed over",
				name))
		}
	}
	return yes
}

// carries reports whether trace context is read from, and written into, messages and environments.
func carries(o *Options) bool {
	list := strings.TrimSpace(o.Env("OTEL_PROPAGATORS"))
	if list == "" {
		return true
	}
	yes := false
	for name := range strings.SplitSeq(list, ",") {
		switch name = strings.TrimSpace(name); name {
		case "tracecontext":
			yes = true
		case "none", "baggage", "": // baggage stays in the message as a header
		default:
			o.Warn(fmt.Sprintf("OTEL_PROPAGATORS: msgctl carries tracecontext; %q is passed over", name))
		}
	}
	return yes
}

// describe names the process: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win.
func describe(o *Options) *resource.Resource {
	service := []attribute.KeyValue{semconv.ServiceName("msgctl")}
	if o.Version != "" {
		service = append(service, semconv.ServiceVersion(o.Version))
	}
	r, err := resource.New(context.Background(), resource.WithTelemetrySDK(), resource.WithHost(),
		resource.WithAttributes(service...), resource.WithFromEnv())
	if err != nil {
		o.Warn("OTEL_RESOURCE_ATTRIBUTES: " + err.Error()) // what could be read is there
	}
	return r
}

// end ends a span and counts it.
func (t *Tracing) end(span trace.Span) {
	if span.SpanContext().IsSampled() {
		t.recorded.Add(1)
	}
	span.End()
}

// Close sends the remaining spans, for FlushTime at most, and returns a text about lost spans, or
// "".
func (t *Tracing) Close() string {
	if t == nil {
		return ""
	}
	return t.flush(FlushTime)
}

func (t *Tracing) flush(limit time.Duration) string {
	t.exporter.expire(limit)
	ctx, cancel := context.WithTimeout(context.Background(), limit+time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what was lost by it is counted
	return t.account()
}

func (t *Tracing) account() string {
	e, all := t.exporter, t.recorded.Load()
	e.mu.Lock()
	defer e.mu.Unlock()
	problem := e.problem
	if e.lost > 0 && !t.receiver.grpc && t.receiver.url.Port() == "4317" {
		problem += " (4317 is the port of gRPC: set OTEL_EXPORTER_OTLP_PROTOCOL=grpc, or use port 4318)"
	}
	switch missing := all - e.sent; {
	case missing > 0 && e.lost < missing:
		text := notSent(missing, all) + " to " + t.receiver.String()
		if problem != "" {
			text += ": " + problem
		}
		return text + fmt.Sprintf("; %d found no room in the queue: OTEL_BSP_MAX_QUEUE_SIZE makes it longer, "+
			"OTEL_TRACES_SAMPLER=traceidratio thins them out", missing-e.lost)
	case missing > 0:
		return notSent(missing, all) + fmt.Sprintf(" to %s: %s", t.receiver, problem)
	case problem != "":
		return fmt.Sprintf("spans to %s: %s", t.receiver, problem)
	}
	return ""
}

// notSent says how many spans were lost: "1 of 1 span was not sent", "2 of 3 spans were not sent".
func notSent(missing, all int64) string {
	verb := "were"
	if missing == 1 {
		verb = "was"
	}
	return fmt.Sprintf("%d of %s %s not sent", missing, units.FormatCount(all, "span"), verb)
}

// onceEach passes each text on once: the libraries repeat themselves with every request.
func onceEach(warn func(string)) func(string) {
	var told sync.Map
	return func(text string) {
		if _, again := told.LoadOrStore(text, true); !again {
			warn(text)
		}
	}
}

// libraryLog is the log of OpenTelemetry's libraries: their errors are about variables with wrong
// values, which stay at their defaults. The values are left out; they may be secret.
type libraryLog struct{ warn func(string) }

// Init implements logr.LogSink.
func (libraryLog) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink.
func (libraryLog) Enabled(int) bool { return false }

// Info implements logr.LogSink.
func (libraryLog) Info(int, string, ...any) {}

// Error implements logr.LogSink.
func (s libraryLog) Error(err error, text string, _ ...any) {
	s.warn("OTEL_ variables: " + text + ": " + reason(err))
}

// WithValues implements logr.LogSink.
func (s libraryLog) WithValues(...any) logr.LogSink { return s }

// WithName implements logr.LogSink.
func (s libraryLog) WithName(string) logr.LogSink { return s }

// environment carries trace context as OpenTelemetry's convention for programs does: TRACEPARENT,
// TRACESTATE.
type environment func(string) string

// Get implements propagation.TextMapCarrier.
func (e environment) Get(key string) string { return e(strings.ToUpper(key)) }

// Set implements propagation.TextMapCarrier.
func (environment) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (environment) Keys() []string { return nil }

// extract reads a trace context; an invalid one is as none.
func extract(from propagation.TextMapCarrier) trace.SpanContext {
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), from))
}
