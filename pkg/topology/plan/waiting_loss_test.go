package plan_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// TestMessagesThatWaitToBeDeadLettered: a step that leaves the dead letters of another queue nowhere
// to go has the messages of that queue at stake. -1 is an unknown number, 0 none.
func TestMessagesThatWaitToBeDeadLettered(t *testing.T) {
	queue, bind, exchange := topologytest.Queue, topologytest.Bind, topologytest.Exchange
	type objects = []topology.Object
	waits := func(args ...any) *topology.Queue { return queue("q", append(args, "x-message-ttl", 60000)...) }
	typed := func(q *topology.Queue, kind string) *topology.Queue { q.Type = kind; return q }
	toExchange := func(source, destination, key string) *topology.Binding {
		b := bind(source, destination, key)
		b.DestinationType = topology.ToExchange
		return b
	}
	policy := func(name, pattern string, args ...any) *topology.Policy {
		return &topology.Policy{VHost: "/", Name: name, Pattern: pattern, Definition: topologytest.Table(args)}
	}
	byKey := waits("x-dead-letter-exchange", "dlx", "x-dead-letter-routing-key", "k")
	unkeyed := waits("x-dead-letter-exchange", "dlx")
	direct := waits("x-dead-letter-exchange", "", "x-dead-letter-routing-key", "dead")
	dlx, topic, dead := exchange("dlx", "direct"), exchange("dlx", "topic"), queue("dead")
	atLeastOnce := typed(waits("x-dead-letter-exchange", "dlx", "x-dead-letter-routing-key", "k",
		"x-dead-letter-strategy", "at-least-once", "x-overflow", "reject-publish"), topology.Quorum)
	alternate := exchange("dlx", "direct")
	alternate.Arguments = topology.Arguments{"alternate-exchange": "spare"}
	headers := exchange("dlx", "headers")
	byHeaders := bind("dlx", "dead", "")
	byHeaders.Arguments = topology.Arguments{"kind": "order", "x-match": "all"}
	through := objects{exchange("in", "topic"), bind("in", "q", "orders.*")}
	private := queue("private")
	private.Exclusive = true
	internal := exchange("dlx", "fanout")
	internal.Internal = true
	wait := queue("wait", "x-message-ttl", 1000, "x-dead-letter-exchange", "", "x-dead-letter-routing-key", "dead")
	toWait := waits("x-dead-letter-exchange", "", "x-dead-letter-routing-key", "wait")
	for name, test := range map[string]struct {
		q, own, others, want objects // q comes first
		atRisk               int64
	}{
		"queue":              {objects{direct}, objects{dead}, nil, nil, 10},
		"queue behind a key": {objects{byKey}, objects{dead, bind("dlx", "dead", "k")}, objects{dlx}, nil, 10},
		"queue beside another": {objects{byKey}, objects{dead, bind("dlx", "dead", "k")},
			objects{dlx, queue("d2"), bind("dlx", "d2", "k")}, nil, 0},
		"queue beside an exclusive one": {objects{byKey}, objects{dead, bind("dlx", "dead", "k")},
			objects{dlx, private, bind("dlx", "private", "k")}, nil, 10},
		"exchange":          {objects{byKey}, objects{dlx, bind("dlx", "dead", "k")}, objects{dead}, nil, 10},
		"internal exchange": {objects{byKey}, objects{internal, bind("dlx", "dead", "k")}, objects{dead}, nil, 10},
		"binding":           {objects{byKey}, objects{bind("dlx", "dead", "k")}, objects{dlx, dead}, nil, 10},
		"binding of another key": {objects{byKey}, objects{bind("dlx", "dead", "other")},
			objects{dlx, dead, bind("dlx", "dead", "k")}, nil, 0},
		"headers": {objects{byKey}, objects{byHeaders}, objects{headers, dead}, nil, 10},
		"on the way": {objects{byKey}, objects{exchange("x2", "fanout"), toExchange("dlx", "x2", "k"),
			bind("x2", "dead", "")}, objects{topic, dead}, nil, 10},
		"alternate exchange": {objects{byKey}, objects{bind("spare", "dead", "")},
			objects{alternate, exchange("spare", "fanout"), dead}, nil, 10},
		"policy of the alternate exchange": {objects{byKey},
			objects{policy("p", "^dlx$", "alternate-exchange", "spare")},
			objects{dlx, exchange("spare", "fanout"), dead, bind("spare", "dead", "")}, nil, 10},
		"unknown keys that the queue takes": {append(objects{unkeyed}, through...),
			objects{bind("dlx", "dead", "*.paid")},
			objects{topic, dead}, nil, 10},
		"unknown keys of one binding": {append(objects{unkeyed}, exchange("in", "direct"),
			bind("in", "q", "orders.new")), objects{bind("dlx", "dead", "orders.*")}, objects{topic, dead}, nil, 10},
		"unknown keys of one binding, which go elsewhere": {append(objects{unkeyed}, exchange("in", "direct"),
			bind("in", "q", "orders.new")), objects{bind("dlx", "dead", "orders.*")},
			objects{topic, dead, queue("d2"), bind("dlx", "d2", "orders.new")}, nil, 0},
		"unknown keys of another queue": {append(objects{unkeyed}, through...),
			objects{bind("dlx", "dead", "users.*")},
			objects{topic, dead}, nil, 0},
		"unknown keys, published to the queue": {objects{unkeyed}, objects{bind("dlx", "dead", "q")},
			objects{dlx, dead}, nil, 10},
		"a way that comes": {objects{direct}, objects{dead}, nil, objects{queue("dead", "x-max-length", 100)}, 10},
		"another way": {objects{byKey}, objects{bind("dlx", "dead", "k")}, objects{dlx, dead},
			objects{bind("dlx", "dead", "#"), bind("dlx", "dead", "k")}, 0},
		"policy to an exchange that goes": {objects{waits()}, objects{dlx, bind("dlx", "dead", "q")},
			objects{dead, policy("p", "^q$", "dead-letter-exchange", "dlx")}, nil, 10},
		"behind another queue": {objects{toWait}, objects{dead}, objects{wait}, nil, 10},
		"back to where it waits": {objects{toWait}, objects{queue("wait", "x-message-ttl", 1000,
			"x-dead-letter-exchange", "", "x-dead-letter-routing-key", "q")}, nil, nil, 0},
		"limit": {objects{queue("q", "x-max-length", 20, "x-dead-letter-exchange", "",
			"x-dead-letter-routing-key", "dead")}, objects{dead}, nil, nil, 10},
		"neither TTL nor limit": {objects{queue("q", "x-dead-letter-exchange", "",
			"x-dead-letter-routing-key", "dead")}, objects{dead}, nil, nil, 0},
		"at least once": {objects{atLeastOnce}, objects{dlx, bind("dlx", "dead", "k")},
			objects{dead}, nil, 0},
		"stream": {objects{typed(waits("x-dead-letter-exchange", "", "x-dead-letter-routing-key", "dead"),
			topology.Stream)}, objects{dead}, nil, nil, 0},
		"room for some": {objects{direct}, objects{queue("dead", "x-max-length", 4)}, nil, nil, 4},
		"queue that gets a limit": {objects{direct}, nil, objects{dead},
			objects{policy("p", "^dead$", "max-length", 3)}, 7},
		"queue that drops at once": {objects{direct}, nil, objects{dead},
			objects{policy("p", "^dead$", "message-ttl", 0)}, 10},
		"another queue that drops": {objects{byKey}, objects{bind("dlx", "dead", "k")}, objects{dlx, dead},
			objects{queue("drops", "x-max-length", 0), bind("dlx", "drops", "k")}, 10},
		"the queue itself goes": {nil, objects{direct, dead}, nil, nil, 10},
		"never":                 {objects{byKey}, objects{dead}, objects{dlx}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			b := topologytest.BrokerWith(append(append(append(objects{}, test.q...), test.own...), test.others...)...).
				Owns("t", test.own...)
			q := topologytest.Queue("q").Ref()
			for _, status := range []topology.QueueStatus{{Messages: 10, Known: true}, {State: "down"}, {Known: true}} {
				b.Status[q] = status
				p := plan.Diff(topologytest.State(test.want...), b.Live(), everything)
				want := test.atRisk
				if !status.Known && want != 0 {
					want = -1
				} else if status.Known && status.Messages == 0 {
					want = 0
				}
				got, queues := p.Risk(), 0
				for _, s := range p.Steps {
					queues += len(s.Queues)
				}
				if !got.Known {
					got.Messages = -1
				}
				if got.Messages != want || (len(p.Blocked()) > 0) != (want != 0) {
					t.Errorf("%+v: at stake %d, want %d: %s", status, got.Messages, want, topologytest.Describe(p))
				}
				if deleted := test.q == nil; !deleted && (queues > 0) != (test.atRisk > 0) {
					t.Errorf("%+v: %d queues are counted again: %s", status, queues, topologytest.Describe(p))
				}
				allow := everything
				allow.MaxMessageLoss = 20
				if p := plan.Diff(topologytest.State(test.want...), b.Live(), allow); len(p.Blocked()) > 0 {
					t.Errorf("%+v: blocked although the loss is allowed: %s", status, topologytest.Describe(p))
				}
			}
		})
	}
}

// TestWhatIsReplacedTakesNoDeadLetters: while a queue or an exchange is replaced, what expires in
// another is lost.
func TestWhatIsReplacedTakesNoDeadLetters(t *testing.T) {
	q := topologytest.Queue("q", "x-message-ttl", 60000, "x-dead-letter-exchange", "dlx")
	dead, bound := topologytest.Queue("dead"), topologytest.Bind("dlx", "dead", "q")
	b := topologytest.BrokerWith(q, topologytest.Exchange("dlx", "direct"), dead, bound)
	for name, want := range map[string][]topology.Object{
		"exchange": {topologytest.Exchange("dlx", "fanout"), dead, bound},
		"queue":    {topologytest.Exchange("dlx", "direct"), topologytest.Queue("dead", "x-max-length", 100), bound},
	} {
		for _, held := range []int64{0, 10} {
			b.Status[q.Ref()] = topology.QueueStatus{Messages: held, Known: true}
			p := plan.Diff(topologytest.State(want...), b.Live(), everything)
			if len(p.Blocked()) > 0 != (held > 0) || p.Risk().Messages != held || p.Count(plan.Replace) != 1 {
				t.Errorf("%s, %d messages: %s", name, held, topologytest.Describe(p))
			}
			if held > 0 && !strings.Contains(p.Blocked()[0].Blocked, "10 messages that queues hold") {
				t.Errorf("%s", topologytest.Describe(p))
			}
			allow := everything
			allow.MaxMessageLoss = 10
			p = plan.Diff(topologytest.State(want...), b.Live(), allow)
			if len(p.Blocked()) > 0 || p.Steps[0].Action != plan.Replace && p.Steps[0].Conditions.MaxMessages > 0 {
				t.Errorf("%s, allowed: %s", name, topologytest.Describe(p))
			}
		}
	}
}
