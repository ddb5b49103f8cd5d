package rabbit

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

// TestStumblingBroker: a broker that says for a moment that a vhost is missing or down, although it is there, is asked again. The
// moment is rare (one in thousands of declarations on a busy 4.0.5), so the first refusals are put in between.
func TestStumblingBroker(t *testing.T) {
	for name, answer := range map[string]string{
		"missing": `{"error":"Object Not Found","reason":"vhost_not_found"}`,
		"down":    `{"error":"bad_request","reason":"vhost 'x' is down"}`,
	} {
		t.Run(name, func(t *testing.T) {
			rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
				v := b.VHost(t)
				q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
				create(t, stumbling(t, v, answer, 2), q)
				if c := newClient(t, v.User); !readLive(t, c, Scope{VHosts: []string{v.Name}}).Has(q.Ref()) {
					t.Error("the queue is not there")
				}
				err := stumbling(t, v, answer, 1000).Create(t.Context(), &topology.Queue{VHost: v.Name, Name: "r", Type: topology.Classic, Durable: true})
				if err == nil || !strings.Contains(err.Error(), v.Name) {
					t.Errorf("a broker that keeps refusing: %v", err)
				}
			})
		})
	}
}

// stumbling returns a client without AMQP whose first refusals declarations of queues are refused with answer.
func stumbling(t *testing.T, v *rabbittest.VHost, answer string, refusals int32) *Client {
	api, err := url.Parse(v.API)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	forward := httputil.NewSingleHostReverseProxy(api)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/queues/") && asked.Add(1) <= refusals {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, answer)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return newClient(t, v.User, noAMQP, quickly, func(o *Options) { o.API = server.URL })
}
