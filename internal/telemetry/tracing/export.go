package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"google.golang.org/grpc/grpclog"

	"github.com/msgctl/msgctl/internal/guarded"
)

// The variables that the exporter needs to know besides the libraries, which read all others by
// themselves. Those for traces alone win.
const (
	general   = "OTEL_EXPORTER_OTLP_"
	forTraces = "OTEL_EXPORTER_OTLP_TRACES_"
)

// The default addresses of the specification.
const (
	defaultHTTP = "http://localhost:4318/v1/traces"
	defaultGRPC = "http://localhost:4317"
)

// setting returns a variable of the exporter and its name.
func setting(env func(string) string, name string) (value, from string) {
	if v := strings.TrimSpace(env(forTraces + name)); v != "" {
		return v, forTraces + name
	}
	return strings.TrimSpace(env(general + name)), general + name
}

// receiver is where spans go.
type receiver struct {
	grpc bool
	// url is the address, empty where no variable names one.
	url *url.URL
}

// receiverOf reads protocol and address. Errors do not repeat the address, which may hold a
// password.
func receiverOf(env func(string) string) (r receiver, err error) {
	switch v, from := setting(env, "PROTOCOL"); v {
	case "", "http/protobuf", "http/json":
	case "grpc":
		r.grpc = true
	default:
		return r, fmt.Errorf("%s: want grpc, http/protobuf or http/json, not %q", from, v)
	}
	text, from := setting(env, "ENDPOINT")
	r.url, err = url.Parse(text)
	web := err == nil && (r.url.Scheme == "http" || r.url.Scheme == "https")
	if err != nil || web && r.url.Host == "" || !web && !r.grpc && text != "" {
		return r, fmt.Errorf("%s: want an address like http://localhost:4318", from)
	}
	return r, nil
}

// String is the address for people.
func (r receiver) String() string {
	switch {
	case r.url.Host != "":
		return r.url.Scheme + "://" + r.url.Host
	case r.url.String() != "":
		return r.url.Redacted()
	case r.grpc:
		return defaultGRPC
	}
	return strings.TrimSuffix(defaultHTTP, "/v1/traces")
}

// The pauses between attempts double from the first to the longest; OTEL_EXPORTER_OTLP_TIMEOUT
// bounds them all.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
	retryFor     = time.Minute
)

// exporter returns OpenTelemetry's own. Nothing is dialled.
func (r receiver) exporter(ctx context.Context) (*otlptrace.Exporter, error) {
	if r.grpc {
		// its log lines would go to stderr
		quietGRPC()
		o := []otlptracegrpc.Option{otlptracegrpc.WithRetry(otlptracegrpc.RetryConfig{
			Enabled: true, InitialInterval: firstPause, MaxInterval: longestPause, MaxElapsedTime: retryFor,
		})}
		if r.url.String() == "" {
			o = append(o, otlptracegrpc.WithEndpointURL(defaultGRPC))
		}
		return otlptracegrpc.New(ctx, o...)
	}
	o := []otlptracehttp.Option{otlptracehttp.WithRetry(otlptracehttp.RetryConfig{
		Enabled: true, InitialInterval: firstPause, MaxInterval: longestPause, MaxElapsedTime: retryFor,
	})}
	if r.url.String() == "" {
		o = append(o, otlptracehttp.WithEndpointURL(defaultHTTP))
	}
	return otlptracehttp.New(ctx, o...)
}

// accountant counts what becomes of the spans that an exporter gets. It reports no error to the
// SDK: lost spans are reported at the end of the run, and by notify.
type accountant struct {
	sdk.SpanExporter
	// notify is called when spans begin to be lost (with the reason), and when they arrive again
	// (with nil).
	notify func(why error)

	life  context.Context //nolint:containedctx // of all exports: it ends with expire
	end   context.CancelCauseFunc
	fails atomic.Bool

	mu         sync.Mutex
	sent, lost int64
	problem    string // the last reason
}

func newAccountant(e sdk.SpanExporter, notify func(error)) *accountant {
	a := &accountant{SpanExporter: e, notify: notify}
	if notify == nil {
		a.notify = func(error) {}
	}
	a.life, a.end = context.WithCancelCause(context.Background())
	return a
}

var errEnd = errors.New("it did not answer before the end")

// expire ends exports that take too long.
func (a *accountant) expire(after time.Duration) {
	time.AfterFunc(after, guarded.Func(func() { a.end(errEnd) }))
}

// ExportSpans implements sdk.SpanExporter.
func (a *accountant) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(a.life, guarded.Func(func() { cancel(errEnd) }))()
	err := a.SpanExporter.ExportSpans(ctx, spans)
	partly := isPartial(err)
	if err != nil && a.life.Err() != nil && !errors.Is(err, errEnd) {
		err = errEnd
	}
	if err != nil {
		err = errors.New(reason(err))
	}
	a.mu.Lock()
	if err == nil || partly {
		a.sent += int64(len(spans))
	} else {
		a.lost += int64(len(spans))
	}
	if err != nil {
		a.problem = err.Error()
	}
	a.mu.Unlock()
	if failed := err != nil && !partly; a.fails.Swap(failed) != failed {
		a.notify(err)
	}
	return nil
}

// isPartial reports whether the receiver took the request but not all, or had something to say. The
// type of the error is internal to the libraries.
func isPartial(err error) bool {
	return err != nil && strings.Contains(err.Error(), "OTLP partial success: ")
}

// reason returns an error for users: without the address, which the message names anyway, and
// shortened, because the receiver may send anything.
func reason(err error) string {
	const limit = 300
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	text := strings.ToValidUTF8(strings.TrimPrefix(err.Error(), "traces export: "), "\uFFFD")
	if len(text) > limit {
		return strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return cmp.Or(text, "unknown")
}

// quietGRPC drops what gRPC logs, for all of the process and once: gRPC allows no change while it
// is in use.
var quietGRPC = sync.OnceFunc(func() { grpclog.SetLoggerV2(grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)) })
