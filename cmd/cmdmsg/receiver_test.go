package cmdmsg_test

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// otlpReceiver takes spans by OTLP over HTTP, and reads them with OpenTelemetry's own types.
type otlpReceiver struct {
	*httptest.Server
	mu       sync.Mutex
	refuse   []int // the answers to the next requests
	asked    int
	resource map[string]string
	spans    []*span
}

// span is one span, readable.
type span struct {
	*tracepb.Span
	attrs map[string]string
}

func newOTLPReceiver(t *testing.T, refuse ...int) *otlpReceiver {
	r := &otlpReceiver{refuse: refuse, resource: map[string]string{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *otlpReceiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
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
	if err == nil {
		err = proto.Unmarshal(text, &in)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	switch {
	case err != nil || req.URL.Path != "/v1/traces":
		http.Error(w, fmt.Sprint(req.URL.Path, err), http.StatusBadRequest)
		return
	case len(r.refuse) > 0:
		w.WriteHeader(r.refuse[0])
		r.refuse = r.refuse[1:]
		return
	}
	for _, rs := range in.ResourceSpans {
		for k, v := range attributes(rs.Resource.Attributes) {
			r.resource[k] = v
		}
		for _, ss := range rs.ScopeSpans {
			for _, s := range ss.Spans {
				r.spans = append(r.spans, &span{s, attributes(s.Attributes)})
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

func attributes(list []*common.KeyValue) map[string]string {
	out := map[string]string{}
	for _, kv := range list {
		switch v := kv.Value.Value.(type) {
		case *common.AnyValue_StringValue:
			out[kv.Key] = v.StringValue
		case *common.AnyValue_IntValue:
			out[kv.Key] = fmt.Sprint(v.IntValue)
		}
	}
	return out
}

// requests counts what came, refused ones too.
func (r *otlpReceiver) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// process tells of an attribute of who sends the spans.
func (r *otlpReceiver) process(name string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.resource[name]
}

// all are the spans so far, by their start.
func (r *otlpReceiver) all() []*span {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := slices.Clone(r.spans)
	slices.SortFunc(list, func(a, b *span) int { return int(int64(a.StartTimeUnixNano) - int64(b.StartTimeUnixNano)) })
	return list
}

// want returns the spans when there are n of them.
func (r *otlpReceiver) want(t *testing.T, n int) []*span {
	t.Helper()
	for end := time.Now().Add(time.Minute); len(r.all()) < n && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	list := r.all()
	if len(list) != n {
		t.Fatalf("%d spans, want %d: %v", len(list), n, list)
	}
	return list
}

// parent is the traceparent of a sampled span.
func (s *span) parent() string { return "00-" + s.trace() + "-" + s.id() + "-01" }

func (s *span) trace() string { return hex.EncodeToString(s.TraceId) }
func (s *span) id() string    { return hex.EncodeToString(s.SpanId) }
func (s *span) above() string { return hex.EncodeToString(s.ParentSpanId) }

// has fails the test unless the attributes are there: "name=value …".
func (s *span) has(t *testing.T, list string) {
	t.Helper()
	for _, want := range strings.Fields(list) {
		if name, value, _ := strings.Cut(want, "="); s.attrs[name] != value {
			t.Errorf("%s: %s is %q, want %q", s.Name, name, s.attrs[name], value)
		}
	}
}
