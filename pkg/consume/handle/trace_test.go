//go:build unix

package handle_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
)

// TestTraceReachesTheHandler: the attempt's span goes before what the message says, and nonsense is
// not passed on.
func TestTraceReachesTheHandler(t *testing.T) {
	const (
		ofMessage = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
		ofAttempt = "00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-01"
	)
	t.Setenv("TRACEPARENT", "00-22222222222222222222222222222222-2222222222222222-01")
	t.Setenv("TRACESTATE", "own=1")
	for _, x := range []struct {
		name          string
		headers       message.Table
		trace         handle.Trace
		parent, state string
		inherited     bool
	}{
		{"attempt", message.Table{"traceparent": ofMessage, "tracestate": "m=1"},
			handle.Trace{Parent: ofAttempt, State: "a=1"}, ofAttempt, "a=1", false},
		{"attempt without state", message.Table{"traceparent": ofMessage, "tracestate": "m=1"},
			handle.Trace{Parent: ofAttempt}, ofAttempt, "", false},
		{"message", message.Table{"traceparent": ofMessage, "tracestate": "m=\"1\""}, handle.Trace{}, ofMessage, "m=\"1\"",
			false},
		{"nonsense", message.Table{"traceparent": "00-x\",\"evil\":\"", "tracestate": "m=1"}, handle.Trace{}, "", "", true},
		{"no hexadecimal rest", message.Table{"traceparent": ofMessage + "-\""}, handle.Trace{}, "", "", true},
		{"none", nil, handle.Trace{}, "", "", true},
	} {
		j := attempt("body")
		j.Message.Headers, j.Trace = x.headers, x.trace

		var line struct{ Traceparent, Tracestate string }
		text := handle.AppendJSON(nil, 1, j)
		if err := json.Unmarshal(text, &line); err != nil || line.Traceparent != x.parent || line.Tracestate != x.state {
			t.Errorf("%s: %v %s", x.name, err, text)
		}

		out := filepath.Join(t.TempDir(), "out")
		shell(`echo "$TRACEPARENT|$TRACESTATE" > `+out, 0).Handle(t.Context(), j)
		got, err := os.ReadFile(out)
		want := x.parent + "|" + x.state
		if x.inherited {
			want = os.Getenv("TRACEPARENT") + "|" + os.Getenv("TRACESTATE")
		}
		if err != nil || strings.TrimSpace(string(got)) != want {
			t.Errorf("%s: %v %q, want %q", x.name, err, got, want)
		}

		var header http.Header
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { header = r.Header }))
		u, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		handle.NewHTTP(u, 1).Handle(t.Context(), j)
		server.Close()
		if got := header.Get("Traceparent"); got != x.parent {
			t.Errorf("%s: traceparent %q", x.name, got)
		}
	}
}
