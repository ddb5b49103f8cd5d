// Package otlp sends spans to an OpenTelemetry receiver by OTLP over HTTP, in the encoding
// http/protobuf.
//
// It stands where OpenTelemetry's own exporter would: that one links gRPC and the registry of
// protocol buffers, which would slow down the start of every command
// (docs/decisions/0014-spans.md). What it writes and reads is held against the real types in tests.
package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	sdk "go.opentelemetry.io/otel/sdk/trace"
)

const contentType = "application/x-protobuf"

// Stats are what became of spans.
type Stats struct {
	// Sent were taken by the receiver, Rejected were not though it took the rest of their request,
	// Lost could not be sent.
	Sent, Rejected, Lost int64
	// Problem is the last reason for rejected and lost ones, or what the receiver warned of; ""
	// without any.
	Problem string
}

// Exporter sends spans. It never fails towards the SDK: what is lost is counted, and told by Stats
// and Notify.
type Exporter struct {
	config Config
	client *http.Client
	agent  string
	// notify is told when spans begin to be lost (why), and when they arrive again (nil).
	notify func(why error)

	life    context.Context //nolint:containedctx // of all requests: it ends with Finish
	end     context.CancelFunc
	closing chan struct{} // closed by Finish: no more patience
	once    sync.Once
	ailing  atomic.Bool

	mu     sync.Mutex
	stats  Stats
	absent time.Time // when the receiver was first not to be reached while the run ends
}

var _ sdk.SpanExporter = (*Exporter)(nil)

// New makes an exporter; nothing is dialled. notify, which may be nil, is told when spans begin to
// be lost (why), and when they arrive again (nil); it is called from one goroutine at a time. agent
// is the User-Agent.
func New(c Config, agent string, notify func(why error)) *Exporter {
	if notify == nil {
		notify = func(error) {}
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig, t.MaxIdleConnsPerHost = c.TLS, 1
	e := &Exporter{config: c, agent: agent, notify: notify, closing: make(chan struct{}), client: &http.Client{
		Transport: t,
		// a POST could become a GET
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	e.life, e.end = context.WithCancel(context.Background())
	return e
}

// ExportSpans implements sdk.SpanExporter.
func (e *Exporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.life, cancel)()
	body, err := e.body(spans)
	said := partial{}
	if err == nil {
		said, err = e.deliver(ctx, body)
	}
	e.settle(int64(len(spans)), said, err)
	return nil
}

func (e *Exporter) settle(n int64, said partial, err error) {
	e.mu.Lock()
	s := &e.stats
	switch {
	case err != nil:
		s.Lost += n
		s.Problem = err.Error()
	case said.rejected > 0:
		s.Rejected += min(said.rejected, n)
		s.Sent += n - min(said.rejected, n)
		s.Problem = fmt.Sprintf("the receiver rejected some: %s", clip(said.message))
	case said.message != "":
		s.Sent += n
		s.Problem = "the receiver says: " + clip(said.message)
	default:
		s.Sent += n
	}
	e.mu.Unlock()
	if was := e.ailing.Swap(err != nil); was != (err != nil) {
		e.notify(err)
	}
}

// Stats returns what became of the spans so far.
func (e *Exporter) Stats() Stats {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.stats
}

// Finish makes the exporter impatient: what is under way is tried once more and soon, and ends
// after within at the latest. Call it before the provider's Shutdown.
func (e *Exporter) Finish(within time.Duration) {
	e.once.Do(func() {
		close(e.closing)
		time.AfterFunc(within, e.end)
	})
}

// Shutdown implements sdk.SpanExporter.
func (e *Exporter) Shutdown(context.Context) error {
	e.end()
	e.client.CloseIdleConnections()
	return nil
}

// body encodes a request.
func (e *Exporter) body(spans []sdk.ReadOnlySpan) ([]byte, error) {
	plain := appendRequest(make([]byte, 0, 512*len(spans)), spans)
	if !e.config.Gzip {
		return plain, nil
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	err := w.Close()
	return packed.Bytes(), err
}

// maxAnswer bounds what is read of an answer.
const maxAnswer = 64 << 10

// post makes one attempt. again says that another one may succeed, not before after.
func (e *Exporter) post(ctx context.Context, body []byte) (said partial, again bool, after time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.config.Endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return said, false, 0, hideAddress(err)
	}
	req.Header.Set("User-Agent", e.agent)
	for name, value := range e.config.Header {
		req.Header.Set(name, value)
	}
	req.Header.Set("Content-Type", contentType)
	if e.config.Gzip {
		req.Header.Set("Content-Encoding", "gzip")
	}
	res, err := e.client.Do(req)
	if err != nil {
		return said, !distrusted(err), 0, hideAddress(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		if err == nil && res.Header.Get("Content-Type") == contentType {
			said, _ = parsePartial(answer) // it took them, whatever it says
		}
		return said, false, 0, nil
	case retryable(res.StatusCode):
		return said, true, retryAfter(res.Header.Get("Retry-After"), time.Now()), errorText(complaint(res, answer))
	}
	return said, false, 0, errorText(complaint(res, answer))
}
