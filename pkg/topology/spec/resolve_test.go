package spec_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// mustRead reads a text that has no problem at all.
func mustRead(t *testing.T, name, text string, o spec.Options) (*spec.Spec, *topology.State) {
	t.Helper()
	s, state, problems := read(name, text, o)
	if len(problems) > 0 {
		t.Fatalf("%s\n%v", text, problems)
	}
	return s, state
}

func get[T topology.Object](t *testing.T, s *topology.State, kind topology.Kind, vhost, name string) T {
	t.Helper()
	o, ok := s.Get(topology.Ref{Kind: kind, VHost: vhost, Name: name})
	if !ok {
		t.Fatalf("no %s %q in vhost %q", kind, name, vhost)
	}
	return o.(T)
}

func TestQueueFields(t *testing.T) {
	for text, want := range map[string]*topology.Queue{
		"":                                    {Type: "classic", Durable: true},
		"type: classic":                       {Type: "classic", TypeDeclared: true, Durable: true},
		"durable: false, autoDelete: true":    {Type: "classic", AutoDelete: true},
		"arguments: { x-queue-type: quorum }": {Type: "quorum", TypeDeclared: true, Durable: true},
		"messageTTL: 24h, expires: 1.5s, maxLength: 5, maxLengthBytes: 10MB, overflow: reject-publish, maxPriority: 9, " +
			"mode: lazy, version: 2, singleActiveConsumer: false": {
			Type: "classic", Durable: true, Arguments: topology.Arguments{"x-message-ttl": int64(86400000),
				"x-expires": int64(1500), "x-max-length": int64(5), "x-max-length-bytes": int64(10000000),
				"x-overflow": "reject-publish", "x-max-priority": int64(9), "x-queue-mode": "lazy", "x-queue-version": int64(2),
				"x-single-active-consumer": false}},
		"deadLetter: q": {Type: "classic", Durable: true, Arguments: topology.Arguments{"x-dead-letter-exchange": "",
			"x-dead-letter-routing-key": "q"}},
		"type: quorum, deadLetter: { exchange: amq.direct, strategy: at-least-once }, deliveryLimit: unlimited, " +
			"initialGroupSize: 3, delayedRetry: { type: all, min: 1s, max: 1m }": {
			Type: "quorum", TypeDeclared: true, Durable: true,
			Arguments: topology.Arguments{"x-dead-letter-exchange": "amq.direct", "x-dead-letter-strategy": "at-least-once",
				"x-delivery-limit":            int64(-1),
				"x-quorum-initial-group-size": int64(3), "x-delayed-retry-type": "all", "x-delayed-retry-min": int64(1000),
				"x-delayed-retry-max": int64(60000)}},
		"type: stream, maxAge: 7d, maxSegmentSize: 1KiB, filterSize: 16, initialClusterSize: 1": {Type: "stream",
			TypeDeclared: true, Durable: true,
			Arguments: topology.Arguments{"x-max-age": "7D", "x-stream-max-segment-size-bytes": int64(1024),
				"x-stream-filter-size-bytes": int64(16), "x-initial-cluster-size": int64(1)}},
		"arguments: { x-other: [1, 1.0, { a: null }] }": {Type: "classic", Durable: true,
			Arguments: topology.Arguments{"x-other": []any{int64(1), 1.0, map[string]any{"a": nil}}}},
	} {
		want.VHost, want.Name = "/", "q"
		_, s := mustRead(t, "t.yaml", "queues: { q: { "+text+" } }", spec.Options{})
		if diff := cmp.Diff(want, get[*topology.Queue](t, s, topology.KindQueue, "/", "q")); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestEveryArgumentHasAField(t *testing.T) {
	values := map[capability.ArgumentType]string{capability.Integer: "16", capability.Boolean: "true"}
	for _, a := range capability.QueueArguments() {
		value := values[a.Type]
		switch {
		case a.Name == "x-queue-version":
			value = "2"
		case a.Name == "x-max-age":
			value = "7D"
		case a.Name == "x-dead-letter-exchange":
			value = "amq.direct"
		case a.Values != nil:
			value = a.Values[0]
		case a.Type == capability.Text:
			value = "text"
		}
		field := a.Field + ": " + value
		if group, inner, ok := strings.Cut(a.Field, "."); ok {
			field = group + ": { " + inner + ": " + value + " }"
			if a.Name == "x-dead-letter-routing-key" {
				field = `deadLetter: { exchange: amq.direct, key: text }`
			}
		}
		types := a.QueueTypes("")
		_, s := mustRead(t, "t.yaml", "queues: { q: { type: "+types[0]+", "+field+" } }", spec.Options{})
		if _, ok := get[*topology.Queue](t, s, topology.KindQueue, "/", "q").Arguments[a.Name]; !ok {
			t.Errorf("%s sets no %s", field, a.Name)
		}
	}
}

func TestWaitQueues(t *testing.T) {
	_, s := mustRead(t, "t.yaml", "queues: { w: { type: quorum, retry: { backoff: [5s, 90s, 5s, 500] } }, c: { retry: "+
		"{ backoff: [1h], jitter: 20% } } }", spec.Options{})
	want := map[string]*topology.Queue{}
	for name, ttl := range map[string]int64{
		"w.retry.5s": 5000, "w.retry.1m30s": 90000, "w.retry.500ms": 500, "c.retry.1h": 3600000, "c.retry.1h.early": 2880000,
		"c.retry.1h.late": 4320000,
	} {
		want[name] = &topology.Queue{Arguments: topology.Arguments{
			"x-message-ttl": ttl, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": name[:1],
			"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish",
		}}
	}
	if s.Len() != len(want)+2 {
		t.Errorf("%d objects", s.Len())
	}
	for name, q := range want {
		// They are quorum queues whatever the type of the queue whose messages wait: only these
		// dead-letter at least once.
		q.VHost, q.Name, q.Type, q.Durable, q.TypeDeclared = "/", name, topology.Quorum, true, true
		if diff := cmp.Diff(q, get[*topology.Queue](t, s, topology.KindQueue, "/", name)); diff != "" {
			t.Error(diff)
		}
	}
	l, ok := s.RetrySchedule(topology.QueueRef("/", "w"))
	if !ok || !slices.Equal(l.Delays, []int64{5000, 90000, 5000, 500}) || len(l.WaitQueues) != 4 ||
		l.WaitQueues[2][0].Name != "w.retry.5s" {
		t.Errorf("retry schedule %+v", l)
	}
	l, _ = s.RetrySchedule(topology.QueueRef("/", "c"))
	if l.Jitter != 20 || len(l.WaitQueues) != 1 || len(l.WaitQueues[0]) != 3 {
		t.Errorf("retry schedule %+v", l)
	}
	if got := spec.WaitQueue("c", time.Hour); got != "c.retry.1h" {
		t.Error(got)
	}
}

func TestBindings(t *testing.T) {
	_, s := mustRead(t, "t.yaml", `
exchanges:
  x: { type: topic, bindings: [{ exchange: h, match: any, headers: { a: 1, b: null } }] }
  h: { type: headers }
queues:
  q: { bindings: [{ exchange: x }, { exchange: x, key: k, keys: [k1, k2] }, { exchange: amq.topic, keys: "a.#" }] }
bindings:
  - { exchange: x, queue: q, key: free }
  - { exchange: h, toExchange: x, arguments: { c: true } }
`, spec.Options{})
	var got []string
	for _, o := range s.Objects() {
		if o.Ref().Kind == topology.KindBinding {
			got = append(got, o.Ref().String())
		}
	}
	want := []string{
		`binding "amq.topic" -> queue "q", key "a.#"`,
		`binding "h" -> exchange "x", arguments {"a":1,"b":null,"x-match":"any"}`,
		`binding "h" -> exchange "x", arguments {"c":true}`,
		`binding "x" -> queue "q"`, `binding "x" -> queue "q", key "free"`, `binding "x" -> queue "q", key "k"`,
		`binding "x" -> queue "q", key "k1"`, `binding "x" -> queue "q", key "k2"`,
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOtherKinds(t *testing.T) {
	_, s := mustRead(t, "t.yaml", `
name: n
vhost: v
policies: { p: { pattern: "^a", definition: { message-ttl: 1h, max-length-bytes: 1MiB, max-age: 7D } } }
operatorPolicies: { p: { pattern: b, applyTo: queues, priority: 3, definition: { expires: 5 } } }
permissions: { u: { write: ".*" } }
topicPermissions: { u: { amq.topic: { read: r } } }
parameters: { shovel: { s: { uri: x } } }
limits: { maxQueues: 5 }
users: { u: { tags: management, password: "${P}", limits: { maxChannels: -1 } }, h: { passwordHash: kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR } }
globalParameters: { g: [1] }
vhosts: { v: { description: d, tags: [a] }, w: { queues: { q: } } }
`, spec.Options{Env: vars(map[string]string{"P": "hunter2"})})
	v := &topology.VHost{Name: "v", Description: "d", Tags: []string{"a"}}
	v.Declared.Description, v.Declared.Tags = true, true
	want := []topology.Object{
		&topology.GlobalParameter{Name: "g", Value: []any{int64(1)}},
		v, &topology.VHost{Name: "w"},
		&topology.User{Name: "u", Tags: []string{"management"}, Password: "hunter2"},
		&topology.User{Name: "h", PasswordHash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
			HashingAlgorithm: "rabbit_password_hashing_sha256"},
		&topology.UserLimit{User: "u", Name: "max-channels", Value: -1},
		&topology.Policy{VHost: "v", Name: "p", Pattern: "^a", ApplyTo: "all",
			Definition: topology.Arguments{"message-ttl": int64(3600000), "max-length-bytes": int64(1048576), "max-age": "7D"}},
		&topology.Policy{Operator: true, VHost: "v", Name: "p", Pattern: "b", ApplyTo: "queues", Priority: 3,
			Definition: topology.Arguments{"expires": int64(5)}},
		&topology.Permission{VHost: "v", User: "u", Write: ".*"}, &topology.TopicPermission{VHost: "v", User: "u",
			Exchange: "amq.topic", Read: "r"},
		&topology.Parameter{VHost: "v", Component: "shovel", Name: "s",
			Value: map[string]any{"uri": "x"}}, &topology.VHostLimit{VHost: "v", Name: "max-queues", Value: 5},
		&topology.Queue{VHost: "w", Name: "q", Type: "classic", Durable: true},
	}
	if s.Name != "n" || s.Len() != len(want) {
		t.Errorf("name %q, %d objects", s.Name, s.Len())
	}
	for _, o := range want {
		got, _ := s.Get(o.Ref())
		if diff := cmp.Diff(o, got); diff != "" {
			t.Error(diff)
		}
		if at := s.Position(o.Ref()); at.File != "t.yaml" || at.Line == 0 || at.Column == 0 {
			t.Errorf("%s stands at %v", o.Ref(), at)
		}
	}
}

func TestVariablesTakeTheTypeOfTheField(t *testing.T) {
	env := vars(map[string]string{"N": "5", "TTL": "1m", "B": "false", "NAME": "123", "TYPE": "quorum"})
	_, s := mustRead(t, "t.yaml", "name: ${NAME}\nqueues: { \"q${N}\": { type: \"${TYPE}\", maxLength: \"${N}\", "+
		"messageTTL: \"${TTL}\", singleActiveConsumer: \"${B}\" } }", spec.Options{Env: env})
	q := get[*topology.Queue](t, s, topology.KindQueue, "/", "q5")
	if diff := cmp.Diff(topology.Arguments{"x-max-length": int64(5), "x-message-ttl": int64(60000),
		"x-single-active-consumer": false}, q.Arguments); diff != "" || s.Name != "123" || q.Type != "quorum" {
		t.Error(diff, s.Name, q.Type)
	}
}

func TestOverlays(t *testing.T) {
	inputs := []source.Input{
		{Name: "base.yaml", Data: []byte("name: n\nqueues: { q: { messageTTL: 1h, maxLength: 5 }, gone: }\n")},
		{Name: "prod.yaml", Data: []byte("queues: { q: { messageTTL: 2h }, gone: null }\n---\nqueues: { more: }\n")},
	}
	_, s, problems := spec.Read(inputs, spec.Options{})
	if len(problems) > 0 || s.Len() != 2 {
		t.Fatal(s.Len(), problems)
	}
	q := get[*topology.Queue](t, s, topology.KindQueue, "/", "q")
	if diff := cmp.Diff(topology.Arguments{"x-message-ttl": int64(7200000), "x-max-length": int64(5)},
		q.Arguments); diff != "" {
		t.Error(diff)
	}
	if at := s.Position(q.Ref()); at.String() != "base.yaml:2:11" {
		t.Error(at)
	}
}

func TestFilesOfDifferentTopologies(t *testing.T) {
	for _, key := range []string{"name", "vhost"} {
		_, _, problems := spec.Read([]source.Input{
			{Name: "a.yaml", Data: []byte(key + ": orders\nqueues: { a: }\n")},
			{Name: "b.yaml", Data: []byte("queues: { b: }\n" + key + ": billing\n")},
		}, spec.Options{})
		want := fmt.Sprintf("b.yaml:2:%d: %s \"billing\" differs from %s \"orders\" of a.yaml:1:%d", len(key)+3, key, key,
			len(key)+3)
		if !problems.HasErrors() || !strings.Contains(problems.Error(), want) {
			t.Errorf("got %q\nwant %q", problems.Error(), want)
		}
	}
}

func TestVHosts(t *testing.T) {
	for _, tc := range []struct {
		text, want string
		o          spec.Options
	}{
		{"queues: { q: }", "/", spec.Options{}},
		{"queues: { q: }", "default", spec.Options{DefaultVHost: "default"}},
		{"vhost: own\nqueues: { q: }", "own", spec.Options{DefaultVHost: "default"}},
		{"vhost: own\nqueues: { q: }", "override", spec.Options{DefaultVHost: "default", VHost: "override"}},
		{"vhosts: { own: { queues: { q: } } }", "override", spec.Options{VHost: "override"}},
		{`{"queues": [{"name": "q"}]}`, "default", spec.Options{DefaultVHost: "default"}},
		{`{"queues": [{"name": "q", "vhost": "own"}], "vhosts": [{"name": "own"}]}`, "override",
			spec.Options{VHost: "override"}},
	} {
		_, s := mustRead(t, "<stdin>", tc.text, tc.o)
		get[*topology.Queue](t, s, topology.KindQueue, tc.want, "q")
		if got := s.VHosts(); len(got) != 1 {
			t.Errorf("%s: %v", tc.text, got)
		}
	}
	_, _, problems := read("t.yaml", "queues: { q: }\nvhosts: { v: { queues: { q: } } }", spec.Options{VHost: "override"})
	if !strings.Contains(problems.Error(),
		`t.yaml:2:9: the files name several vhosts (/, v), so they cannot all be "override"`) {
		t.Error(problems)
	}
}

func TestTopologyAsJSON(t *testing.T) {
	_, s := mustRead(t, "t.json", `{"version": 1, "exchanges": {"x": {"type": "topic"}}, "queues": {"q": {"bindings": [{"exchange": "x"}], "maxLength": "${N:-5}"}}}`, spec.Options{})
	if s.Len() != 3 {
		t.Error(s.Len())
	}
}
