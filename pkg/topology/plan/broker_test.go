package plan_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// These tests hold the tables and checks of this package against real brokers: what the code says
// that a broker takes, compares, refuses or ignores is what it does.

// testVHost is a vhost of its own on one broker.
type testVHost struct {
	*rabbittest.Client
	vhost  string
	server topology.Server
}

func newTestVHost(t *testing.T, b *rabbittest.Broker) testVHost {
	v := b.VHost(t)
	l := testVHost{Client: b.Admin(), vhost: v.Name}
	var overview struct {
		Version string `json:"rabbitmq_version"`
		Types   []struct {
			Name string `json:"name"`
		} `json:"exchange_types"`
	}
	l.Get(t, "/api/overview", &overview)
	l.server.Version = overview.Version
	for _, x := range overview.Types {
		l.server.ExchangeTypes = append(l.server.ExchangeTypes, x.Name)
	}
	return l
}

// put reports whether the broker accepts; any other failure than a refusal ends the test.
func (l testVHost) put(t *testing.T, path string, body any) (accepted bool, reason string) {
	t.Helper()
	err := l.Do(http.MethodPut, path, body, nil)
	var status *rabbittest.StatusError
	switch {
	case err == nil:
		return true, ""
	case errors.As(err, &status) && status.Status < http.StatusInternalServerError:
		return false, status.Body
	}
	t.Fatal(err)
	return false, ""
}

func (l testVHost) declare(t *testing.T, o topology.Object) (accepted bool, reason string) {
	t.Helper()
	switch x := o.(type) {
	case *topology.Queue:
		args := x.Arguments.Clone()
		if x.TypeDeclared {
			args["x-queue-type"] = x.Type
		}
		return l.put(t, rabbittest.Path("queues", l.vhost, x.Name),
			map[string]any{"durable": x.Durable, "auto_delete": x.AutoDelete, "arguments": args})
	case *topology.Exchange:
		return l.put(t, rabbittest.Path("exchanges", l.vhost, x.Name),
			map[string]any{"type": x.Type, "durable": x.Durable, "arguments": x.Arguments.Clone()})
	case *topology.Policy:
		kind := "policies"
		if x.Operator {
			kind = "operator-policies"
		}
		return l.put(t, rabbittest.Path(kind, l.vhost, x.Name),
			map[string]any{"pattern": x.Pattern, "apply-to": x.ApplyTo, "definition": x.Definition.Clone()})
	case *topology.Parameter:
		path := rabbittest.Path("parameters", x.Component, l.vhost, x.Name)
		var status *rabbittest.StatusError // of some wrong values, brokers say 500
		switch err := l.Do(http.MethodPut, path, map[string]any{"value": x.Value}, nil); {
		case err == nil:
			l.Delete(t, path)
			return true, ""
		case !errors.As(err, &status):
			t.Fatal(err)
		}
		return false, status.Body
	}
	t.Fatalf("declare %T", o)
	return false, ""
}

// samples gives two acceptable values of an argument.
func samples(a capability.Argument) (x, y any) {
	switch {
	case a.Type == capability.Boolean:
		return true, false
	case a.Type == capability.Integer && a.Name == "x-queue-version":
		return int64(2), nil
	case a.Name == "x-expires": // long enough for the queue to be there when it is declared again
		return int64(3600_000), int64(7200_000)
	case a.Type == capability.Integer:
		return a.Min + 20, a.Min + 21
	case a.Values != nil:
		return a.Values[0], a.Values[1]
	case a.Name == "x-max-age":
		return "1h", "2h"
	}
	return "a", "b"
}

func TestArgumentTableOnBrokers(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		l := newTestVHost(t, b)
		for _, a := range capability.QueueArguments() {
			for _, kind := range []string{topology.Classic, topology.Quorum, topology.Stream} {
				l.tryArgument(t, a, kind)
			}
		}
	})
}

func (l testVHost) tryArgument(t *testing.T, a capability.Argument, kind string) {
	t.Helper()
	x, y := samples(a)
	q := &topology.Queue{VHost: l.vhost, Name: kind + a.Name, Type: kind, Durable: true, TypeDeclared: true,
		Arguments: topology.Arguments{}}
	if a.Name == "x-dead-letter-routing-key" && kind != topology.Stream {
		q.Arguments["x-dead-letter-exchange"] = "x"
	}
	without := *q
	without.Arguments = q.Arguments.Clone()
	q.Arguments[a.Name] = x
	taken := a.TakenBy(kind, l.server.Version)
	checked := capability.VersionAtLeast(l.server.Version, a.Checked)
	accepted, reason := l.declare(t, q)
	if want := taken || !checked; accepted != want {
		t.Errorf("%s on a %s queue: accepted %v, the table says %v: %s", a.Name, kind, accepted, want, reason)
	}
	if !accepted {
		return
	}
	same, _ := l.declare(t, &without)
	if y != nil {
		other := *q
		other.Arguments = q.Arguments.Clone()
		other.Arguments[a.Name] = y
		equal, _ := l.declare(t, &other)
		if equal != same {
			t.Errorf("%s on a %s queue: another value is equal: %v, none at all is equal: %v", a.Name, kind, equal, same)
		}
	}
	if compared := !same; compared != (taken && checked) {
		t.Errorf("%s on a %s queue: compared %v, the table says %v", a.Name, kind, compared, taken && checked)
	}
}

func TestArgumentBoundsOnBrokers(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		l := newTestVHost(t, b)
		n := 0
		for _, a := range capability.QueueArguments() {
			types := a.QueueTypes(l.server.Version)
			if a.Type != capability.Integer || len(types) == 0 || !capability.VersionAtLeast(l.server.Version, a.Checked) {
				continue
			}
			try := func(v int64, want bool) {
				n++
				q := &topology.Queue{VHost: l.vhost, Name: fmt.Sprint("q", n), Type: types[0], Durable: true, TypeDeclared: true,
					Arguments: topology.Arguments{a.Name: v}}
				if accepted, reason := l.declare(t, q); accepted != want {
					t.Errorf("%s: %d accepted %v, want %v: %s", a.Name, v, accepted, want, reason)
				}
			}
			if a.Max > 0 && a.Name != "x-queue-version" {
				try(a.Max, true)
				try(a.Max+1, false)
			}
			// A negative delivery limit and delayed retry are taken as they come; see
			// deliveryLimit.
			if a.Min >= 0 && !strings.Contains(a.Name, "delayed-retry") {
				if a.Name != "x-queue-version" {
					try(a.Min, true)
				}
				try(a.Min-1, false)
			}
		}
	})
}

func TestPolicyTableOnBrokers(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		l := newTestVHost(t, b)
		for _, kind := range []string{topology.Classic, topology.Quorum, topology.Stream} {
			l.declare(t, &topology.Queue{Name: kind, Type: kind, Durable: true, TypeDeclared: true})
		}
		for _, key := range capability.PolicyKeys() {
			if key.Name == "shards-per-node" || key.Name == "routing-key" {
				continue // keys of a plugin that no test broker has
			}
			l.tryPolicyKey(t, key)
		}
	})
}

func policyValue(key string) map[string]any {
	values := map[string]any{
		"overflow": "drop-head", "max-age": "1h", "dead-letter-exchange": "x", "dead-letter-strategy": "at-least-once",
		"alternate-exchange": "x",
		"queue-mode":         "lazy", "queue-version": 2, "queue-master-locator": "random",
		"queue-leader-locator": "balanced",
		"ha-mode":              "all",
		"delayed-retry-type":   "disabled", "federation-upstream": "x", "federation-upstream-set": "all",
		"federation-upstream-pattern": "x",
		"stream-filter-size-bytes":    16,
	}
	mirrored := map[string]any{"ha-params": 2, "ha-sync-mode": "automatic", "ha-sync-batch-size": 100,
		"ha-promote-on-shutdown": "always", "ha-promote-on-failure": "always"}
	switch {
	case key == "ha-params":
		return map[string]any{"ha-mode": "exactly", key: 2}
	case mirrored[key] != nil:
		return map[string]any{"ha-mode": "all", key: mirrored[key]}
	case key == "dead-letter-routing-key":
		return map[string]any{key: "k", "dead-letter-exchange": "x"}
	case values[key] != nil:
		return map[string]any{key: values[key]}
	}
	return map[string]any{key: 60000}
}

func (l testVHost) tryPolicyKey(t *testing.T, key capability.PolicyKey) {
	t.Helper()
	value := policyValue(key.Name)
	operator := rabbittest.Path("operator-policies", l.vhost, "o")
	if accepted, reason := l.put(t, operator, map[string]any{"pattern": "nothing", "apply-to": "queues",
		"definition": value}); accepted != key.OperatorAcceptedBy(l.server.Version) {
		t.Errorf("operator policy with %s: accepted %v: %s", key.Name, accepted, reason)
	}
	l.Delete(t, operator)
	path := rabbittest.Path("policies", l.vhost, "p")
	accepted, reason := l.put(t, path, map[string]any{"pattern": ".*", "definition": value})
	if accepted != key.AcceptedBy(l.server.Version) {
		t.Errorf("policy with %s: accepted %v: %s", key.Name, accepted, reason)
	}
	if !accepted {
		return
	}
	defer l.Delete(t, path)
	var want []string
	for _, kind := range []string{topology.Classic, topology.Quorum, topology.Stream} {
		if key.Admits(kind, l.server.Version) {
			want = append(want, kind)
		}
	}
	var got []string
	for range 600 { // the broker applies a policy a moment after it has taken it
		if got = l.under("p"); slices.Equal(got, want) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Errorf("policy with %s applies to %q, the table says %q", key.Name, got, want)
}

// under lists the queues that a policy applies to.
func (l testVHost) under(policy string) []string {
	var queues []struct{ Name, Policy string }
	if err := l.Do(http.MethodGet, rabbittest.Path("queues", l.vhost)+"?disable_stats=true&enable_queue_totals=true", nil,
		&queues); err != nil {
		return []string{err.Error()}
	}
	var names []string
	for _, q := range queues {
		if q.Policy == policy {
			names = append(names, q.Name)
		}
	}
	slices.Sort(names)
	return names
}

// with returns members with one more.
func with(members map[string]any, name string, value any) map[string]any {
	members[name] = value
	return members
}

// TestChecksAgreeWithBrokers declares what the checks judge: an error that says "refused" is a
// refusal of the broker, and where they find nothing the broker accepts.
func TestChecksAgreeWithBrokers(t *testing.T) {
	flags := func(q *topology.Queue, durable, autoDelete bool) *topology.Queue {
		q.Durable, q.AutoDelete = durable, autoDelete
		return q
	}
	arg := func(name string, v any) *topology.Queue { return topologytest.Queue("q", name, v) }
	objects := []topology.Object{
		topologytest.Queue("q"), flags(topologytest.Queue("q"), false, false), flags(topologytest.Queue("q"), true, true),
		typed(topologytest.Queue("q"),
			topology.Quorum), typed(topologytest.Queue("q"), topology.Stream), typed(topologytest.Queue("q"), "other"),
		typed(flags(topologytest.Queue("q"), false, false), topology.Quorum),
		typed(flags(topologytest.Queue("q"), true, true), topology.Quorum),
		typed(flags(topologytest.Queue("q"), false, false), topology.Stream),
		typed(flags(topologytest.Queue("q"), true, true), topology.Stream),
		topologytest.Queue("amq.q"), topologytest.Queue(strings.Repeat("n", 255)),
		topologytest.Queue(strings.Repeat("n", 256)), topologytest.Queue(" spaces / slashes ünïcode "),
		arg("x-message-ttl", 1000.5), arg("x-message-ttl", "1000"), arg("x-message-ttl", -1), arg("x-overflow",
			"other"), arg("x-dead-letter-exchange", 5),
		arg("x-single-active-consumer", "true"), arg("x-dead-letter-routing-key", "k"), arg("x-dead-letter-exchange",
			""), arg("x-queue-version", 1), arg("x-queue-version", 3),
		topologytest.Exchange("x", "direct"), topologytest.Exchange("x", "fanout"),
		topologytest.Exchange("x", "x-consistent-hash"), topologytest.Exchange("x",
			"x-delayed-message"), topologytest.Exchange("x", "other"), topologytest.Exchange("amq.x", "direct"),
		topologytest.Exchange("amq.topic", "topic"), topologytest.Exchange("amq.topic", "direct"),
		topologytest.Exchange("amq.match",
			"headers"), topologytest.Exchange("amq.rabbitmq.trace", "topic"),
		policy("queues", "max-length", 1), policy("streams", "max-age", "1h"), policy("classic_queues", "expires",
			10000), policy("quorum_queues", "delivery-limit", 1),
		policy("queues", "delivery-limit", -1),
		policy("queues"), policy("queues", "max-priority", 1), policy("queues", "x-queue-type", "quorum"), policy("queues",
			"delayed-retry-type", "all"), policy("queues", "queue-master-locator", "random"),
	}
	parameter := func(component string, value any) {
		objects = append(objects, &topology.Parameter{VHost: "/", Component: component, Name: fmt.Sprint(len(objects)),
			Value: value})
	}
	for name, values := range map[string][]any{"expires": {60000, "abc", nil}, "max-hops": {1.5, "x"}, "max-hop": {1},
		"trust-user-id": {true, "true"}, "exchange": {"x", 5}, "ack-mode": {"no-ack", "other"}, "queue-type": {"quorum"},
		"ha-policy": {"all"}, "channel-use-mode": {"multiple", "many"}, "resource-cleanup-mode": {"never", true},
		"uri": {[]any{}, []any{5}, 5}, "consumer-tag": {[]any{}}} {
		for _, v := range values {
			parameter("federation-upstream", with(map[string]any{"uri": "amqp://"}, name, v))
			if name != "uri" {
				parameter("federation-upstream-set", []any{with(map[string]any{"upstream": "u"}, name, v)})
			}
		}
	}
	for _, v := range []any{[]any{}, "u", []any{"u"}, []any{map[string]any{}}, map[string]any{}} {
		parameter("federation-upstream-set", v)
	}
	for name, values := range map[string][]any{"src-prefetch-count": {5, "5"}, "reconnect-delay": {"5s"},
		"src-delete-after": {"never", 0, -1, "soon", 1.5}, "dest-add-forward-headers": {false, 1}, "src-predeclared": {true},
		"dest-queue-args": {map[string]any{"x-expires": 60000}, "x", []any{}}, "src-consumer-args": {5},
		"dest-exchange-key": {5},
		"dest-publish-properties": {map[string]any{"delivery_mode": 2}, map[string]any{"delivery_mode": "2"},
			map[string]any{"delivery-mode": 2}, 5}, "src-protocol": {"amqp091", 5}, "prefetch-count": {true}} {
		for _, v := range values {
			parameter("shovel", with(map[string]any{"src-uri": "amqp://", "src-queue": "a", "dest-uri": "amqp://",
				"dest-queue": "b"}, name, v))
		}
	}
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		l := newTestVHost(t, b)
		for i, o := range objects {
			live := &topology.Live{Server: l.server}
			trace := topologytest.Exchange("amq.rabbitmq.trace", "topic")
			trace.Internal = true
			for _, x := range []*topology.Exchange{topologytest.Exchange("amq.topic", "topic"),
				topologytest.Exchange("amq.match", "headers"), trace} {
				if err := live.Add(x, diag.Position{}); err != nil {
					t.Fatal(err)
				}
			}
			problems := check(topologytest.State(o), live)
			if q, ok := o.(*topology.Queue); ok && !capability.IsReserved(q.Name) && len(q.Name) < 200 {
				renamed := *q
				renamed.Name = fmt.Sprint(i, q.Name)
				o = &renamed
			}
			if x, ok := o.(*topology.Exchange); ok && !capability.IsReserved(x.Name) {
				renamed := *x
				renamed.Name = fmt.Sprint(i, x.Name)
				o = &renamed
			}
			if o.Ref().Name == "amq.rabbitmq.trace" {
				continue // the testVHost declares no internal exchanges
			}
			if accepted, reason := l.declare(t, o); accepted == problems.HasErrors() {
				t.Errorf("%s %+v: the broker accepts it: %v %s; the check says: %v", o.Ref(), o.Fields(), accepted, reason,
					problems)
			}
		}
	})
}

// TestDefaultQueueTypeOnBrokers: what the differ expects of a queue without a type is what the
// broker makes of it.
func TestDefaultQueueTypeOnBrokers(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		l := newTestVHost(t, b)
		v := b.VHost(t, rabbittest.VHostBody(map[string]any{"default_queue_type": "quorum",
			"defaultqueuetype": "quorum"}))
		l.vhost = v.Name
		want := &topology.State{Name: "t"}
		for name, flags := range map[string][2]bool{"durable": {true, false}, "transient": {false, false},
			"durable auto-delete": {true, true}} {
			q := &topology.Queue{VHost: v.Name, Name: name, Type: topology.Classic, Durable: flags[0], AutoDelete: flags[1]}
			if err := want.Add(q, diag.Position{}); err != nil {
				t.Fatal(err)
			}
		}
		live := &topology.Live{Server: l.server}
		vhost := &topology.VHost{Name: v.Name, DefaultQueueType: topology.Quorum}
		if err := live.Add(vhost, diag.Position{}); err != nil {
			t.Fatal(err)
		}
		declared := &topology.State{}
		declaredVHost := &topology.VHost{Name: v.Name, DefaultQueueType: topology.Quorum}
		declaredVHost.Declared.DefaultQueueType = true
		for _, o := range append(want.Objects(), declaredVHost) {
			if err := declared.Add(o, diag.Position{}); err != nil {
				t.Fatal(err)
			}
		}
		typed := declared.Typed(l.server.Version)
		for _, s := range plan.Diff(want, live, plan.Options{}).Steps {
			q := s.Want.(*topology.Queue)
			if offline, _ := typed.Get(q.Ref()); offline.(*topology.Queue).Type != q.Type {
				t.Errorf("queue %q: offline it is %s, the differ expects %s", q.Name, offline.(*topology.Queue).Type, q.Type)
			}
			l.declare(t, q)
			var made struct{ Type string }
			for range 600 {
				l.Get(t, rabbittest.Path("queues", v.Name, q.Name)+"?disable_stats=true&enable_queue_totals=true", &made)
				if made.Type != "" {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if made.Type != q.Type {
				t.Errorf("queue %q: the differ expects %s, the broker made %s", q.Name, q.Type, made.Type)
			}
		}
	})
}
