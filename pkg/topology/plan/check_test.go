package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// check returns what the broker would refuse of a file, or accept and ignore.
func check(want *topology.State, have *topology.Live) diag.Diagnostics {
	return plan.Diff(want, have, plan.Options{}).Problems
}

func typed(q *topology.Queue, kind string) *topology.Queue {
	q.Type = kind
	return q
}

func policy(applyTo string, args ...any) *topology.Policy {
	return &topology.Policy{VHost: "/", Name: "p", Pattern: ".*", ApplyTo: applyTo, Definition: topologytest.Table(args)}
}

// TestMissingExternals: what others are to declare and the broker does not have is told with its
// place, once, and only where the broker could be read.
func TestMissingExternals(t *testing.T) {
	m := topologytest.BrokerWith(topologytest.Exchange("there", "topic"), topologytest.Queue("q"))
	want := topologytest.State(topologytest.Queue("q"), topologytest.Bind("needed", "q", "k"))
	for i, name := range []string{"there", "theer", "needed", "amq.topic", "nowhere"} {
		want.Expect(topology.ExchangeRef("/", name), diag.Position{File: "t.yaml", Line: 10 + i, Column: 1})
	}
	want.Expect(topology.QueueRef("/", "q"), diag.Position{File: "t.yaml", Line: 20, Column: 1}) // it is declared, too
	live := m.Live()
	var got []string
	for _, d := range check(want, live) {
		got = append(got, string(d.Severity)+" "+d.Error())
	}
	for i, part := range []string{`error t.yaml:2:1: binding "needed" -> queue "q", key "k"`,
		`warning t.yaml:11:1: exchange "theer"`, `warning t.yaml:14:1: exchange "nowhere"`} {
		if len(got) != 3 || !strings.Contains(got[i], part) {
			t.Fatalf("%q is not in %q", part, got)
		}
	}
	if !strings.Contains(got[1], `did you mean "there"?`) || !strings.Contains(got[2], "have its owner declare it first") {
		t.Errorf("the fixes: %q", got)
	}
	live.Unreadable = map[topology.Kind]string{topology.KindExchange: "no API"}
	if list := check(want, live); len(list) > 0 {
		t.Errorf("exchanges were not read: %v", list)
	}
}

func TestCheck(t *testing.T) {
	transient := topologytest.Queue("q")
	transient.Durable = false
	reserved := topologytest.Exchange("amq.topic", "direct")
	vhost := &topology.VHost{Name: "v", DefaultQueueType: "quorum"}
	vhost.Declared.DefaultQueueType = true
	operator := policy("queues", "dead-letter-exchange", "x")
	operator.Operator = true
	overflow := policy("queues", "overflow", "drop-head")
	overflow.Operator = true
	for _, test := range []struct {
		name string
		want topology.Object
		// problem by version: "" is none, a leading w: a warning.
		old, middle, recent string
	}{
		{"right", topologytest.Queue("q", "x-message-ttl", 1000, "x-max-priority", 5), "", "", ""},
		{"argument of another type", typed(topologytest.Queue("q", "x-max-priority", 5), topology.Quorum),
			"a quorum queue does not take maxPriority", "a quorum queue", "a quorum queue"},
		{"argument of a newer version", typed(topologytest.Queue("q", "x-delayed-retry-min", 5), topology.Quorum),
			"RabbitMQ 3.10.8 does not take delayedRetry.min (x-delayed-retry-min) on a quorum queue: RabbitMQ does since " +
				"4.3; it accepts the argument and silently ignores it", "RabbitMQ 4.0.5 does not take", ""},
		{"consumer timeout on classic", topologytest.Queue("q", "x-consumer-timeout", 5), "silently ignores", "",
			"RabbitMQ does from 3.12 until 4.3; it refuses"},
		{"filter size", typed(topologytest.Queue("q", "x-stream-filter-size-bytes", 20), topology.Stream), "silently ignores",
			"", ""},
		{"leader locator", topologytest.Queue("q", "x-queue-leader-locator", "balanced"),
			"RabbitMQ does since 4.0; it refuses", "", ""},
		{"master locator", topologytest.Queue("q", "x-queue-master-locator", "random"), "", "", "use leaderLocator"},
		{"unknown argument", topologytest.Queue("q", "x-foo", 5), "w: knows no argument \"x-foo\"", "w: x-foo", "w: x-foo"},
		{"mistyped argument", topologytest.Queue("q", "x-mesage-ttl", 5), "w: did you mean messageTTL (x-message-ttl)?",
			"w: did you mean", "w: did you mean"},
		{"value too large", topologytest.Queue("q", "x-max-priority", 256),
			"x-max-priority) cannot be 256: the maximum is 255",
			"cannot be 256", "cannot be 256"},
		{"float", topologytest.Queue("q", "x-message-ttl", 1000.0), "x-message-ttl) must be an integer, not 1000.0",
			"must be",
			"must be"},
		{"text for a number", topologytest.Queue("q", "x-message-ttl", "1000"), `must be an integer, not "1000"`, "must be",
			"must be"},
		{"unknown overflow", topologytest.Queue("q", "x-overflow", "drop"),
			"cannot be \"drop\": it can be drop-head, reject-publish",
			"cannot be",
			"cannot be"},
		{"negative delivery limit", typed(topologytest.Queue("q", "x-delivery-limit", -1), topology.Quorum),
			"means 0 on RabbitMQ 3.10.8",
			"", ""},
		{"storage version", topologytest.Queue("q", "x-queue-version", 1), "", "", "refuses version: 1"},
		{"key without exchange", topologytest.Queue("q", "x-dead-letter-routing-key", "k"), "deadLetter.key without",
			"deadLetter.key",
			"deadLetter.key"},
		{"transient", transient, "", "w: deprecated", "w: deprecated"},
		{"no such type", typed(topologytest.Queue("q"), "quorun"), "there is no queue type", "there is no", "there is no"},
		{"reserved queue", topologytest.Queue("amq.q"), "reserved", "reserved", "reserved"},
		{"long name", topologytest.Queue(strings.Repeat("é", 128)), "has 256 bytes", "256", "256"},
		{"queue with a line break", topologytest.Queue("a\nb"), "the name has a line break; the broker takes line breaks out",
			"line break", "line break"},
		{"exchange with a line break", topologytest.Exchange("a\r\nb", "direct"), "the name has a line break", "line break",
			"line break"},
		{"longest name", topologytest.Queue(strings.Repeat("n", 255)), "", "", ""},
		{"long key", topologytest.Bind("amq.topic", "there", strings.Repeat("k", 256)), "routing key has 256 bytes", "256",
			"256"},
		{"reserved exchange", topologytest.Exchange("amq.x", "direct"), "reserved", "reserved", "reserved"},
		{"predeclared, differently", reserved, `differently: type is "topic", not "direct"`, "differently", "differently"},
		{"plugin", topologytest.Exchange("x", "x-delayed-message"),
			"rabbitmq-plugins enable rabbitmq_delayed_message_exchange",
			"not enabled", "not enabled"},
		{"mistyped exchange type", topologytest.Exchange("x", "topik"), "did you mean \"topic\"?", "did you mean",
			"did you mean"},
		{"binding to nothing", topologytest.Bind("amq.topic", "therr", "k"),
			"there is no queue \"therr\": the file does not declare it and the broker does not have it; the broker refuses " +
				"this; did you mean \"there\"?", "did you", "did you"},
		{"binding from nothing", topologytest.Bind("nowhere", "there", "k"), "there is no exchange \"nowhere\"",
			"there is no",
			"there is no"},
		{"binding of the default exchange", topologytest.Bind("", "there", "k"), "takes no bindings", "takes no", "takes no"},
		{"implied binding", topologytest.Bind("", "there", "there"), "", "", ""},
		{"permission of nobody", &topology.Permission{VHost: "/", User: "nobody"}, "there is no user \"nobody\"", "nobody",
			"nobody"},
		{"default queue type", vhost, "", "", ""},
		{"mirroring", policy("queues", "ha-mode", "all"), "", "has no classic queue mirroring",
			"has no classic queue mirroring"},
		{"apply to a type", policy("quorum_queues", "max-length", 1), "knows no applyTo: quorum_queues", "", ""},
		{"newer policy key", policy("queues", "consumer-timeout", 1), "RabbitMQ takes it since 3.12", "", ""},
		{"policy key that is none", policy("queues", "max-priority", 1), "set maxPriority in the queues", "set maxPriority",
			"set maxPriority"},
		{"queue type in a policy", policy("queues", "x-queue-type", "quorum"), "defaultQueueType", "defaultQueueType",
			"defaultQueueType"},
		{"argument name in a policy", policy("queues", "x-message-ttl", 1), "did you mean message-ttl?", "did you",
			"did you"},
		{"mistyped policy key", policy("queues", "max-lengt", 1), "did you mean max-length?", "did you", "did you"},
		{"empty policy", policy("queues"), "sets nothing", "sets nothing", "sets nothing"},
		{"operator policy", operator, "takes no dead-letter-exchange in an operator policy", "takes no", "takes no"},
		{"operator policy by version", overflow, "takes no overflow", "", ""},
		{"delayed retry without minimum", policy("queues", "delayed-retry-type", "all"), "since 4.3", "since 4.3",
			"add delayed-retry-min"},
		{"a key keeps the policy away", policy("all", "dead-letter-exchange", "x", "delivery-limit", 3),
			"delivery-limit keeps the whole policy away from classic queues: \"there\"; RabbitMQ applies a policy only to " +
				"queue types that support all of its keys: they would have no dead-letter-exchange either", "keeps", "keeps"},
		{"a policy for other types", policy("all", "delivery-limit", 3), "", "", ""},
		{"own job of a broker elsewhere", &topology.GlobalParameter{Name: "msgctl-migration-a", Value: "x"}, "w: left alone",
			"w: left alone", "w: left alone"},
		{"own record of a broker elsewhere", &topology.GlobalParameter{Name: "msgctl.orders", Value: "x"}, "w: left alone",
			"w: left alone", "w: left alone"},
	} {
		for version, expected := range map[string]string{"3.10.8": test.old, "4.0.5": test.middle, "4.3.6": test.recent} {
			t.Run(test.name+" on "+version, func(t *testing.T) {
				live := topologytest.BrokerWith(&topology.User{Name: "guest"}).Live()
				live.Server = topology.Server{Version: version, ExchangeTypes: []string{"direct", "fanout", "headers", "topic"}}
				want := topologytest.State(test.want)
				if err := want.Add(topologytest.Queue("there"), diag.Position{}); err != nil {
					t.Fatal(err)
				}
				problems := check(want, live)
				expectProblem(t, problems, expected)
			})
		}
	}
}

func expectProblem(t *testing.T, problems diag.Diagnostics, expected string) {
	t.Helper()
	if expected == "" {
		if len(problems) > 0 {
			t.Errorf("unexpected: %s", problems.Error())
		}
		return
	}
	severity := diag.Error
	if text, ok := strings.CutPrefix(expected, "w: "); ok {
		severity, expected = diag.Warning, text
	}
	if len(problems) != 1 || problems[0].Severity != severity || !strings.Contains(problems.Error(), expected) ||
		!strings.Contains(problems.Error(), "t.yaml:1:1") {
		t.Errorf("got %s: %q; want %s: %q", severities(problems), problems.Error(), severity, expected)
	}
}

func severities(ds diag.Diagnostics) (list []diag.Severity) {
	for _, d := range ds {
		list = append(list, d.Severity)
	}
	return list
}

// TestCheckOfWhatTheBrokerHas: what a broker has as declared, it has accepted; what it ignores
// stays ignored.
func TestCheckOfWhatTheBrokerHas(t *testing.T) {
	for _, test := range []struct {
		have    topology.Object
		version string
		errors  int
	}{
		{topologytest.Queue("amq.gen-x"), "4.0.5", 0},
		{topologytest.Queue("q", "x-queue-version", 1), "4.3.6", 0},
		{policy("queues", "x-of-a-plugin", 1), "4.3.6", 0},
		{topologytest.Exchange("x", "x-of-a-plugin"), "4.3.6", 0},
		{typed(topologytest.Queue("q", "x-delayed-retry-min", 1), topology.Quorum), "4.0.5", 1},
		{typed(topologytest.Queue("q", "x-delivery-limit", -1), topology.Quorum), "3.10.8", 1},
	} {
		live := topologytest.BrokerWith(test.have).Live()
		live.Server = topology.Server{Version: test.version, ExchangeTypes: []string{"topic"}}
		if problems := check(topologytest.State(test.have), live); problems.Errors() != test.errors {
			t.Errorf("%s on %s: %v", test.have.Ref(), test.version, problems)
		}
	}
}

// TestEveryTieIsNamed: also with a policy that only the broker has, but none where both say the same.
func TestEveryTieIsNamed(t *testing.T) {
	called := func(name, pattern string, keyval ...any) *topology.Policy {
		p := policy("all", keyval...)
		p.Name, p.Pattern = name, pattern
		return p
	}
	want := topologytest.State(called("a", "^a$", "dead-letter-exchange", "x"),
		called("b", "^b$", "dead-letter-exchange", "x"),
		called("every", ".*", "max-length", 10), called("same", "^b$", "dead-letter-exchange", "x"),
		topologytest.Queue("a"),
		topologytest.Queue("b"), topologytest.Exchange("e", "topic"))
	live := topologytest.BrokerWith(called("live", "^e$", "alternate-exchange", "y"),
		called("other", "^other$", "max-length", 3)).Live()
	onBroker := plan.LiveTies(want, live)
	if list := onBroker[topology.Ref{Kind: topology.KindPolicy, VHost: "/", Name: "every"}]; len(onBroker) != 1 ||
		!slices.Equal(list, []string{`as policy "live" (0), and both match "e" (it is on the broker only)`}) {
		t.Errorf("%q", onBroker)
	}
	problems := check(want, live)
	var got []string
	for _, p := range problems {
		if p.Rule != "policy-priority-tie" || p.Severity != diag.Warning {
			t.Error(p)
		}
		got = append(got, p.Message)
	}
	slices.Sort(got)
	expected := []string{
		`has the same priority as policy "a" (0), and both match "a"`,
		`has the same priority as policy "b" (0), and both match "b"`,
		`has the same priority as policy "every" (0), and both match "b"`,
		`has the same priority as policy "live" (0), and both match "e"`,
	}
	if !slices.Equal(got, expected) {
		t.Errorf("%q", got)
	}
}

func TestPolicyOfHigherPriorityCovers(t *testing.T) {
	low := policy("queues", "dead-letter-exchange", "x", "delivery-limit", 3)
	high := policy("queues", "max-length", 3)
	high.Name, high.Priority = "high", 1
	if problems := check(topologytest.State(low, high, topologytest.Queue("q")),
		topologytest.BrokerWith().Live()); len(problems) > 0 {
		t.Errorf("the policy does not apply to the queue anyway: %v", problems)
	}
	high.Priority = 0
	if problems := check(topologytest.State(low, high, topologytest.Queue("q")),
		topologytest.BrokerWith().Live()); !problems.HasErrors() {
		t.Error("of two equal priorities, none goes before the other")
	}
	if problems := check(topologytest.State(low, typed(topologytest.Queue("q"), topology.Stream)),
		topologytest.BrokerWith().Live()); len(problems) > 0 {
		t.Errorf("streams support none of its keys, so they lose none: %v", problems)
	}
	high.Priority = -1
	if problems := check(topologytest.State(low, high, topologytest.Queue("q")),
		topologytest.BrokerWith().Live()); !problems.HasErrors() {
		t.Error("nothing covers the queue, and no problem was found")
	}
	if problems := check(topologytest.State(low),
		topologytest.BrokerWith(topologytest.Queue("theirs")).Live()); problems.HasErrors() || len(problems) != 1 {
		t.Errorf("a queue that the file does not declare deserves a warning: %v", problems)
	}
}

func TestReferenceToWhatIsPruned(t *testing.T) {
	m := topologytest.BrokerWith(topologytest.Queue("q"), topologytest.Exchange("x", "topic")).Owns("t",
		topologytest.Queue("q"))
	if problems := plan.Diff(topologytest.State(topologytest.Bind("x", "q", "k")), m.Live(),
		everything).Problems; len(problems) != 1 ||
		!strings.Contains(problems.Error(), "which this file no longer declares and pruning deletes") {
		t.Errorf("%v", problems)
	}
}

func TestLoginInUse(t *testing.T) {
	me := &topology.User{Name: "me", Tags: []string{"administrator"}}
	live := topologytest.BrokerWith(me).Owns("t", me).Live()
	live.Server.User = "me"
	if problems := check(topologytest.State(&topology.User{Name: "me"}), live); !problems.HasErrors() {
		t.Error("the login in use would lose its tags")
	}
	p := plan.Destroy(topologytest.State(&topology.User{Name: "me"}), live, plan.Options{})
	if len(p.Blocked()) != 1 {
		t.Error(topologytest.Describe(p))
	}
}

func TestUsersThatWereNotRead(t *testing.T) {
	if problems := check(topologytest.State(&topology.Permission{VHost: "/", User: "u"}),
		topologytest.BrokerWith().Live()); len(problems) > 0 {
		t.Errorf("nobody looked for the user: %v", problems)
	}
}

func TestFeaturesThatTheNodeDenies(t *testing.T) {
	transient := topologytest.Queue("q")
	transient.Durable = false
	for _, test := range []struct {
		q       *topology.Queue
		version string
		denied  []string
		errors  int
	}{
		{transient, "4.3.6", []string{"queue_master_locator"}, 0},
		{transient, "4.3.6", []string{"transient_nonexcl_queues"}, 1},
		{topologytest.Queue("q", "x-queue-master-locator", "random"), "4.3.6", []string{}, 0},
		{topologytest.Queue("q", "x-queue-master-locator", "random"), "4.0.5", []string{"queue_master_locator"}, 1},
		{topologytest.Queue("q", "x-queue-master-locator", "random"), "4.0.5", nil, 0},
	} {
		live := topologytest.BrokerWith().Live()
		live.Server = topology.Server{Version: test.version, DeniedFeatures: test.denied}
		if problems := check(topologytest.State(test.q), live); problems.Errors() != test.errors {
			t.Errorf("%v on %s, denied %q: %v", test.q.Fields(), test.version, test.denied, problems)
		}
	}
}

func TestParameterURIs(t *testing.T) {
	upstream := func(uri any) *topology.Parameter {
		return &topology.Parameter{VHost: "/", Component: "federation-upstream", Name: "up",
			Value: map[string]any{"uri": uri}}
	}
	for _, c := range []struct {
		name string
		p    *topology.Parameter
		want string
	}{
		{"right", upstream("amqp://user:pass%20word@host:5672/vhost"), ""},
		{"without a host", upstream("amqp://"), ""},
		{"a list", upstream([]any{"amqps://a", "amqp://b"}), ""},
		{"a placeholder", upstream("CEGA_CONNECTION"), "uri: it is not a URI"},
		{"one of a list", upstream([]any{"amqps://a", "b"}), "uri: it is not a URI"},
		{"another protocol", upstream("http://a"), `its scheme is "http"`},
		{"a shovel's end", &topology.Parameter{VHost: "/", Component: "shovel", Name: "s",
			Value: map[string]any{"src-uri": "amqp://", "dest-uri": "x"}}, "dest-uri: it is not a URI"},
		{"a shovel without a source", &topology.Parameter{VHost: "/", Component: "shovel", Name: "s",
			Value: map[string]any{"src-uri": "amqp://", "dest-uri": "amqp://"}}, "neither src-queue nor src-exchange"},
		{"a shovel with two sources", &topology.Parameter{VHost: "/", Component: "shovel", Name: "s",
			Value: map[string]any{"src-uri": "amqp://", "dest-uri": "amqp://", "src-queue": "q", "src-exchange": "x"}},
			"both src-queue and src-exchange"},
		{"an upstream without a URI", &topology.Parameter{VHost: "/", Component: "federation-upstream", Name: "u",
			Value: map[string]any{"expires": int64(1)}}, "uri is missing"},
		{"an unknown component", &topology.Parameter{VHost: "/", Component: "other", Name: "s",
			Value: map[string]any{"uri": "x"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := &topology.State{}
			if err := want.Add(c.p, diag.Position{}); err != nil {
				t.Fatal(err)
			}
			got := check(want, &topology.Live{}).Error()
			if c.want == "" && strings.Contains(got, "URI") || !strings.Contains(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
