package otlp

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	collector "go.opentelemetry.io/proto/slim/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver answers with one handler after the other, the last again and again, and remembers what
// it took.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []http.HandlerFunc
	requests []*http.Request
	names    []string // of spans
}

func newReceiver(t *testing.T, answers ...http.HandlerFunc) *receiver {
	r := &receiver{answers: answers}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		body = z
	}
	text, err := io.ReadAll(body)
	var in collector.ExportTraceServiceRequest
	if err != nil || proto.Unmarshal(text, &in) != nil || len(in.ResourceSpans) == 0 {
		http.Error(w, "no request", http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.requests = append(r.requests, req)
	for _, s := range in.ResourceSpans[0].ScopeSpans[0].Spans {
		r.names = append(r.names, s.Name)
	}
	answer := r.answers[0]
	if len(r.answers) > 1 {
		r.answers = r.answers[1:]
	}
	r.mu.Unlock()
	answer(w, req)
}

func (r *receiver) got() (requests []*http.Request, names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests), slices.Clone(r.names)
}

func ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)
}

func status(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}

func stubs(names ...string) []sdk.ReadOnlySpan {
	var out []sdk.ReadOnlySpan
	for _, n := range names {
		out = append(out, tracetest.SpanStub{Name: n, Resource: resource.Empty()}.Snapshot())
	}
	return out
}

// from makes an exporter of variables, given as NAME, VALUE, ….
func from(t *testing.T, notify func(error), pairs ...string) *Exporter {
	t.Helper()
	c, err := FromEnvironment(variables(pairs...))
	if err != nil {
		t.Fatal(err)
	}
	e := New(c, "msgctl/test", notify)
	t.Cleanup(func() { _ = e.Shutdown(context.Background()) })
	return e
}

func variables(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func (e *Exporter) export(t *testing.T, names ...string) Stats {
	t.Helper()
	if err := e.ExportSpans(t.Context(), stubs(names...)); err != nil {
		t.Fatal(err)
	}
	return e.Stats()
}

func TestRequest(t *testing.T) {
	r := newReceiver(t, ok)
	e := from(t, nil, prefix+"ENDPOINT", r.URL+"/base/", prefix+"HEADERS", "authorization=Bearer%20x, api-key=a%2Cb",
		prefix+"COMPRESSION", "gzip")
	if s := e.export(t, "a", "b"); s != (Stats{Sent: 2}) {
		t.Errorf("%+v", s)
	}
	requests, names := r.got()
	req := requests[0]
	if req.Method != http.MethodPost || req.URL.Path != "/base/v1/traces" ||
		req.Header.Get("Content-Type") != contentType || req.Header.Get("Content-Encoding") != "gzip" ||
		req.Header.Get("Authorization") != "Bearer x" || req.Header.Get("Api-Key") != "a,b" ||
		req.Header.Get("User-Agent") != "msgctl/test" || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("%s %s %v %v", req.Method, req.URL, req.Header, names)
	}
	e = from(t, nil, prefixTraces+"ENDPOINT", r.URL, prefix+"ENDPOINT", "http://127.0.0.1:1")
	e.export(t, "c")
	if requests, _ = r.got(); requests[1].URL.Path != "/" || requests[1].Header.Get("Content-Encoding") != "" {
		t.Errorf("%s %v", requests[1].URL, requests[1].Header)
	}
}

// TestRetries: what may pass is tried again, not before the receiver wants it; what will not pass
// is not.
func TestRetries(t *testing.T) {
	for _, code := range []int{429, 502, 503, 504} {
		r := newReceiver(t, status(code), ok)
		if s := from(t, nil, prefix+"ENDPOINT", r.URL).export(t, "a"); s != (Stats{Sent: 1}) {
			t.Errorf("%d: %+v", code, s)
		}
	}
	for _, code := range []int{301, 400, 401, 404, 413, 500, 501} {
		r := newReceiver(t, status(code, "Location", "/"), ok)
		s := from(t, nil, prefix+"ENDPOINT", r.URL).export(t, "a", "b")
		if requests, _ := r.got(); len(requests) != 1 || s.Lost != 2 || s.Sent != 0 ||
			!strings.Contains(s.Problem, http.StatusText(code)) {
			t.Errorf("%d: %+v, %d requests", code, s, len(requests))
		}
	}
	r := newReceiver(t, status(503, "Retry-After", "1"), ok)
	start := time.Now()
	if s := from(t, nil, prefix+"ENDPOINT", r.URL).export(t, "a"); s.Sent != 1 || time.Since(start) < time.Second {
		t.Errorf("%+v after %s", s, time.Since(start))
	}
}

// TestLostConnection: a request without answer is sent again.
func TestLostConnection(t *testing.T) {
	r := newReceiver(t, func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = c.Close()
		}
	}, ok)
	if s := from(t, nil, prefix+"ENDPOINT", r.URL).export(t, "a"); s != (Stats{Sent: 1}) {
		t.Errorf("%+v", s)
	}
}

func TestTimeoutAndRecovery(t *testing.T) {
	release := make(chan struct{})
	r := newReceiver(t, func(w http.ResponseWriter, req *http.Request) {
		select {
		case <-release:
			ok(w, req)
		case <-req.Context().Done():
		}
	})
	var told []error
	e := from(t, func(err error) { told = append(told, err) }, prefix+"ENDPOINT", r.URL, prefixTraces+"TIMEOUT", "50")
	if s := e.export(t, "a"); s.Lost != 1 || !strings.Contains(s.Problem, "did not answer in 50ms") {
		t.Errorf("%+v", s)
	}
	close(release)
	e.config.Timeout = 10 * time.Minute
	if s := e.export(t, "b"); s.Lost != 1 || s.Sent != 1 {
		t.Errorf("%+v", s)
	}
	e.export(t, "c")
	if len(told) != 2 || told[0] == nil || told[1] != nil {
		t.Errorf("%v", told)
	}
}

// TestFinish: at the end of a run there is little time, for a receiver that is not there less than
// for one that is busy.
func TestFinish(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := "http://" + l.Addr().String()
	_ = l.Close()
	e := from(t, nil, prefix+"ENDPOINT", address, prefix+"TIMEOUT", "60000")
	e.Finish(30 * time.Second)
	start := time.Now()
	if s := e.export(t, "a"); s.Lost != 1 || !strings.Contains(s.Problem, "refused") ||
		strings.Contains(s.Problem, "v1/traces") || time.Since(start) > 10*time.Second {
		t.Errorf("%+v after %s", s, time.Since(start))
	}
	start = time.Now()
	if s := e.export(t, "b"); s.Lost != 2 || time.Since(start) > unreachable {
		t.Errorf("%+v after %s: the time is for all requests together", s, time.Since(start))
	}
	r := newReceiver(t, status(503, "Retry-After", "60"), status(503, "Retry-After", "60"), ok)
	e = from(t, nil, prefix+"ENDPOINT", r.URL, prefix+"TIMEOUT", "60000")
	time.AfterFunc(50*time.Millisecond, func() { e.Finish(30 * time.Second) }) // while it waits
	start = time.Now()
	if s := e.export(t, "a"); s.Sent != 1 || time.Since(start) > 10*time.Second {
		t.Errorf("%+v after %s", s, time.Since(start))
	}
	busy := newReceiver(t, status(503))
	e = from(t, nil, prefix+"ENDPOINT", busy.URL, prefix+"TIMEOUT", "60000")
	e.Finish(3 * time.Second)
	start = time.Now()
	if s := e.export(t, "a"); s.Lost != 1 || !strings.Contains(s.Problem, "503") || time.Since(start) > 10*time.Second {
		t.Errorf("%+v after %s", s, time.Since(start))
	}
}

func TestPartialSuccessIsTold(t *testing.T) {
	answer := func(rejected int64, message string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			body, err := proto.Marshal(&collector.ExportTraceServiceResponse{PartialSuccess: &collector.ExportTracePartialSuccess{RejectedSpans: rejected, ErrorMessage: message}})
			if err == nil {
				_, _ = w.Write(body)
			}
		}
	}
	r := newReceiver(t, answer(2, "over quota"), answer(0, "use the new endpoint"))
	e := from(t, nil, prefix+"ENDPOINT", r.URL)
	if s := e.export(t, "a", "b", "c"); s.Sent != 1 || s.Rejected != 2 || !strings.Contains(s.Problem, "over quota") {
		t.Errorf("%+v", s)
	}
	if s := e.export(t, "d"); s.Sent != 2 || s.Rejected != 2 || !strings.Contains(s.Problem, "the new endpoint") {
		t.Errorf("%+v", s)
	}
	if requests, _ := r.got(); len(requests) != 2 {
		t.Errorf("%d requests: it must not be repeated", len(requests))
	}
}

func TestCertificate(t *testing.T) {
	r := &receiver{answers: []http.HandlerFunc{ok}}
	r.Server = httptest.NewTLSServer(r)
	t.Cleanup(r.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw}),
		0o600); err != nil {
		t.Fatal(err)
	}
	if s := from(t, nil, prefix+"ENDPOINT", r.URL, prefix+"CERTIFICATE", ca).export(t, "a"); s != (Stats{Sent: 1}) {
		t.Errorf("%+v", s)
	}
	// Without it nothing is sent, and nothing is tried again: the timeout is never reached.
	e := from(t, nil, prefix+"ENDPOINT", r.URL, prefix+"TIMEOUT", "600000")
	if s := e.export(t, "a"); s.Lost != 1 || !strings.Contains(s.Problem, "certificate") {
		t.Errorf("%+v", s)
	}
}

func TestWrongVariables(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{prefix + "PROTOCOL", "grpc", "4318"},
		{prefixTraces + "PROTOCOL", "http/json", "http/protobuf"},
		{prefix + "ENDPOINT", "localhost:4317", "http://localhost:4318"},
		{prefix + "ENDPOINT", "user:secret@host", "want an address"},
		{prefix + "HEADERS", "authorization", "NAME=VALUE"},
		{prefix + "HEADERS", "a=secret%0d%0ab", "NAME=VALUE"},
		{prefix + "HEADERS", "a b=secret", "NAME=VALUE"},
		{prefix + "TIMEOUT", "10s", "milliseconds"},
		{prefix + "TIMEOUT", "0", "milliseconds"},
		{prefix + "COMPRESSION", "zstd", "gzip or none"},
		{prefix + "CERTIFICATE", "/does/not/exist", "/does/not/exist"},
		{prefix + "CLIENT_CERTIFICATE", "/does/not/exist", "CLIENT_KEY"},
	} {
		_, err := FromEnvironment(variables(c.name, c.value))
		if err == nil || !strings.Contains(err.Error(), c.name) || !strings.Contains(err.Error(), c.want) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s=%s: %v", c.name, c.value, err)
		}
	}
	c, err := FromEnvironment(variables())
	if err != nil || c.Endpoint.String() != DefaultEndpoint || c.Timeout != DefaultTimeout || HasEndpoint(variables()) ||
		!HasEndpoint(variables(prefixTraces+"ENDPOINT", "x")) {
		t.Errorf("%+v %v", c, err)
	}
}
