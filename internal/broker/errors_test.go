package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/topology"
)

// nobodyListens is a port that no other test is given meanwhile.
const nobodyListens = 1

// silentPort accepts connections and says nothing.
func silentPort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	t.Cleanup(func() { _ = ln.Close(); <-done })
	return ln.Addr().(*net.TCPAddr).Port
}

// soon is for what never answers.
func soon(o *Options) { o.Timeout = 500 * time.Millisecond }

func portOf(t *testing.T, url string) int { return optionsOf(t, url, "").Port }

func TestAMQPThatDoesNotConnect(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		stranger := v.AddUser(t, rabbittest.NoAccess())
		secured, _ := rabbittest.NewTLSProxy(t, b.URL, tls.NoClientCert)
		apiPort := portOf(t, b.API+"/")
		cases := map[string]struct {
			change func(*Options)
			kind   error
			words  []string
		}{
			"nobody listens": {func(o *Options) { o.Port = nobodyListens }, topology.ErrUnreachable,
				[]string{"connection refused", "running"}},
			"unknown host": {func(o *Options) { o.Host = "no-such-host.invalid" }, topology.ErrUnreachable,
				[]string{"host"}},
			"an HTTP port": {func(o *Options) { o.Port = apiPort }, topology.ErrUnreachable,
				[]string{"HTTP", "5672"}},
			"a TLS port": {func(o *Options) { o.Port = portOf(t, secured.Through(b.URL)) }, topology.ErrUnreachable,
				[]string{"TLS", "amqps://"}},
			"TLS on a plain": {func(o *Options) { o.AMQPTLS = &tls.Config{} }, topology.ErrUnreachable,
				[]string{"TLS", "amqp://"}},
			"a silent port": {func(o *Options) { o.Port = silentPort(t); soon(o) }, topology.ErrUnreachable,
				[]string{"no answer in"}},
			"unknown CA": {func(o *Options) { o.Port, o.AMQPTLS = portOf(t, secured.Through(b.URL)), &tls.Config{} },
				topology.ErrUnreachable, []string{"authority", string(refusal.TrustAuthority)}},
			"wrong password": {func(o *Options) { o.Password = "pa55-word" },
				topology.ErrNotPermitted, []string{"wrong user or password", v.Login}},
			"vhost missing": {func(o *Options) { o.VHost = "no such/vhost" }, topology.ErrVHostMissing,
				[]string{`"no such/vhost" does not exist`}},
			"no access to it": {func(o *Options) { o.User, o.Password = stranger.Login, topology.Secret(stranger.Password) },
				topology.ErrNotPermitted, []string{"no access to vhost", "set_permissions"}},
			"wrong and silent": {func(o *Options) { o.Port, o.AMQPTLS = silentPort(t), &tls.Config{}; soon(o) },
				topology.ErrUnreachable, []string{"no answer in"}},
		}
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := newClient(t, v.User, noAPI, once, tc.change)
				err := c.Create(t.Context(), &topology.Queue{VHost: c.opts.VHost, Name: "q", Type: topology.Classic, Durable: true})
				mustWrap(t, err, tc.kind, tc.words...)
				mustWrap(t, err, nil, `declare queue "q"`)
				if strings.Contains(err.Error(), string(c.opts.Password)) {
					t.Error("the error shows the password")
				}
			})
		}
	})
}

func TestAPIThatDoesNotAnswer(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		untagged := v.AddUser(t, rabbittest.Tags())
		stranger := v.AddUser(t, rabbittest.Tags("management"), rabbittest.NoAccess())
		monitor := v.AddUser(t, rabbittest.Tags("monitoring"), rabbittest.NoAccess())
		secured, _ := rabbittest.NewTLSProxy(t, b.API, tls.NoClientCert)
		at := func(scheme string, port int) func(*Options) {
			return func(o *Options) { o.API = fmt.Sprintf("%s://127.0.0.1:%d", scheme, port) }
		}
		as := func(u rabbittest.User) func(*Options) {
			return func(o *Options) { o.User, o.Password = u.Login, topology.Secret(u.Password) }
		}
		securedPort := portOf(t, secured.Through(b.API)+"/")
		cases := map[string]struct {
			change func(*Options)
			kind   error
			words  []string
		}{
			"nobody listens": {at("http", nobodyListens), topology.ErrUnreachable,
				[]string{"connection refused", "management plugin"}},
			"the AMQP port":       {at("http", portOf(t, b.URL)), topology.ErrUnreachable, []string{"speaks AMQP", "15672"}},
			"plain to a TLS port": {at("http", securedPort), nil, []string{"management API"}},
			"TLS to a plain port": {at("https", portOf(t, b.API+"/")), topology.ErrUnreachable, []string{"http://"}},
			"unknown CA": {at("https", securedPort), topology.ErrUnreachable,
				[]string{"authority", string(refusal.TrustAuthority)}},
			"a silent port": {func(o *Options) { at("http", silentPort(t))(o); soon(o) }, topology.ErrUnreachable,
				[]string{"no answer in"}},
			"a wrong path": {func(o *Options) { o.API += "/elsewhere" }, nil, []string{"address"}},
			"wrong password": {func(o *Options) { o.Password = "pa55-word" }, topology.ErrNotPermitted,
				[]string{"wrong user or password", v.Login}},
			"no tag":             {as(untagged), topology.ErrNotPermitted, []string{"set_user_tags", "management"}},
			"no access":          {as(stranger), topology.ErrNotPermitted, []string{"no access to vhost", "set_permissions"}},
			"monitor, no access": {as(monitor), topology.ErrNotPermitted, []string{"no access to vhost"}},
		}
		for name, tc := range cases {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := newClient(t, v.User, once, tc.change)
				_, err := c.ReadLive(t.Context(), Scope{VHosts: []string{v.Name}})
				mustWrap(t, err, tc.kind, tc.words...)
				if strings.Contains(err.Error(), string(c.opts.Password)) {
					t.Error("the error shows the password")
				}
				if !strings.Contains(name, "access") && !errors.Is(err, topology.ErrAPI) {
					t.Errorf("%q does not wrap topology.ErrAPI", err)
				}
			})
		}
	})
}

// A user without power reads what is allowed, and learns why the rest is not.
func TestReadingWithLittlePower(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
		create(t, newClient(t, v.User), q)
		c := newClient(t, v.AddUser(t, rabbittest.Tags("management")))
		live := readLive(t, c, Scope{VHosts: []string{v.Name, "no such vhost"}})
		if !live.Has(q.Ref()) || fmt.Sprint(live.MissingVHosts) != "[no such vhost]" {
			t.Errorf("queue read: %t, missing %q", live.Has(q.Ref()), live.MissingVHosts)
		}
		for kind, tag := range map[topology.Kind]string{
			topology.KindUser: "administrator", topology.KindPermission: "administrator",
			topology.KindTopicPermission: "administrator",
			topology.KindGlobalParameter: "policymaker", topology.KindParameter: "policymaker",
		} {
			if why := live.Unreadable[kind]; !strings.Contains(why, "set_user_tags") ||
				!strings.Contains(why, " management "+tag) { // what it has stays
				t.Errorf("%s: %q", kind, why)
			}
		}
		if _, ok := live.Unreadable[topology.KindPolicy]; ok {
			t.Error("policies can be read with the tag management")
		}
		err := c.Create(t.Context(), &topology.Policy{VHost: v.Name, Name: "p", Pattern: "x", ApplyTo: "queues",
			Definition: topology.Arguments{"max-length": int64(1)}})
		mustWrap(t, err, topology.ErrNotPermitted, "policymaker", `declare policy "p"`)
		err = c.Create(t.Context(), &topology.VHost{Name: v.Name + "-2"})
		mustWrap(t, err, topology.ErrNotPermitted, "administrator")
	})
}

func transports(t *testing.T, f func(t *testing.T, b *rabbittest.Broker, change func(*Options))) {
	t.Helper()
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		t.Run("AMQP", func(t *testing.T) { f(t, b, noAPI) })
		t.Run("HTTP", func(t *testing.T) { f(t, b, noAMQP) })
	})
}

func TestNoConfigurePermission(t *testing.T) {
	transports(t, func(t *testing.T, b *rabbittest.Broker, change func(*Options)) {
		v := b.VHost(t)
		u := v.AddUser(t, rabbittest.Tags("management"), rabbittest.Permissions("^mine", "^mine", "^mine"))
		c := newClient(t, u, change)
		for _, o := range []topology.Object{
			&topology.Queue{VHost: v.Name, Name: "theirs", Type: topology.Classic, Durable: true},
			&topology.Exchange{VHost: v.Name, Name: "theirs", Type: "direct"},
			&topology.Queue{VHost: v.Name, Name: "mine", Type: topology.Classic, Durable: true,
				Arguments: topology.Arguments{"x-dead-letter-exchange": "theirs"}},
		} {
			mustWrap(t, c.Create(t.Context(), o), topology.ErrNotPermitted, "set_permissions", u.Login, o.Ref().String())
		}
		create(t, c, &topology.Exchange{VHost: v.Name, Name: "mine", Type: "direct"}) // it goes on after refusals
	})
}

func TestInequivalentArguments(t *testing.T) {
	transports(t, func(t *testing.T, b *rabbittest.Broker, change func(*Options)) {
		v := b.VHost(t)
		c := newClient(t, v.User, change)
		queue := func(kind string, durable bool, args topology.Arguments) *topology.Queue {
			return &topology.Queue{VHost: v.Name, Name: "it's 'q'", Type: kind, TypeDeclared: true, Durable: durable,
				Arguments: args}
		}
		create(t, c, queue(topology.Classic, true, topology.Arguments{"x-message-ttl": int64(86400000),
			"x-dead-letter-exchange": "d"}),
			&topology.Exchange{VHost: v.Name, Name: "x", Type: "direct", Durable: true})
		for name, tc := range map[string]struct {
			object topology.Object
			words  []string
		}{
			"another TTL": {queue(topology.Classic, true, topology.Arguments{"x-message-ttl": int64(60000),
				"x-dead-letter-exchange": "d"}), []string{"messageTTL 24h, not 1m", string(refusal.ReplaceEmpty)}},
			"no DLX": {queue(topology.Classic, true, topology.Arguments{"x-message-ttl": int64(86400000)}),
				[]string{"deadLetter.exchange d, not unset", "policy"}},
			"one more": {queue(topology.Classic, true, topology.Arguments{"x-message-ttl": int64(86400000),
				"x-dead-letter-exchange": "d", "x-max-length-bytes": int64(10 << 20)}),
				[]string{"maxLengthBytes unset, not 10MiB"}},
			"another type": {queue(topology.Quorum, true, topology.Arguments{"x-message-ttl": int64(86400000),
				"x-dead-letter-exchange": "d"}), []string{"type classic, not quorum"}},
			"not durable": {queue(topology.Classic, false, topology.Arguments{"x-message-ttl": int64(86400000),
				"x-dead-letter-exchange": "d"}), []string{"durable true, not false"}},
			"exchange's type": {&topology.Exchange{VHost: v.Name, Name: "x", Type: "topic", Durable: true},
				[]string{"type direct, not topic"}},
			"exchange's AE": {&topology.Exchange{VHost: v.Name, Name: "x", Type: "direct", Durable: true,
				Arguments: topology.Arguments{"alternate-exchange": "y"}}, []string{"alternateExchange unset, not y"}},
			"exchange durable": {&topology.Exchange{VHost: v.Name, Name: "x", Type: "direct"},
				[]string{"durable true, not false"}},
		} {
			t.Run(name, func(t *testing.T) {
				mustWrap(t, c.Create(t.Context(), tc.object), nil, append(tc.words, "RabbitMQ fixes it",
					tc.object.Ref().String())...)
			})
		}
	})
}

func TestRefusedDeclarations(t *testing.T) {
	transports(t, func(t *testing.T, b *rabbittest.Broker, change func(*Options)) {
		v := b.VHost(t)
		c := newClient(t, v.User, change)
		queue := func(kind string, args topology.Arguments) *topology.Queue {
			return &topology.Queue{VHost: v.Name, Name: "q", Type: kind, TypeDeclared: true, Durable: true, Arguments: args}
		}
		for name, tc := range map[string]struct {
			object topology.Object
			words  []string
		}{
			"reserved queue": {&topology.Queue{VHost: v.Name, Name: "amq.q", Type: topology.Classic},
				[]string{"reserved"}},
			"reserved exchange": {&topology.Exchange{VHost: v.Name, Name: "amq.x", Type: "direct"}, []string{"reserved"}},
			"unknown type": {&topology.Exchange{VHost: v.Name, Name: "x", Type: "tropic"},
				[]string{`no exchange type "tropic"`}},
			"plugin type": {&topology.Exchange{VHost: v.Name, Name: "x", Type: "x-delayed-message"},
				[]string{"rabbitmq-plugins enable rabbitmq_delayed_message_exchange"}},
			"negative TTL": {queue(topology.Classic, topology.Arguments{"x-message-ttl": int64(-1)}),
				[]string{"messageTTL -1 is not valid", "negative"}},
			"float TTL": {queue(topology.Classic, topology.Arguments{"x-message-ttl": 1000.0}),
				[]string{"messageTTL", "without a point"}},
			"text TTL": {queue(topology.Classic, topology.Arguments{"x-message-ttl": "1000"}),
				[]string{"messageTTL", "is text"}},
			"zero expires": {queue(topology.Classic, topology.Arguments{"x-expires": int64(0)}),
				[]string{"expires", "more than 0"}},
			"overflow": {queue(topology.Classic, topology.Arguments{"x-overflow": "bogus"}),
				[]string{`overflow "bogus"`, "drop-head, reject-publish"}},
			"priorities": {queue(topology.Classic, topology.Arguments{"x-max-priority": int64(300)}),
				[]string{"maxPriority 300", "too large"}},
			"of another type": {queue(topology.Quorum, topology.Arguments{"x-max-priority": int64(3)}),
				[]string{"maxPriority is not supported by quorum queues", "only by classic"}},
			"bogus queue type": {queue("bogus", nil), []string{"classic, quorum and stream"}},
			"max-age": {queue(topology.Stream, topology.Arguments{"x-max-age": "bogus"}),
				[]string{"maxAge", "Y, M, D"}},
			"transient quorum": {&topology.Queue{VHost: v.Name, Name: "q", Type: topology.Quorum},
				[]string{"always durable"}},
			"auto-delete stream": {&topology.Queue{VHost: v.Name, Name: "q", Type: topology.Stream, Durable: true,
				AutoDelete: true}, []string{"streams cannot be deleted automatically"}},
			"binding to nothing": {&topology.Binding{VHost: v.Name, Source: "amq.topic", Destination: "nothing",
				DestinationType: topology.ToQueue}, []string{`queue "nothing" does not exist`}},
			"binding of nothing": {&topology.Binding{VHost: v.Name, Source: "nothing", Destination: "nothing",
				DestinationType: topology.ToExchange}, []string{"does not exist"}},
			"the default exchange": {&topology.Exchange{VHost: v.Name, Name: "", Type: "direct", Durable: true},
				[]string{"default exchange"}},
			"too long a name": {&topology.Queue{VHost: v.Name, Name: strings.Repeat("q", 256), Type: topology.Classic},
				[]string{"at most 255 bytes"}},
		} {
			t.Run(name, func(t *testing.T) {
				err := c.Create(t.Context(), tc.object)
				mustWrap(t, err, nil, append(tc.words, tc.object.Ref().String())...)
				t.Log(err)
			})
		}
		create(t, c, queue(topology.Classic, nil)) // it goes on after refusals
	})
}

func TestRefusedPolicies(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User)
		policy := func(applyTo, pattern string, d topology.Arguments) *topology.Policy {
			return &topology.Policy{VHost: v.Name, Name: "p", Pattern: pattern, ApplyTo: applyTo, Definition: d}
		}
		for name, o := range map[string]topology.Object{
			"unknown key": policy("queues", "x", topology.Arguments{"bogus": int64(1)}),
			"bad value":   policy("queues", "x", topology.Arguments{"max-length": "many"}),
			"apply to":    policy("bogus", "x", topology.Arguments{"max-length": int64(1)}),
			"pattern":     policy("queues", "(", topology.Arguments{"max-length": int64(1)}),
			"limit":       &topology.VHostLimit{VHost: v.Name, Name: "max-bogus", Value: 1},
			"shovel": &topology.Parameter{VHost: v.Name, Component: "shovel", Name: "s",
				Value: map[string]any{"bogus": int64(1)}},
			"component":  &topology.Parameter{VHost: v.Name, Component: "bogus", Name: "s", Value: int64(1)},
			"permission": &topology.Permission{VHost: v.Name, User: v.Login, Configure: "("},
			"no user":    &topology.Permission{VHost: v.Name, User: "no such user"},
			"dots":       policy("queues", "x", nil),
		} {
			t.Run(name, func(t *testing.T) {
				if p, ok := o.(*topology.Policy); ok && name == "dots" {
					p.Name = ".."
				}
				err := c.Create(t.Context(), o)
				mustWrap(t, err, nil, o.Ref().String())
				t.Log(err)
			})
		}
	})
}

// 3.10 cuts the refusal of an object with a long name short, 4.x fails while it words it.
func TestRefusalOfALongName(t *testing.T) {
	transports(t, func(t *testing.T, b *rabbittest.Broker, change func(*Options)) {
		v := b.VHost(t)
		q := &topology.Queue{VHost: v.Name, Name: strings.Repeat("☃", 85), Type: topology.Classic, Durable: true}
		other := *q
		other.Arguments = topology.Arguments{"x-message-ttl": int64(60000)}
		c := newClient(t, v.User, change)
		create(t, c, q)
		mustWrap(t, c.Create(t.Context(), &other), nil, "it exists with ", "other")
		create(t, c, q)
	})
}

// On 3.10 and 4.0 some refusals close the connection with everything under way on it: each error
// still names its culprit.
func TestErrorsAreAttributed(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := newClient(t, v.User, noAPI)
		results := make(chan error, 60)
		for i := range 60 {
			o := topology.Object(&topology.Queue{VHost: v.Name, Name: fmt.Sprint("q", i), Type: topology.Classic, Durable: true})
			if i%10 == 3 {
				o = &topology.Exchange{VHost: v.Name, Name: "x", Type: "bogus"}
			}
			if i%10 == 7 {
				o = &topology.Queue{VHost: v.Name, Name: "s", Type: topology.Stream, Durable: true,
					Arguments: topology.Arguments{"x-max-age": "bogus"}}
			}
			go func() {
				err := c.Create(t.Context(), o)
				if bad := i%10 == 3 || i%10 == 7; bad == (err == nil) {
					err = fmt.Errorf("object %d: %w", i, errors.Join(errors.New("unexpected outcome"), err))
				} else {
					err = nil
				}
				results <- err
			}()
		}
		for range 60 {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
	})
}

// A lost connection is restored under the operations that use it.
func TestConnectionIsRestored(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		proxy := rabbittest.NewProxy(t, b.URL)
		c := newClient(t, v.User, noAPI, func(o *Options) { o.Port = portOf(t, proxy.Through(b.URL)) })
		for i := range 40 {
			if i%10 == 5 {
				proxy.Cut()
			}
			create(t, c, &topology.Queue{VHost: v.Name, Name: fmt.Sprint("q", i), Type: topology.Classic, Durable: true})
		}
		proxy.Refuse()
		proxy.Cut()
		heal := time.AfterFunc(250*time.Millisecond, proxy.Heal)
		defer heal.Stop()
		create(t, c, &topology.Queue{VHost: v.Name, Name: "after a pause", Type: topology.Classic, Durable: true})
	})
}

// A broker that stops or boots ends connections in the middle of the login, or does not know its
// users for a moment. Neither is a wrong password to a client whose login it took before.
func TestLoginThatFailsForAMoment(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		proxy := rabbittest.NewProxy(t, b.URL)
		through := func(o *Options) { o.Port = portOf(t, proxy.Through(b.URL)) }
		queue := func(name string) *topology.Queue {
			return &topology.Queue{VHost: v.Name, Name: name, Type: topology.Classic, Durable: true}
		}
		t.Run("cut", func(t *testing.T) {
			const header, halfOfStartOK = 8, 20
			proxy.CutAfter(rabbittest.ToBroker, header+halfOfStartOK)
			defer proxy.Heal()
			err := newClient(t, v.User, noAPI, through).Create(t.Context(), queue("q"))
			mustWrap(t, err, topology.ErrUnreachable, "cut during the login")
			if errors.Is(err, topology.ErrNotPermitted) {
				t.Errorf("taken for a wrong password: %v", err)
			}
		})
		t.Run("cut late", func(t *testing.T) {
			c := newClient(t, v.User, noAPI, through)
			const header, halfOfStartOK = 8, 20
			proxy.HoldAfter(rabbittest.ToBroker, header+halfOfStartOK)
			defer proxy.Heal()
			result := make(chan error, 1)
			go func() {
				_, err := c.amqp.Source(v.Name).Subscribe(t.Context(), consume.Options{Queue: "q", Prefetch: 1})
				result <- err
			}()
			within(t, time.Minute, "the login waits", func() bool { return proxy.Held(rabbittest.ToBroker) })
			time.Sleep(3500 * time.Millisecond) // longer than the broker takes to refuse a login in silence
			proxy.Cut()
			err := <-result
			mustWrap(t, err, topology.ErrUnreachable, "cut during the login")
			if errors.Is(err, topology.ErrNotPermitted) {
				t.Errorf("taken for a wrong password: %v", err)
			}
		})
		t.Run("refused", func(t *testing.T) {
			// As soon as the management API has refused the login, it knows the password again.
			api, err := url.Parse(v.API)
			if err != nil {
				t.Fatal(err)
			}
			user := rabbittest.Path("users", v.Login)
			var refused sync.Once
			forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: api.Scheme, Host: api.Host})
			forward.ModifyResponse = func(r *http.Response) error {
				if r.StatusCode == http.StatusUnauthorized {
					refused.Do(func() {
						b.Admin().Put(t, user, map[string]string{"password": v.Password, "tags": "administrator"})
					})
				}
				return nil
			}
			server := httptest.NewServer(forward)
			t.Cleanup(server.Close)
			c := newClient(t, v.User, through, func(o *Options) { o.ReconnectDelay, o.API = time.Second, server.URL })
			policy := &topology.Policy{VHost: v.Name, Name: "p", Pattern: "x", ApplyTo: "queues",
				Definition: topology.Arguments{"max-length": int64(1)}}
			create(t, c, queue("before"), policy)
			b.Admin().Put(t, user, map[string]string{"password": "another", "tags": "administrator"})
			proxy.Cut()
			passed := proxy.Passed(rabbittest.ToClient)
			var g errgroup.Group // AMQP and the management API are refused each for itself
			g.Go(func() error { return c.Create(t.Context(), queue("after")) })
			within(t, time.Minute, "the login is refused", func() bool {
				return proxy.Passed(rabbittest.ToClient) > passed && proxy.Connections() == 0
			})
			proxy.HoldAfter(rabbittest.ToBroker, 0) // the next attempts wait for the password
			if err := c.Create(t.Context(), policy); err != nil {
				t.Error(err)
			}
			proxy.Heal()
			if err := g.Wait(); err != nil {
				t.Error(err)
			}
		})
	})
}

func TestBrokerThatStops(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		amqpProxy, apiProxy := rabbittest.NewProxy(t, b.URL), rabbittest.NewProxy(t, b.API)
		c := newClient(t, v.User, func(o *Options) {
			o.Port, o.API = portOf(t, amqpProxy.Through(b.URL)), fmt.Sprintf("http://127.0.0.1:%d",
				portOf(t, apiProxy.Through(b.API)+"/"))
			o.ReconnectAttempts = 2
		})
		q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
		policy := &topology.Policy{VHost: v.Name, Name: "p", Pattern: "x", ApplyTo: "queues",
			Definition: topology.Arguments{"max-length": int64(1)}}
		create(t, c, q, policy)
		for _, p := range []*rabbittest.Proxy{amqpProxy, apiProxy} {
			p.Refuse()
			p.Cut()
		}
		mustWrap(t, c.Create(t.Context(), q), topology.ErrUnreachable, `declare queue "q"`)
		mustWrap(t, c.Create(t.Context(), policy), topology.ErrUnreachable, `declare policy "p"`)
		amqpProxy.Heal()
		apiProxy.Heal()
		create(t, c, q, policy)
		amqpProxy.Stall()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		err := c.Create(ctx, q)
		mustWrap(t, err, topology.ErrUnreachable)
		mustWrap(t, err, context.DeadlineExceeded)
	})
}

// Whoever has access to a vhost, and no permission on anything in it, can see how many messages
// there are, as far as the management API tells (fact passive-declaration-takes-permission).
func TestCountsWithoutPermission(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		q := &topology.Queue{VHost: v.Name, Name: "q", Type: topology.Classic, Durable: true}
		s := &topology.Queue{VHost: v.Name, Name: "s", Type: topology.Stream, Durable: true}
		create(t, newClient(t, v.User), q, s)
		u := v.AddUser(t, rabbittest.Tags("management"), rabbittest.Permissions("^$", "^$", "^$"))
		_, err := u.Channel(t).QueueDeclarePassive("q", true, false, false, false, nil)
		if refused := err != nil; refused != (b.Line == "4.3") {
			t.Errorf("a passive declaration without a permission: %v", err)
		}
		c := newClient(t, u)
		live := readLive(t, c, Scope{VHosts: []string{v.Name}})
		if err := c.Refine(t.Context(), live, []topology.Ref{q.Ref(), s.Ref()}); err != nil {
			t.Error(err)
		}
		for _, ref := range []topology.Ref{q.Ref(), s.Ref()} {
			if _, ok := live.Status[ref]; !ok {
				t.Errorf("%s, which the user may not use, is taken to be gone", ref)
			}
		}
		if _, err := c.Counts(t.Context(), v.Name); err != nil {
			t.Error(err)
		}
	})
}
