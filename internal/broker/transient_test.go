package broker

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

// TestRefusedForAMoment: a broker that says for a moment that a vhost is missing or down, although
// it is there, is asked again. The moment is rare (one in thousands of declarations on a busy
// 4.0.5), so the first refusals are put in between.
func TestRefusedForAMoment(t *testing.T) {
	for name, answer := range map[string]string{
		"missing": `{"error":"Object Not Found","reason":"vhost_not_found"}`,
		"down":    `{"error":"bad_request","reason":"vhost 'x' is down"}`,
	} {
		t.Run(name, func(t *testing.T) {
			rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
				v := b.VHost(t)
				q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
				create(t, refusingAtFirst(t, v, answer, 2), q)
				if c := newClient(t, v.User); !readLive(t, c, Scope{VHosts: []string{v.Name}}).Has(q.Ref()) {
					t.Error("the queue is not there")
				}
				err := refusingAtFirst(t, v, answer, 1000).Create(t.Context(),
					&topology.Queue{VHost: v.Name, Name: "r", Type: topology.Classic, Durable: true})
				if err == nil || !strings.Contains(err.Error(), v.Name) {
					t.Errorf("a broker that keeps refusing: %v", err)
				}
			})
		})
	}
}

// TestReadThatFailsForAMoment: a broker that fails on a read with an internal error is asked again.
// It is as rare (a list that meets a vhost that is being deleted), so the first answers are put in
// between.
func TestReadThatFailsForAMoment(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		read := func(failures int32) error {
			api := between(t, v, func(r *http.Request) bool { return r.Method == http.MethodGet }, failures,
				http.StatusInternalServerError, `{"error":"internal_server_error","reason":"badarg"}`)
			_, err := newClient(t, v.User, noAMQP, patience(failures), func(o *Options) { o.API = api }).ReadLive(t.Context(),
				Scope{VHosts: []string{v.Name}})
			return err
		}
		if err := read(2); err != nil {
			t.Errorf("a broker that fails twice: %v", err)
		}
		const said = "not able to answer now: the management API at http://"
		if err := read(1000); err == nil || !strings.Contains(err.Error(), said) {
			t.Errorf("a broker that keeps failing: %v", err)
		}
	})
}

// refusingAtFirst returns a client without AMQP whose first refusals declarations of queues are
// refused with answer.
func refusingAtFirst(t *testing.T, v *rabbittest.VHost, answer string, refusals int32) *Client {
	declares := func(r *http.Request) bool {
		return r.Method == http.MethodPut && strings.Contains(r.URL.Path, "/queues/")
	}
	api := between(t, v, declares, refusals, http.StatusNotFound, answer)
	return newClient(t, v.User, noAMQP, patience(refusals), func(o *Options) { o.API = api })
}

// patience is long where the broker comes to answer, however busy the machine is.
func patience(failures int32) func(*Options) {
	if failures < 100 {
		return once
	}
	return quickly
}

// between returns the address of a management API that answers the first requests that match with
// status and answer, and hands everything else to the broker's.
func between(t *testing.T, v *rabbittest.VHost, matches func(*http.Request) bool, first int32, status int,
	answer string) string {
	api, err := url.Parse(v.API)
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int32
	forward := httputil.NewSingleHostReverseProxy(api)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if matches(r) && asked.Add(1) <= first {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, answer)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}
