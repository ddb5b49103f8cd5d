package management

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
)

// A refusal is final, also of an API that has answered before: only a login that it took is tried
// again, for a broker that restarts.
func TestRefusalIsFinal(t *testing.T) {
	for _, tc := range []struct {
		status int
		body   string
		want   int64
	}{
		{http.StatusUnauthorized, `{"error":"not_authorised","reason":"Not administrator user"}`, 1},
		{http.StatusUnauthorized, `{"error":"not_authorised","reason":"User not authorised to access virtual host"}`, 1},
		{http.StatusForbidden, `{"error":"not_authorised","reason":"x"}`, 1},
		{http.StatusNotFound, `{"error":"Object Not Found","reason":"Not Found"}`, 1},
		{http.StatusUnauthorized, `{"error":"not_authorized","reason":"Not_Authorized"}`, 4},
	} {
		var asked atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == "/api/whoami" {
				_, _ = io.WriteString(w, `{"name":"u"}`)
				return
			}
			asked.Add(1)
			w.WriteHeader(tc.status)
			_, _ = io.WriteString(w, tc.body)
		}))
		c, err := New(Options{URL: server.URL, User: "u", Password: "p", Timeout: time.Minute,
			Reconnect: reconnect.Policy{Delay: time.Millisecond, Attempts: 10}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.get(t.Context(), "whoami", new(struct{})); err != nil {
			t.Fatal(err)
		}
		if err := c.get(t.Context(), "users", new(struct{})); err == nil {
			t.Errorf("%s: no error", tc.body)
		}
		if err := c.do(t.Context(), http.MethodDelete, "users/x", nil); err == nil {
			t.Errorf("%s: no error", tc.body)
		}
		if n := asked.Load(); n != 2*tc.want {
			t.Errorf("%d %s: asked %d times, want %d", tc.status, tc.body, n, 2*tc.want)
		}
		c.Close()
		server.Close()
	}
}
