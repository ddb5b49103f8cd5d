package handle_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
)

func attempt(body string) *handle.Attempt {
	return &handle.Attempt{Number: 2, Type: "order.created", Message: &message.Message{
		Properties: message.Properties{MessageID: "m-1", CorrelationID: "c-1", Timestamp: time.Unix(1700000000123, 0)},
		Headers:    message.Table{"tenant": "acme", "n": int64(7)},
		Exchange:   "x", RoutingKey: "k", Queue: "q", Body: []byte(body),
	}}
}

func endpoint(t *testing.T, f http.HandlerFunc) *handle.HTTP {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	u, err := url.Parse(strings.Replace(s.URL, "://", "://user:secret@", 1) + "/path?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	return handle.NewHTTP(u, 2)
}

func TestHTTPAnswers(t *testing.T) {
	var mu sync.Mutex
	status, header := 0, ""
	h := endpoint(t, func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Retry-After", header)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = w.Write([]byte("said\n"))
	})
	for _, x := range []struct {
		status  int
		header  string
		verdict handle.Verdict
		kind    string
		after   time.Duration
	}{
		{200, "", handle.Handled, "", 0},
		{202, "5", handle.Handled, "", 0},
		{204, "", handle.Handled, "", 0},
		{302, "", handle.DeadLetter, "http 302", 0},
		{308, "", handle.DeadLetter, "http 308", 0},
		{400, "", handle.DeadLetter, "http 400", 0},
		{404, "", handle.DeadLetter, "http 404", 0},
		{429, "17", handle.Retry, "http 429", 17 * time.Second},
		{500, "9", handle.DeadLetter, "http 500", 0},
		{502, "", handle.Retry, "http 502", 0},
		{503, "-4", handle.Retry, "http 503", 0},
		{503, "999999999", handle.Retry, "http 503", 24 * time.Hour},
		{503, "soon", handle.Retry, "http 503", 0},
		{503, "Fri, 31 Dec 1999 23:59:59 GMT", handle.Retry, "http 503", 0},
	} {
		mu.Lock()
		status, header = x.status, x.header
		mu.Unlock()
		r := h.Handle(t.Context(), attempt("{}"))
		if r.Verdict != x.verdict || r.After != x.after || x.kind != "" &&
			(r.Failure.Type != x.kind || x.status != 204 && r.Failure.Message != "said") {
			t.Errorf("%d: %+v %+v", x.status, r, r.Failure)
		}
	}
	if name := h.Name(); strings.Contains(name, "secret") {
		t.Errorf("its name tells a password: %s", name)
	}
}

func TestHTTPThatDoesNotAnswer(t *testing.T) {
	over := make(chan struct{})
	h := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-over:
		}
	})
	defer close(over)
	h.Timeout = 100 * time.Millisecond
	if r := h.Handle(t.Context(), attempt("")); r.Verdict != handle.Retry || r.Failure.Type != handle.ErrorTimeout {
		t.Errorf("%+v %+v", r, r.Failure)
	}
	u, _ := url.Parse("http://user:secret@127.0.0.1:1/x")
	r := handle.NewHTTP(u, 1).Handle(t.Context(), attempt(""))
	if r.Verdict != handle.Retry || r.Failure.Type != handle.ErrorConnect ||
		strings.Contains(r.Failure.Message, "secret") {
		t.Errorf("%+v %+v", r, r.Failure)
	}
}

func TestHTTPSendsCloudEvents(t *testing.T) {
	var got *http.Request
	var body string
	h := endpoint(t, func(_ http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		got, body = r, string(text)
	})
	m := &message.Message{Queue: "q", RoutingKey: "order.created",
		Headers:    message.Table{"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
		Properties: message.Properties{MessageID: "m-1", ContentType: "application/json"},
		Body:       []byte(`{"eventId":"e-1","eventType":"order.created","aggregateId":"ö 1","timestamp":"2026-01-31T12:00:00Z","version":1,"payload":{"a": 1}}`)}
	if r := h.Handle(t.Context(), &handle.Attempt{Message: m, Number: 3, Last: true}); r.Verdict != handle.Handled {
		t.Fatalf("%+v", r)
	}
	for name, want := range map[string]string{
		"Ce-Id": "e-1", "Ce-Type": "order.created", "Ce-Specversion": "1.0", "Ce-Source": "/q", "Ce-Subject": "%C3%B6%201",
		"Content-Type":    "application/json",
		"Message-Attempt": "3", "Message-Last-Attempt": "true",
		"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Message-Id": "m-1",
	} {
		if v := got.Header.Get(name); v != want {
			t.Errorf("%s is %q, want %q", name, v, want)
		}
	}
	if body != `{"a": 1}` {
		t.Errorf("the body is %q", body)
	}
	h.Raw = true
	h.Handle(t.Context(), &handle.Attempt{Message: m, Number: 1})
	if body != string(m.Body) || got.Header.Get("Ce-Id") != "" {
		t.Errorf("raw: %v %q", got.Header, body)
	}
	hostile := &message.Message{RoutingKey: "a\r\nX-Evil: 1",
		Properties: message.Properties{ContentType: "text/plain\r\nX-Evil: 1", MessageID: "\x00\xff"}}
	if r := h.Handle(t.Context(), &handle.Attempt{Message: hostile, Number: 1}); r.Verdict != handle.Handled ||
		got.Header.Get("X-Evil") != "" {
		t.Errorf("%+v %+v %v", r, r.Failure, got.Header)
	}
}
