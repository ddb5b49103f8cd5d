package broker

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

func TestMain(m *testing.M) {
	// A private node that the tests share lives as long as their process.
	const node = "github.com/msgctl/msgctl/internal/rabbittest/node."
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(node+"startProcess.func1"),
		goleak.IgnoreAnyFunction(node+"newGuard.func2"))
}

// optionsOf makes options from a test user's URLs.
func optionsOf(tb testing.TB, amqpURL, api string) Options {
	tb.Helper()
	u, err := url.Parse(amqpURL)
	if err != nil {
		tb.Fatal("a broker's address is not a URL")
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		tb.Fatal(err)
	}
	password, _ := u.User.Password()
	vhost, err := url.PathUnescape(strings.TrimPrefix(u.EscapedPath(), "/"))
	if err != nil {
		tb.Fatal(err)
	}
	o := Options{Host: u.Hostname(), Port: port, VHost: vhost, User: u.User.Username(),
		Password:       topology.Secret(password),
		ReconnectDelay: 100 * time.Millisecond, ReconnectAttempts: 10, Timeout: time.Minute, Name: "msgctl test"}
	if api != "" {
		a, err := url.Parse(api)
		if err != nil {
			tb.Fatal("an API's address is not a URL")
		}
		a.User = nil
		o.API = a.String()
	}
	return o
}

// newClient opens a client as a user, closed when the test ends.
func newClient(tb testing.TB, u rabbittest.User, change ...func(*Options)) *Client {
	tb.Helper()
	o := optionsOf(tb, u.URL, u.API)
	for _, f := range change {
		f(&o)
	}
	c, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func noAPI(o *Options)  { o.API = "" }
func noAMQP(o *Options) { o.Port = 1 }

// quickly is for what does not answer as it should; once for what does, if late on a busy machine.
func quickly(o *Options) { o.Timeout, o.ReconnectAttempts = 2*time.Second, 0 }
func once(o *Options)    { o.Timeout, o.ReconnectAttempts = time.Minute, 0 }

func state(tb testing.TB, objects ...topology.Object) *topology.State {
	tb.Helper()
	s := &topology.State{}
	for _, o := range objects {
		if err := s.Add(o, diag.Position{}); err != nil {
			tb.Fatal(err)
		}
	}
	return s
}

func create(tb testing.TB, c *Client, objects ...topology.Object) {
	tb.Helper()
	for _, o := range objects {
		if err := c.Create(tb.Context(), o); err != nil {
			tb.Fatal(err)
		}
	}
}

func readLive(tb testing.TB, c *Client, scope Scope) *topology.Live {
	tb.Helper()
	live, err := c.ReadLive(tb.Context(), scope)
	if err != nil {
		tb.Fatal(err)
	}
	return live
}

// oneOfEach returns an object of every kind in the vhost, in creation order, with odd names.
func oneOfEach(vhost, user string) []topology.Object {
	odd := "a/b c%20 ☃ " + strings.Repeat("é", 10)
	long := strings.Repeat("q", 255)
	return []topology.Object{
		&topology.VHost{Name: vhost},
		&topology.User{Name: user, Tags: []string{"monitoring", "own"}, Password: "secret"},
		&topology.UserLimit{User: user, Name: "max-channels", Value: 7},
		&topology.Permission{VHost: vhost, User: user, Configure: "^a", Write: "", Read: ".*"},
		&topology.VHostLimit{VHost: vhost, Name: "max-queues", Value: 100},
		&topology.Parameter{VHost: vhost, Component: "federation-upstream", Name: odd,
			Value: map[string]any{"uri": "amqp://u:p@localhost", "prefetch-count": int64(5)}},
		&topology.Policy{Operator: true, VHost: vhost, Name: "limit", Pattern: "^never$", ApplyTo: "queues",
			Definition: topology.Arguments{"max-length": int64(9)}},
		&topology.Policy{VHost: vhost, Name: odd, Pattern: "^never$", ApplyTo: "all", Priority: 3,
			Definition: topology.Arguments{"dead-letter-exchange": "x"}},
		&topology.Exchange{VHost: vhost, Name: odd, Type: "topic", Durable: true,
			Arguments: topology.Arguments{"alternate-exchange": "amq.fanout", "x-own": int64(1)}},
		&topology.Exchange{VHost: vhost, Name: "headers", Type: "headers", AutoDelete: true, Internal: true},
		&topology.TopicPermission{VHost: vhost, User: user, Exchange: odd, Write: "^w", Read: "^r"},
		&topology.Queue{VHost: vhost, Name: long, Type: topology.Classic, TypeDeclared: true, Durable: true,
			Arguments: topology.Arguments{
				"x-message-ttl": int64(86400000), "x-own": map[string]any{"f": 1.5, "l": []any{int64(1), "a", true}}}},
		&topology.Queue{VHost: vhost, Name: odd, Type: topology.Quorum, TypeDeclared: true, Durable: true},
		&topology.Queue{VHost: vhost, Name: ".", Type: topology.Stream, TypeDeclared: true, Durable: true},
		&topology.Queue{VHost: vhost, Name: "plain", Type: topology.Classic, Durable: true},
		&topology.Binding{VHost: vhost, Source: odd, Destination: long, DestinationType: topology.ToQueue,
			RoutingKey: "a.*.#/%"},
		&topology.Binding{VHost: vhost, Source: odd, Destination: "headers", DestinationType: topology.ToExchange},
		&topology.Binding{VHost: vhost, Source: "headers", Destination: odd, DestinationType: topology.ToQueue,
			Arguments: topology.Arguments{
				"x-match": "all", "n": int64(5), "f": 2.0, "b": false, "nothing": nil}},
	}
}

// sameFields fails unless the live object has the wanted fields.
func sameFields(tb testing.TB, live *topology.Live, want topology.Object) {
	tb.Helper()
	have, ok := live.Get(want.Ref())
	if !ok {
		tb.Errorf("%s was not read", want.Ref().Full())
		return
	}
	if u, isUser := want.(*topology.User); isUser {
		h := have.(*topology.User)
		if !topology.PasswordMatches(u.Password, h.PasswordHash, h.HashingAlgorithm) || !slices.Equal(u.Tags, h.Tags) {
			tb.Errorf("%s: tags %v, or the password is another", want.Ref(), h.Tags)
		}
		return
	}
	if _, isVHost := want.(*topology.VHost); isVHost {
		return
	}
	w, h := fmt.Sprint(want.Fields()), fmt.Sprint(have.Fields())
	if w != h {
		tb.Errorf("%s:\nhave %s\nwant %s", want.Ref(), h, w)
	}
}

func TestEverythingWrittenIsReadAndDeleted(t *testing.T) {
	for name, change := range map[string]func(*Options){"both": func(*Options) {}, "management API alone": noAMQP} {
		t.Run(name, func(t *testing.T) {
			rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
				v := b.VHost(t)
				c := newClient(t, v.User, change)
				other := v.AddUser(t, rabbittest.NoAccess())
				objects := oneOfEach(v.Name, other.Login)
				if c.opts.Port == 1 { // "." has no address there, and null no value
					objects = slices.DeleteFunc(objects, func(o topology.Object) bool { return o.Ref().Name == "." })
					delete(objects[len(objects)-1].(*topology.Binding).Arguments, "nothing")
				}
				create(t, c, objects...)
				create(t, c, objects...) // again: nothing to complain about
				live := readLive(t, c, Scope{VHosts: []string{v.Name}})
				for _, o := range objects {
					sameFields(t, live, o)
				}
				if len(live.Unreadable)+len(live.MissingVHosts) > 0 {
					t.Errorf("unreadable %v, missing %v", live.Unreadable, live.MissingVHosts)
				}
				deleteAll(t, c, live, objects)
			})
		})
	}
}

func deleteAll(t *testing.T, c *Client, live *topology.Live, objects []topology.Object) {
	t.Helper()
	for _, o := range slices.Backward(objects) {
		have, _ := live.Get(o.Ref())
		if o.Ref().Kind == topology.KindVHost || have == nil {
			continue
		}
		for range 2 { // the second time it is gone
			if err := c.Delete(t.Context(), have, topology.DeleteConditions{}); err != nil {
				t.Error(err)
			}
		}
	}
	vhost := objects[0].Ref().Name
	after := readLive(t, c, Scope{VHosts: []string{vhost}})
	for _, o := range objects {
		if o.Ref().Kind != topology.KindVHost && after.Has(o.Ref()) {
			t.Errorf("%s is still there", o.Ref())
		}
	}
	for range 2 {
		if err := c.Delete(t.Context(), objects[0], topology.DeleteConditions{}); err != nil {
			t.Error(err)
		}
	}
	gone := readLive(t, c, Scope{VHosts: []string{vhost}})
	if !slices.Equal(gone.MissingVHosts, []string{vhost}) {
		t.Errorf("missing vhosts %q", gone.MissingVHosts)
	}
}

func TestServerFacts(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		s := readLive(t, newClient(t, v.User), Scope{VHosts: []string{v.Name}}).Server
		if !strings.HasPrefix(s.Version, b.Line+".") || s.User != v.Login || !slices.Contains(s.Tags, "administrator") ||
			!slices.Contains(s.ExchangeTypes, "topic") || s.ClusterName == "" {
			t.Errorf("server %+v", s)
		}
		wantType := "classic"
		if b.Line == "3.10" {
			wantType = ""
		}
		if s.DefaultQueueType != wantType {
			t.Errorf("default queue type %q", s.DefaultQueueType)
		}
	})
}

func TestVHostKeepsWhatTheFileDoesNotName(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t, rabbittest.VHostBody(map[string]any{"default_queue_type": "quorum", "description": "old",
			"tags": "a,b"}))
		c := newClient(t, v.User)
		want := &topology.VHost{Name: v.Name, Description: "new"}
		want.Declared.Description = true
		if err := c.Update(t.Context(), nil, want); err != nil {
			t.Fatal(err)
		}
		have, _ := readLive(t, c, Scope{}).Get(want.Ref())
		h := have.(*topology.VHost)
		if h.Description != "new" || (b.Line != "3.10" && h.DefaultQueueType != "quorum") {
			t.Errorf("vhost %+v", h)
		}
		if !slices.Equal(h.Tags, []string{"a", "b"}) {
			t.Errorf("tags %q", h.Tags)
		}
	})
}

// A queue whose file names no type gets the vhost's default; one that says classic is classic.
func TestDefaultQueueType(t *testing.T) {
	for name, change := range map[string]func(*Options){"AMQP": func(*Options) {}, "HTTP": noAMQP} {
		t.Run(name, func(t *testing.T) {
			rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
				v := b.VHost(t, rabbittest.VHostBody(map[string]any{"default_queue_type": "quorum"}))
				c := newClient(t, v.User, change)
				untyped := &topology.Queue{VHost: v.Name, Name: "untyped", Type: topology.Classic, Durable: true}
				classic := &topology.Queue{VHost: v.Name, Name: "classic", Type: topology.Classic, TypeDeclared: true,
					Durable: true}
				create(t, c, untyped, classic)
				live := readLive(t, c, Scope{VHosts: []string{v.Name}})
				want := topology.Quorum
				if b.Line == "3.10" {
					want = topology.Classic
				}
				for ref, kind := range map[topology.Ref]string{untyped.Ref(): want, classic.Ref(): topology.Classic} {
					if q, ok := live.Get(ref); !ok || q.(*topology.Queue).Type != kind {
						t.Errorf("%s: %+v", ref, q)
					}
				}
			})
		})
	}
}

func TestOwnershipRoundTrip(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
		o := topology.Ownership{Name: v.Name + " of tests/☃", Refs: map[topology.Ref]bool{q.Ref(): true}}
		t.Cleanup(func() {
			if err := c.SaveOwnership(context.Background(), topology.Ownership{Name: o.Name}); err != nil {
				t.Error(err)
			}
		})
		if err := c.SaveOwnership(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		create(t, c, q)
		live := readLive(t, c, Scope{Owner: o.Name}) // the record names the vhost
		if !live.Ownership[o.Name].Equal(o) || !live.Has(q.Ref()) {
			t.Errorf("ownership %v, queue read: %t", live.Ownership[o.Name], live.Has(q.Ref()))
		}
		if err := c.SaveOwnership(t.Context(), topology.Ownership{Name: o.Name}); err != nil {
			t.Fatal(err)
		}
		if _, ok := readLive(t, c, Scope{}).Ownership[o.Name]; ok {
			t.Error("an empty record was not removed")
		}
	})
}

// A record is judged when the plan is made, and removed much later: by then another apply may have
// created the vhost, or written the record anew.
func TestForgetOwnershipAsksAgain(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		record := func(vhosts ...string) topology.Ownership {
			o := topology.Ownership{Name: v.Name + " of tests", Refs: map[topology.Ref]bool{}}
			for _, vhost := range vhosts {
				o.Refs[topology.QueueRef(vhost, "q")] = true
			}
			return o
		}
		gone := v.Name + "-gone"
		for name, tt := range map[string]struct {
			planned, now topology.Ownership
			stays        bool
		}{
			"its vhost is gone":        {record(gone), record(gone), false},
			"one of its vhosts exists": {record(gone, v.Name), record(gone, v.Name), true},
			"it was written anew":      {record(gone), record(gone, gone+"2"), true},
			"somebody else removed it": {record(gone), record(), false},
		} {
			if err := c.SaveOwnership(t.Context(), tt.now); err != nil {
				t.Fatal(err)
			}
			if err := c.ForgetOwnership(t.Context(), tt.planned); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if _, ok := readLive(t, c, Scope{}).Ownership[tt.now.Name]; ok != tt.stays {
				t.Errorf("%s: the record stays: %t", name, ok)
			}
		}
		if err := c.SaveOwnership(t.Context(), record()); err != nil {
			t.Error(err)
		}
	})
}

func TestTwinBindingsAreOne(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		create(t, c, &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true})
		ch := v.Channel(t)
		for _, n := range []any{int32(1), int64(1)} {
			if err := ch.QueueBind("q", "k", "amq.direct", false, map[string]any{"n": n}); err != nil {
				t.Fatal(err)
			}
		}
		want := &topology.Binding{VHost: v.Name, Source: "amq.direct", Destination: "q", DestinationType: topology.ToQueue,
			RoutingKey: "k", Arguments: topology.Arguments{"n": int64(1)}}
		have, _ := readLive(t, c, Scope{VHosts: []string{v.Name}}).Get(want.Ref())
		if have == nil || len(have.(*topology.Binding).PropertiesKeys) != 2 {
			t.Fatalf("binding %+v", have)
		}
		if err := c.Delete(t.Context(), have, topology.DeleteConditions{}); err != nil {
			t.Fatal(err)
		}
		if readLive(t, c, Scope{VHosts: []string{v.Name}}).Has(want.Ref()) {
			t.Error("one of the two equal bindings is left")
		}
	})
}

// The number of requests must not grow with the objects.
func TestRequestsDoNotGrow(t *testing.T) {
	b := rabbittest.Any(t)
	v := b.VHost(t)
	c := newClient(t, v.User)
	count := func() int64 {
		before := c.api.Requests()
		readLive(t, c, Scope{VHosts: []string{v.Name}})
		return c.api.Requests() - before
	}
	small := count()
	for i := range 60 {
		create(t, c, &topology.Queue{VHost: v.Name, Name: fmt.Sprint("q", i), Type: topology.Classic, Durable: true},
			&topology.Exchange{VHost: v.Name, Name: fmt.Sprint("x", i), Type: "direct", Durable: true},
			&topology.Binding{VHost: v.Name, Source: fmt.Sprint("x", i), Destination: fmt.Sprint("q", i),
				DestinationType: topology.ToQueue})
	}
	if large := count(); large != small {
		t.Errorf("%d requests for an empty vhost, %d for 180 objects", small, large)
	}
}

// rawReply finds what belongs to the protocols and not to people.
var rawReply = regexp.MustCompile(`\b(40[0-9]|50[0-9]|530|54[01])\b|Exception|[A-Z]+_[A-Z]+|bad_request|not_found|<<|&lt;|\{'EXIT'|tcp \d`)

func mustWrap(t *testing.T, err, sentinel error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if sentinel != nil && !errors.Is(err, sentinel) {
		t.Errorf("%q does not wrap %q", err, sentinel)
	}
	told := err.Error() + " remedy " + string(refusal.RemedyOf(err))
	for _, w := range words {
		if !strings.Contains(told, w) {
			t.Errorf("%q does not say %q", told, w)
		}
	}
	if bad := rawReply.FindString(err.Error()); bad != "" {
		t.Errorf("%q is raw: %q", err, bad)
	}
}
