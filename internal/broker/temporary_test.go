package broker

import (
	"context"
	"errors"
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

// creating is a management API whose first PUT meets with something.
type creating struct {
	t       *testing.T
	broker  http.Handler
	handled chan struct{} // closed when the broker has carried out the first PUT
	begun   atomic.Bool
	cut     bool // the answer to the first PUT is lost
	down    bool // and nothing is answered afterwards
	on      func()
}

func (c *creating) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	client := w
	switch {
	case r.Method == http.MethodPut && c.begun.CompareAndSwap(false, true):
		defer close(c.handled)
		c.on()
		// The broker goes on whether or not the client waits.
		r, w = r.WithContext(context.WithoutCancel(r.Context())), struct{ http.ResponseWriter }{w}
		if c.cut {
			defer hangUp(c.t, client)
			w = httptest.NewRecorder()
		}
	case c.begun.Load() && c.down:
		hangUp(c.t, w)
		return
	}
	c.broker.ServeHTTP(w, r)
}

func hangUp(t *testing.T, w http.ResponseWriter) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	_ = conn.Close()
}

// throughAPI returns a client whose requests to the management API go through c.
func throughAPI(t *testing.T, v *rabbittest.VHost, c *creating) *Client {
	api, err := url.Parse(v.API)
	if err != nil {
		t.Fatal(err)
	}
	c.t, c.handled, c.broker = t, make(chan struct{}), httputil.NewSingleHostReverseProxy(api)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	client := newClient(t, v.User, once, func(o *Options) { o.API = server.URL })
	if _, err := client.Everything(t.Context(), []string{v.Name}); err != nil { // as the commands do before
		t.Fatal(err)
	}
	return client
}

// An interruption or a lost answer in the middle of a creation leaves nothing on the broker.
func TestNothingTemporaryIsLeft(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		admin := b.Admin()
		temporary := v.Name + "-temporary"
		t.Cleanup(func() { admin.Delete(t, rabbittest.Path("vhosts", temporary)) })
		policy := &topology.Policy{VHost: v.Name, Name: "temporary", Pattern: "^x$", ApplyTo: topology.ApplyToQueues,
			Definition: topology.Arguments{"max-length": int64(1)}}
		objects := map[string]func(context.Context, *Client) error{
			rabbittest.Path("vhosts", temporary): func(ctx context.Context, c *Client) error {
				_, err := c.OpenTestVHost(ctx, temporary)
				return err
			},
			rabbittest.Path("policies", v.Name, policy.Name): func(ctx context.Context, c *Client) error {
				return c.CreateTemporary(ctx, policy)
			},
		}
		for path, create := range objects {
			ctx, interrupt := context.WithCancel(t.Context())
			api := &creating{on: interrupt}
			err := create(ctx, throughAPI(t, v, api))
			<-api.handled
			if !errors.Is(err, context.Canceled) || admin.Exists(t, path) {
				t.Errorf("interrupted: %v, and %s exists: %v", err, path, admin.Exists(t, path))
			}

			api = &creating{on: func() {}, cut: true}
			err = create(t.Context(), throughAPI(t, v, api))
			if !errors.Is(err, topology.ErrUnreachable) || strings.Contains(err.Error(), "\n") || admin.Exists(t, path) {
				t.Errorf("without an answer: %v, and %s exists: %v", err, path, admin.Exists(t, path))
			}

			api = &creating{on: func() {}, cut: true, down: true}
			err = create(t.Context(), throughAPI(t, v, api))
			var left *topology.LeftBehindError
			if !errors.As(err, &left) || !strings.Contains(left.Error(), "rabbitmqctl ") || !admin.Exists(t, path) {
				t.Errorf("with a broker that does not come back: %v, and %s exists: %v", err, path, admin.Exists(t, path))
			}
			admin.Delete(t, path)
		}
	})
}

// What the broker refuses needs no removal, and is said once.
func TestRefusedTestVHost(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t, rabbittest.Tags("management"))
		_, err := newClient(t, v.User, once).OpenTestVHost(t.Context(), v.Name+"-temporary")
		if !errors.Is(err, topology.ErrNotPermitted) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v", err)
		}
		interrupted, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := newClient(t, b.VHost(t).User, once).OpenTestVHost(interrupted, v.Name+"-temporary"); !errors.Is(err,
			context.Canceled) || b.Admin().Exists(t, rabbittest.Path("vhosts", v.Name+"-temporary")) {
			t.Errorf("interrupted before: %v", err)
		}
	})
}
