package plan_test

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// TestPoliciesThatDropMessages: what a change of policies does to the messages that queues hold is
// the risk of the step. Numbers are messages at stake; -1 is an unknown number, 0 none.
func TestPoliciesThatDropMessages(t *testing.T) {
	policy := func(name string, priority int64, args ...any) *topology.Policy {
		return &topology.Policy{VHost: "/", Name: name, Pattern: "^q", Priority: priority,
			Definition: topologytest.Table(args)}
	}
	operator := func(args ...any) *topology.Policy {
		p := policy("operator", 0, args...)
		p.Operator = true
		return p
	}
	typed := func(kind string, args ...any) *topology.Queue {
		q := topologytest.Queue("q", args...)
		q.Type = kind
		return q
	}
	ten := topology.QueueStatus{Messages: 10, Bytes: 100, Known: true}
	used := topology.QueueStatus{Messages: 10, Consumers: 1, Known: true}
	length := policy("p", 0, "max-length", 4)
	refusing := policy("p", 0, "max-length", 4, "overflow", "reject-publish")
	ttl := func(ms int64) []topology.Object { return []topology.Object{policy("p", 0, "message-ttl", ms)} }
	age := func(age string) []topology.Object { return []topology.Object{policy("p", 0, "max-age", age)} }
	dead := policy("p", 0, "max-length", 4, "dead-letter-exchange", "dlx")
	dlx := []topology.Object{topologytest.Exchange("dlx", "fanout"), topologytest.Queue("dead"),
		topologytest.Bind("dlx", "dead", "")}
	bound := append([]topology.Object{topologytest.Exchange("direct", "direct"),
		topologytest.Bind("direct", "dead", "a")}, dlx[1])
	for name, test := range map[string]struct {
		queue  *topology.Queue
		status topology.QueueStatus
		have   []topology.Object
		want   []topology.Object
		atRisk int64
	}{
		"limit":                     {nil, ten, nil, []topology.Object{length}, 6},
		"limit that it keeps":       {nil, ten, nil, []topology.Object{policy("p", 0, "max-length", 10)}, 0},
		"empty queue":               {nil, topology.QueueStatus{Known: true}, nil, []topology.Object{length}, 0},
		"unknown count":             {nil, topology.QueueStatus{State: "down"}, nil, []topology.Object{length}, -1},
		"operator policy":           {nil, ten, nil, []topology.Object{operator("max-length", 4)}, 6},
		"limit that it had":         {nil, ten, []topology.Object{operator("max-length", 3)}, []topology.Object{length}, 0},
		"limit of an argument":      {topologytest.Queue("q", "x-max-length", 4), ten, nil, []topology.Object{length}, 0},
		"limit of another queue":    {topologytest.Queue("other"), ten, nil, []topology.Object{length}, 0},
		"classic with the overflow": {nil, ten, nil, []topology.Object{refusing}, 6},
		"overflow that it had": {topologytest.Queue("q", "x-overflow", "reject-publish"), ten, nil,
			[]topology.Object{length}, 0},
		"quorum with the overflow": {typed(topology.Quorum), ten, nil,
			[]topology.Object{refusing}, 0},
		"overflow goes": {nil, ten, []topology.Object{refusing},
			[]topology.Object{length}, 6},
		"higher policy": {nil, ten, []topology.Object{length}, []topology.Object{policy("z", 1, "max-length", 2)}, 8},
		"limit that a higher policy hides": {nil, ten, []topology.Object{policy("z", 1, "message-ttl", 1000)},
			[]topology.Object{length}, 0},
		"TTL":               {nil, used, nil, ttl(1000), 0},
		"longer TTL":        {nil, ten, ttl(1000), ttl(2000), 0},
		"expiry":            {nil, ten, nil, []topology.Object{policy("p", 0, "expires", 1000)}, 10},
		"expiry while used": {nil, used, nil, []topology.Object{policy("p", 0, "expires", 1000)}, 0},
		"bytes":             {nil, ten, nil, []topology.Object{policy("p", 0, "max-length-bytes", 99)}, 10},
		"bytes that it keeps": {nil, ten, nil,
			[]topology.Object{policy("p", 0, "max-length-bytes", 200)}, 0},
		"bytes that a late statistic lets in": {nil, ten, nil,
			[]topology.Object{policy("p", 0, "max-length-bytes", 100)}, 10},
		"unknown bytes": {nil, used, nil,
			[]topology.Object{policy("p", 0, "max-length-bytes", 100)}, 10},
		"dead-lettered":                          {nil, ten, dlx, []topology.Object{dead}, 0},
		"dead-lettered by what is not there yet": {nil, ten, nil, append(dlx, dead), 6},
		"dead-lettered to nowhere": {nil, ten, nil, []topology.Object{policy("p", 0, "max-length", 4,
			"dead-letter-exchange", "dlx"), topologytest.Exchange("dlx", "fanout")}, 6},
		"dead-lettered to a queue that is missing": {nil, ten, nil, []topology.Object{policy("p", 0, "max-length", 4,
			"dead-letter-exchange", "", "dead-letter-routing-key", "gone")}, 6},
		"quorum with the overflow of classic queues": {typed(topology.Quorum), ten, nil,
			[]topology.Object{policy("p", 0, "max-length", 4, "overflow", "reject-publish-dlx")}, 6},
		"dead-lettered by keys that nobody knows": {nil, ten, nil,
			[]topology.Object{policy("p", 0, "max-length", 4, "dead-letter-exchange", "")}, 6},
		"dead-lettered to itself": {nil, ten, nil, []topology.Object{policy("p", 0, "max-length", 4,
			"dead-letter-exchange", "", "dead-letter-routing-key", "q")}, 6},
		"dead-lettered by a key that is not bound": {nil, ten, bound, []topology.Object{policy("p", 0, "max-length", 4,
			"dead-letter-exchange", "direct", "dead-letter-routing-key", "b")}, 6},
		"dead-lettered by a key that is bound": {nil, ten, bound, []topology.Object{policy("p", 0, "max-length", 4,
			"dead-letter-exchange", "direct", "dead-letter-routing-key", "a")}, 0},
		"dead-lettered to a queue without room": {nil, ten, []topology.Object{topologytest.Queue("small", "x-max-length", 3)},
			[]topology.Object{policy("p", 0, "max-length", 4, "dead-letter-exchange", "", "dead-letter-routing-key",
				"small")}, 6},
		"dead-lettered to what drops at once": {nil, ten, []topology.Object{topologytest.Queue("gone", "x-message-ttl", 0)},
			[]topology.Object{policy("p", 0, "max-length", 4, "dead-letter-exchange", "", "dead-letter-routing-key",
				"gone")}, 6},
		"dead-lettered to what drops within a minute": {nil, ten,
			[]topology.Object{topologytest.Queue("gone", "x-message-ttl", 59_999)},
			[]topology.Object{policy("p", 0, "max-length", 4, "dead-letter-exchange", "", "dead-letter-routing-key",
				"gone")}, 6},
		"dead-lettered to what stays a minute": {nil, ten,
			[]topology.Object{topologytest.Queue("brief", "x-message-ttl", 60_000)},
			[]topology.Object{policy("p", 0, "max-length", 4, "dead-letter-exchange", "", "dead-letter-routing-key",
				"brief")}, 0},
		"no longer dead-lettered": {nil, ten, append(dlx, policy("p", 0, "message-ttl", 1000, "dead-letter-exchange", "dlx")),
			ttl(1000), 10},
		"dead-lettered by another way that comes with it": {nil, ten,
			append(dlx, policy("p", 0, "message-ttl", 1000, "dead-letter-exchange", "dlx")),
			[]topology.Object{policy("p", 0, "message-ttl", 1000, "dead-letter-exchange", "new"),
				topologytest.Exchange("new", "fanout"), topologytest.Bind("new", "dead", "")}, 0},
		"tie of what it had": {nil, ten,
			[]topology.Object{policy("a", 0, "max-length", 4), policy("b", 0, "max-length", 100)},
			[]topology.Object{policy("a", 0, "max-length", 6)}, 4},
		"tie": {nil, ten, []topology.Object{policy("a", 0, "max-length", 100)},
			[]topology.Object{policy("b", 0, "max-length", 4)}, 6},
		"stream with an argument": {typed(topology.Stream, "x-max-age", "7D"), topology.QueueStatus{}, nil, age("1D"), -1},
		"retention": {typed(topology.Stream), topology.QueueStatus{}, nil,
			age("1D"), -1},
		"longer retention": {typed(topology.Stream), topology.QueueStatus{}, age("1D"),
			age("48h"), 0},
		"shorter retention": {typed(topology.Stream), topology.QueueStatus{}, age("7D"),
			[]topology.Object{policy("p", 0, "max-age", "1Y"), operator("max-length-bytes", 1)}, -1},
	} {
		t.Run(name, func(t *testing.T) {
			q := test.queue
			if q == nil {
				q = topologytest.Queue("q")
			}
			b := topologytest.BrokerWith(append(test.have, q)...).Owns("t", test.have...)
			b.Status[q.Ref()] = test.status
			p := plan.Diff(topologytest.State(test.want...), b.Live(), plan.Options{})
			risk := plan.Risk{Known: true}
			for _, s := range p.Steps {
				if s.Risk == nil {
					continue
				}
				risk = *s.Risk
				if s.Blocked == "" || len(s.Queues) != 1 || s.Why == "" {
					t.Errorf("not blocked: %+v", s)
				}
			}
			got := risk.Messages
			if !risk.Known {
				got = -1
			}
			if blocked := len(p.Blocked()) > 0; got != test.atRisk || blocked != (test.atRisk != 0) {
				t.Errorf("at stake: %d, want %d; blocked: %v", got, test.atRisk, blocked)
			}
			allowed := plan.Diff(topologytest.State(test.want...), b.Live(), plan.Options{MaxMessageLoss: 20})
			if len(allowed.Blocked()) > 0 {
				t.Errorf("blocked although its loss is allowed: %+v", allowed.Blocked())
			}
		})
	}
}

// TestPolicyThatGoesUncoversAnother: deleting a policy gives its queues the next one.
func TestPolicyThatGoesUncoversAnother(t *testing.T) {
	q := topologytest.Queue("q")
	low := &topology.Policy{VHost: "/", Name: "low", Pattern: "^q", Definition: topology.Arguments{"max-length": int64(1)}}
	high := &topology.Policy{VHost: "/", Name: "high", Pattern: "^q", Priority: 1,
		Definition: topology.Arguments{"max-length": int64(100)}}
	b := topologytest.BrokerWith(q, low, high).Owns("t", high)
	b.Status[q.Ref()] = topology.QueueStatus{Messages: 10, Known: true}
	p := plan.Diff(topologytest.State(), b.Live(), everything)
	if len(p.Steps) != 1 || p.Steps[0].Risk == nil || p.Steps[0].Risk.Messages != 9 || p.Steps[0].Blocked == "" {
		t.Errorf("%+v", p.Steps)
	}
	b.Owns("t", high, q)
	if p := plan.Diff(topologytest.State(), b.Live(), everything); p.Risk().Messages != 10 {
		t.Errorf("the messages of a queue that is deleted count once: %+v", p.Risk())
	}
}

// TestARuleAndItsException: what applies while the policies are written counts, too.
func TestARuleAndItsException(t *testing.T) {
	policy := func(name, pattern string, priority, limit int64) *topology.Policy {
		return &topology.Policy{VHost: "/", Name: name, Pattern: pattern, Priority: priority,
			Definition: topology.Arguments{"max-length": limit}}
	}
	q := topologytest.Queue("orders")
	for name, test := range map[string]struct {
		want   []topology.Object
		atRisk bool
	}{
		"exception first": {[]topology.Object{policy("a-rule", "", 0, 1),
			policy("z-exception", "^orders", 1, 100)}, false},
		"exception too late": {[]topology.Object{policy("a-rule", "", 1, 1),
			policy("z-exception", "^orders", 0, 100)}, true},
	} {
		rule := policy("a-rule", "", 0, 100)
		b := topologytest.BrokerWith(q, rule).Owns("t", rule)
		b.Status[q.Ref()] = topology.QueueStatus{Messages: 10, Known: true}
		p := plan.Diff(topologytest.State(test.want...), b.Live(), plan.Options{})
		if len(p.Blocked()) > 0 != test.atRisk || p.Risk().Messages > 9 {
			t.Errorf("%s: %+v", name, p.Steps)
		}
	}
	gone := topologytest.BrokerWith(q, policy("a-rule", "", 0, 1), policy("z-exception", "^orders", 1, 100)).
		Owns("t", policy("a-rule", "", 0, 1), policy("z-exception", "^orders", 1, 100))
	gone.Status[q.Ref()] = topology.QueueStatus{Messages: 10, Known: true}
	if p := plan.Diff(topologytest.State(), gone.Live(), everything); len(p.Steps) != 2 || len(p.Blocked()) > 0 ||
		p.Steps[0].Ref.Name != "a-rule" {
		t.Errorf("the rule applies when its exception is gone: %+v", p.Steps)
	}
	p := plan.Diff(topologytest.State(policy("a-rule", "", 0, 1), policy("z-exception", "^orders", 1, 100)),
		topologytest.BrokerWith(q).Live(), plan.Options{})
	if len(p.Steps) != 2 || p.Steps[0].Ref.Name != "z-exception" {
		t.Errorf("the rule comes before its exception: %+v", p.Steps)
	}
}
