// Package tracing makes the spans of messages that are published and processed, as OpenTelemetry's
// conventions for messaging say, and sends them where the OTEL_ variables say. Without these
// variables there is no Tracing, and a nil one costs nothing: all methods may be called on it.
package tracing

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/msgctl/msgctl/internal/telemetry/otlp"
)

// FlushTime is how long the last spans may take at the end of a run.
const FlushTime = 5 * time.Second

// Options say who traces.
type Options struct {
	// Env returns a variable of the environment, "" when it is not set. OpenTelemetry's SDK reads
	// OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER, OTEL_SPAN_ and OTEL_BSP_
	// from the process's by itself.
	Env func(string) string
	// Version is msgctl's.
	Version string
	// Host and Port are the broker's.
	Host string
	Port int
	// Warn is told of variables that are wrong.
	Warn func(string)
	// Notify is told when spans begin to be lost (why), and when they arrive again (nil). It may be
	// nil.
	Notify func(why error)
}

// Tracing makes spans. It is safe for concurrent use.
type Tracing struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	exporter *otlp.Exporter
	target   string // where spans go, for people
	port     string // of the receiver
	carry    bool   // traceparent is read and written
	ambient  trace.SpanContext
	common   []attribute.KeyValue
	recorded atomic.Int64
}

// New returns nil when the environment does not ask for spans, or asks for what cannot be; Warn is
// told of that.
func New(o Options) *Tracing {
	if !wanted(&o) {
		return nil
	}
	config, err := otlp.FromEnvironment(o.Env)
	if err != nil {
		o.Warn("no spans are sent: " + err.Error())
		return nil
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Warn("spans: " + err.Error()) }))
	t := &Tracing{
		exporter: otlp.New(config, strings.TrimSuffix("msgctl/"+o.Version, "/"), o.Notify), target: config.Endpoint.Scheme +
			"://" + config.Endpoint.Host, port: config.Endpoint.Port(),
		carry: carries(&o),
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

// wanted says whether spans are to be made at all.
func wanted(o *Options) bool {
	if strings.EqualFold(strings.TrimSpace(o.Env("OTEL_SDK_DISABLED")), "true") {
		return false
	}
	list := strings.TrimSpace(o.Env("OTEL_TRACES_EXPORTER"))
	if list == "" {
		return otlp.HasEndpoint(o.Env)
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

// carries says whether trace context is read from, and written into, messages and environments.
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
		case "none", "baggage", "": // a message's baggage goes along as the header that it is
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

// Close sends what is left, for FlushTime at most, and says what got lost, "" when nothing did.
func (t *Tracing) Close() string {
	if t == nil {
		return ""
	}
	t.exporter.Finish(FlushTime)
	ctx, cancel := context.WithTimeout(context.Background(), FlushTime+time.Second)
	defer cancel()
	_ = t.provider.Shutdown(ctx) // what was lost by it is counted
	return t.account()
}

func (t *Tracing) account() string {
	s, all := t.exporter.Stats(), t.recorded.Load()
	problem := s.Problem
	if s.Lost > 0 && t.port == "4317" {
		problem += " (4317 is the port of gRPC; msgctl speaks http/protobuf, which is on 4318)"
	}
	switch missing := all - s.Sent; {
	case missing > 0 && s.Lost+s.Rejected < missing:
		text := fmt.Sprintf("%d of %d spans were not sent to %s", missing, all, t.target)
		if problem != "" {
			text += ": " + problem
		}
		return text + fmt.Sprintf("; %d found no room in the queue: OTEL_BSP_MAX_QUEUE_SIZE makes it longer, "+
			"OTEL_TRACES_SAMPLER=traceidratio thins them out", missing-s.Lost-s.Rejected)
	case missing > 0:
		return fmt.Sprintf("%d of %d spans were not sent to %s: %s", missing, all, t.target, problem)
	case problem != "" && s.Lost == 0:
		return fmt.Sprintf("spans to %s: %s", t.target, problem)
	}
	return ""
}

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
