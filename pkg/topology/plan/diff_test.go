package plan_test

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

func TestDiff(t *testing.T) {
	untyped := topologytest.Queue("q")
	untyped.TypeDeclared = false
	quorum := topologytest.Queue("q")
	quorum.Type = topology.Quorum
	policy := func(args ...any) *topology.Policy {
		return &topology.Policy{VHost: "/", Name: "p", Pattern: "^a", ApplyTo: "queues", Definition: topologytest.Table(args)}
	}
	shovel := func(uri string) *topology.Parameter {
		return &topology.Parameter{VHost: "/", Component: "shovel", Name: "s",
			Value: map[string]any{"src-uri": uri, "src-queue": "s", "dest-uri": "amqp://", "dest-queue": "q"}}
	}
	q1, q2 := topologytest.Queue("q", "x-message-ttl", 1000), topologytest.Queue("q", "x-message-ttl", 2000)
	tests := []struct {
		name string
		want *topology.State
		have *topologytest.Broker
		o    plan.Options
		plan string
	}{
		{"create", topologytest.State(topologytest.Queue("q")), topologytest.BrokerWith(), plan.Options{},
			"create queue \"q\" in vhost \"/\"\n"},
		{"equal and ours", topologytest.State(topologytest.Queue("q")),
			topologytest.BrokerWith(topologytest.Queue("q")).Owns("t", topologytest.Queue("q")), plan.Options{}, ""},
		{"equal, not ours", topologytest.State(topologytest.Queue("q")), topologytest.BrokerWith(topologytest.Queue("q")),
			plan.Options{},
			"unowned queue \"q\" in vhost \"/\"\n"},
		{"adopt", topologytest.State(topologytest.Queue("q")), topologytest.BrokerWith(topologytest.Queue("q")),
			plan.Options{Adopt: true},
			"adopt queue \"q\" in vhost \"/\"\n"},
		{"equal, another's", topologytest.State(topologytest.Queue("q")),
			topologytest.BrokerWith(topologytest.Queue("q")).Owns("other", topologytest.Queue("q")), plan.Options{}, ""},
		{"adopt another's", topologytest.State(topologytest.Queue("q")),
			topologytest.BrokerWith(topologytest.Queue("q")).Owns("other", topologytest.Queue("q")),
			plan.Options{Adopt: true},
			"warning: t.yaml:1:1: queue \"q\" in vhost \"/\": not adopted: it belongs to topology \"other\"; name that " +
				"topology as " +
				"the one to adopt from, if the object has moved here\n"},
		{"different, another's", topologytest.State(policy("max-length", 1)),
			topologytest.BrokerWith(policy("max-length", 2)).Owns("other", policy()),
			plan.Options{},
			"update policy \"p\" in vhost \"/\" [definition.max-length: 2 -> 1] BLOCKED it belongs to topology \"other\": " +
				"change it in that file, or declare it here as it is there\n"},
		{"integers by value, floats apart", topologytest.State(topologytest.Queue("q", "x-message-ttl", 1000)),
			topologytest.BrokerWith(topologytest.Queue("q", "x-message-ttl", 1000.0)), plan.Options{ReplaceEmpty: true},
			"replace queue \"q\" in vhost \"/\" [messageTTL: 1000 -> 1000]\n"},
		{"a default is not absence", topologytest.State(topologytest.Queue("q", "x-overflow", "drop-head")),
			topologytest.BrokerWith(topologytest.Queue("q")),
			plan.Options{ReplaceEmpty: true},
			"replace queue \"q\" in vhost \"/\" [overflow: <nil> -> drop-head]\n"},
		{"replace not allowed", topologytest.State(q2), topologytest.BrokerWith(q1), plan.Options{},
			"replace queue \"q\" in vhost \"/\" [messageTTL: 1000 -> 2000] BLOCKED replacing deletes the queue, which is " +
				"done only while it is unused and empty\n"},
		{"type of the vhost", topologytest.State(untyped), topologytest.BrokerWith(quorum), plan.Options{},
			"unowned queue \"q\" in vhost \"/\"\n"},
		{"type differs", topologytest.State(topologytest.Queue("q")), topologytest.BrokerWith(quorum),
			plan.Options{ReplaceEmpty: true},
			"replace queue \"q\" in vhost \"/\" [type: quorum -> classic]\n"},
		{"ignored argument differs", topologytest.State(topologytest.Queue("q", "x-foo", 1)),
			topologytest.BrokerWith(topologytest.Queue("q", "x-foo", 2)), plan.Options{},
			"unowned queue \"q\" in vhost \"/\"\nwarning: t.yaml:1:1: queue \"q\" in vhost \"/\": RabbitMQ knows no argument " +
				"\"x-foo\"; the broker accepts it and ignores it, unless a plugin reads it\n"},
		{"policy updated in place", topologytest.State(policy("max-length", 1, "expires", 5)),
			topologytest.BrokerWith(policy("max-length", 1, "overflow", "drop-head")).Owns("t", policy()), plan.Options{},
			"update policy \"p\" in vhost \"/\" [definition.expires: <nil> -> 5] [definition.overflow: drop-head -> <nil>]\n"},
		{"credentials differ unseen", topologytest.State(shovel("amqp://u:old@h")),
			topologytest.BrokerWith(shovel("amqp://u:new@h")).Owns("t", shovel("")),
			plan.Options{},
			"update shovel \"s\" in vhost \"/\" [value.src-uri: amqp://u:********@h -> amqp://u:********@h]\n"},
		{"undeclared", topologytest.State(), topologytest.BrokerWith(topologytest.Queue("q")).Owns("t",
			topologytest.Queue("q")), plan.Options{},
			"undeclared queue \"q\" in vhost \"/\"\n"},
		{"pruned", topologytest.State(), topologytest.BrokerWith(topologytest.Queue("q")).Owns("t", topologytest.Queue("q")),
			everything, "delete queue \"q\" in vhost \"/\"\n"},
		{"never prune what is not ours", topologytest.State(), topologytest.BrokerWith(topologytest.Queue("q")), everything,
			""},
		{"never prune another's", topologytest.State(), topologytest.BrokerWith(topologytest.Queue("q")).Owns("t",
			topologytest.Queue("q")).Owns("other", topologytest.Queue("q")), everything,
			"warning: queue \"q\" in vhost \"/\": given up: topology \"other\" owns it, too\n"},
		{"pruned binding goes with its queue", topologytest.State(),
			topologytest.BrokerWith(topologytest.Queue("q"), topologytest.Bind("amq.topic", "q", "k")).Owns("t",
				topologytest.Queue("q"),
				topologytest.Bind("amq.topic", "q", "k")), everything, "delete queue \"q\" in vhost \"/\"\n"},
		{"deletions last and in reverse", topologytest.State(topologytest.Queue("new")),
			topologytest.BrokerWith(topologytest.Exchange("x", "topic"), topologytest.Queue("q"),
				topologytest.Bind("x", "new", "k")).Owns("t", topologytest.Exchange("x", "topic"), topologytest.Queue("q"),
				topologytest.Bind("x", "new", "k")), everything,
			"create queue \"new\" in vhost \"/\"\ndelete binding \"x\" -> queue \"new\", key \"k\" in vhost \"/\"\ndelete " +
				"queue \"q\" in vhost \"/\"\ndelete exchange \"x\" in vhost \"/\"\n"},
		{"bindings of a replaced queue are made again", topologytest.State(q2, topologytest.Bind("amq.topic", "q", "k")),
			topologytest.BrokerWith(q1, topologytest.Bind("amq.topic", "q", "k")).Owns("t", q1,
				topologytest.Bind("amq.topic", "q", "k")), everything,
			"replace queue \"q\" in vhost \"/\" [messageTTL: 1000 -> 2000]\ncreate binding \"amq.topic\" -> queue \"q\", key " +
				"\"k\" in vhost \"/\"\n"},
		{"predeclared exchange", topologytest.State(topologytest.Exchange("amq.topic", "topic")), topologytest.BrokerWith(),
			plan.Options{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := plan.Diff(test.want, test.have.Live(), test.o)
			if diff := cmp.Diff(test.plan, topologytest.Describe(p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReplaceNeedsAnUnusedEmptyQueue(t *testing.T) {
	q1, q2 := topologytest.Queue("q", "x-message-ttl", 1000), topologytest.Queue("q", "x-message-ttl", 2000)
	stream := topologytest.Queue("q", "x-max-age", "1h")
	stream.Type = topology.Stream
	for _, test := range []struct {
		name    string
		have    *topology.Queue
		status  topology.QueueStatus
		blocked string
	}{
		{"empty", q1, topology.QueueStatus{Known: true}, ""},
		{"a second old", q1, topology.QueueStatus{}, `the broker gives no message count for queue "q"`},
		{"down", q1, topology.QueueStatus{State: "down"}, `queue "q" is in the state down`},
		{"messages", q1, topology.QueueStatus{Known: true, Messages: 3}, "it holds 3 messages"},
		{"consumers", q1, topology.QueueStatus{Known: true, Consumers: 1}, "it has 1 consumer"},
		{"a stream without counts", stream, topology.QueueStatus{}, "no message count for a stream"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := topologytest.BrokerWith(test.have)
			m.Status[q1.Ref()] = test.status
			p := plan.Diff(topologytest.State(q2), m.Live(), everything)
			if len(p.Steps) != 1 || p.Steps[0].Action != plan.Replace || test.blocked == "" != (p.Steps[0].Blocked == "") ||
				!strings.Contains(p.Steps[0].Blocked, test.blocked) {
				t.Error(topologytest.Describe(p))
			}
			if g := p.Steps[0].Conditions; !g.IfEmpty || !g.IfUnused {
				t.Errorf("guard %+v lets messages be lost", g)
			}
		})
	}
}

func TestMessageLossIsBoundedInAll(t *testing.T) {
	a, b, c := topologytest.Queue("a"), topologytest.Queue("b"), topologytest.Queue("c")
	m := topologytest.BrokerWith(a, b, c).Owns("t", a, b, c)
	m.Status[a.Ref()] = topology.QueueStatus{Messages: 10, Known: true}
	m.Status[b.Ref()] = topology.QueueStatus{Messages: 5, Consumers: 1, Known: true}
	m.Status[c.Ref()] = topology.QueueStatus{Consumers: 2, Known: true}
	for _, test := range []struct {
		max     int64
		blocked map[string]string
	}{
		{0, map[string]string{
			"a": "it holds 10 messages, and this plan would lose 15 in all {2 15 }",
			"b": "it holds 5 messages and has 1 consumer, and this plan would lose 15 in all {2 15 }",
			"c": "it has 2 consumers {3 1 }",
		}},
		{14, map[string]string{
			"a": "it holds 10 messages, and this plan would lose 15 in all {2 15 }",
			"b": "it holds 5 messages and has 1 consumer, and this plan would lose 15 in all {2 15 }",
		}},
		{15, nil}, {100, nil},
	} {
		p := plan.Diff(topologytest.State(), m.Live(),
			plan.Options{PruneKinds: clusterKinds, Prune: true, MaxMessageLoss: test.max})
		var sum int64
		got := map[string]string{}
		for _, s := range p.Steps {
			if s.Blocked != "" {
				got[s.Ref.Name] = fmt.Sprintf("%s %v", s.Blocked, s.Remedy)
			}
			sum += s.Conditions.MaxMessages
			if test.max == 0 != s.Conditions.IfEmpty {
				t.Errorf("max %d: guard %+v", test.max, s.Conditions)
			}
		}
		if diff := cmp.Diff(test.blocked, got); diff != "" && len(test.blocked)+len(got) > 0 {
			t.Errorf("max %d: %s", test.max, diff)
		}
		if len(test.blocked) == 0 && sum > test.max {
			t.Errorf("max %d: the conditions allow %d", test.max, sum)
		}
	}
}

func TestDeletionOfAVHostCountsEveryQueueInIt(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	m := topologytest.BrokerWith()
	m.AddVHost(v)
	kept := &topology.Queue{VHost: "v", Name: "kept", Type: topology.Classic, Durable: true}
	mine := &topology.Queue{VHost: "v", Name: "mine", Type: topology.Classic, Durable: true}
	m.Objects[kept.Ref()], m.Objects[mine.Ref()] = kept, mine
	m.Status[kept.Ref()] = topology.QueueStatus{Messages: 7, Known: true}
	m.Status[mine.Ref()] = topology.QueueStatus{Known: true}
	m.Owns("t", v, mine, kept)
	for name, p := range map[string]*plan.Plan{
		"destroy": plan.Destroy(topologytest.State(v, mine), m.Live(), plan.Options{}),
		"prune":   plan.Diff(topologytest.State(), m.Live(), everything),
	} {
		if len(p.Steps) != 1 || p.Steps[0].Risk.Messages != 7 ||
			p.Steps[0].Remedy != (plan.Remedy{Kind: plan.AllowLoss, Messages: 7}) ||
			!strings.Contains(p.Steps[0].Why, "2 queues in it go too") {
			t.Errorf("%s: %s%+v", name, topologytest.Describe(p), p.Steps)
		}
	}
	if p := plan.Diff(topologytest.State(mine), m.Live(), plan.Options{}); len(p.Steps) > 0 {
		t.Errorf("the vhost is still in use: %s", topologytest.Describe(p))
	}
}

func TestReplacementIsBlockedByBindingsOfOthers(t *testing.T) {
	theirs, ours := topologytest.Bind("x", "q", "theirs"), topologytest.Bind("x", "q", "ours")
	m := topologytest.BrokerWith(topologytest.Exchange("x", "topic"), topologytest.Queue("q"), theirs, ours).Owns("other",
		theirs)
	want := topologytest.State(topologytest.Exchange("x", "fanout"), ours)
	p := plan.Diff(want, m.Live(), everything)
	if len(p.Steps) != 2 || !strings.Contains(p.Steps[0].Blocked,
		`1 binding of others would be lost with it: binding "x" -> queue "q", key "theirs" of topology "other"`) {
		t.Errorf("%s%+v", topologytest.Describe(p), p.Steps)
	}
	m.Records = map[string]topology.Ownership{}
	m.Owns("t", theirs, ours)
	if p = plan.Diff(want, m.Live(), everything); len(p.Blocked()) > 0 {
		t.Errorf("its own binding, which is pruned, is in the way: %s", topologytest.Describe(p))
	}
}

// TestBindingsOfAReplacementAreNoDrift: a queue that waits for its replacement differs; its bindings
// are as declared until then.
func TestBindingsOfAReplacementAreNoDrift(t *testing.T) {
	bind := topologytest.Bind("x", "q", "k")
	m := topologytest.BrokerWith(topologytest.Exchange("x", "topic"), topologytest.Queue("q", "x-max-length", 5), bind)
	want := topologytest.State(topologytest.Exchange("x", "topic"), topologytest.Queue("q", "x-max-length", 50), bind)
	p := plan.Diff(want, m.Live(), plan.Options{Adopt: true})
	if drift := p.Drift(); len(drift) != 1 || drift[0].Action != plan.Replace || p.Count(plan.Create) != 1 {
		t.Errorf("got %v of %s", drift, topologytest.Describe(p))
	}
	delete(m.Objects, bind.Ref())
	if drift := plan.Diff(want, m.Live(), plan.Options{}).Drift(); len(drift) != 2 {
		t.Errorf("the binding is missing: %v", drift)
	}
}

// hashed is the hash of "s3cret" with the salt 908DC60A.
func hashed(algorithm string) topology.Secret {
	salted := append([]byte{0x90, 0x8d, 0xc6, 0x0a}, "s3cret"...)
	var digest []byte
	switch algorithm {
	case "sha256":
		d := sha256.Sum256(salted)
		digest = d[:]
	case "sha512":
		d := sha512.Sum512(salted)
		digest = d[:]
	case "md5":
		d := md5.Sum(salted)
		digest = d[:]
	}
	return topology.Secret(base64.StdEncoding.EncodeToString(append(salted[:4:4], digest...)))
}

func TestPasswords(t *testing.T) {
	// Hashes of "s3cret" with the salt 908DC60A, as RabbitMQ writes them.
	for algorithm, hash := range map[string]topology.Secret{
		"":                               hashed("sha256"),
		"rabbit_password_hashing_sha256": hashed("sha256"),
		"rabbit_password_hashing_sha512": hashed("sha512"),
		"rabbit_password_hashing_md5":    hashed("md5"),
	} {
		live := &topology.User{Name: "u", PasswordHash: hash, HashingAlgorithm: algorithm}
		for password, steps := range map[topology.Secret]int{"s3cret": 0, "other": 1} {
			p := plan.Diff(topologytest.State(&topology.User{Name: "u", Password: password}),
				topologytest.BrokerWith(live).Live(), plan.Options{})
			if len(p.Steps) != steps {
				t.Errorf("%s, password %q: %s", algorithm, string(password), topologytest.Describe(p))
			}
			text, err := json.Marshal(p.Steps)
			if shown := topologytest.Describe(p) + string(text) + fmt.Sprintf("%v %+v %s", p, p.Steps, p.Problems); err != nil ||
				strings.Contains(shown, "s3cret") || strings.Contains(shown, string(hash)) {
				t.Errorf("the plan shows a password: %s", shown)
			}
		}
		same := &topology.User{Name: "u", PasswordHash: hash}
		if p := plan.Diff(topologytest.State(same), topologytest.BrokerWith(live).Live(), plan.Options{}); len(p.Steps) > 0 {
			t.Errorf("%s, same hash: %s", algorithm, topologytest.Describe(p))
		}
	}
	if p := plan.Diff(topologytest.State(&topology.User{Name: "u"}),
		topologytest.BrokerWith(&topology.User{Name: "u", PasswordHash: "x"}).Live(),
		plan.Options{}); len(p.Steps) > 0 {
		t.Errorf("a user declared without a password: %s", topologytest.Describe(p))
	}
	p := plan.Diff(topologytest.State(&topology.User{Name: "u", Tags: []string{"monitoring"}}),
		topologytest.BrokerWith(&topology.User{Name: "u", PasswordHash: "x", HashingAlgorithm: "a"}).Live(), plan.Options{})
	if u, ok := p.Steps[0].Want.(*topology.User); !ok || u.PasswordHash != "x" || u.HashingAlgorithm != "a" ||
		len(p.Steps[0].Changes) != 1 {
		t.Errorf("new tags take the password away: %s", topologytest.Describe(p))
	}
}

func TestSameAs(t *testing.T) {
	q := topologytest.Queue("q")
	diff := func(m *topologytest.Broker, o plan.Options) *plan.Plan {
		return plan.Diff(topologytest.State(q, topologytest.Bind("amq.topic", "q", "k")), m.Live(), o)
	}
	first := diff(topologytest.BrokerWith(), everything)
	if err := first.SameAs(diff(topologytest.BrokerWith(), everything)); err != nil {
		t.Errorf("nothing moved: %v", err)
	}
	for name, m := range map[string]*topologytest.Broker{
		"one exists now":   topologytest.BrokerWith(q),
		"one differs now":  topologytest.BrokerWith(topologytest.Queue("q", "x-max-length", 1)),
		"somebody applied": topologytest.BrokerWith().Owns("t", topologytest.Exchange("x", "topic")),
	} {
		if err := first.SameAs(diff(m, everything)); !errors.Is(err, plan.ErrChanged) || len(err.Error()) < 60 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := first.SameAs(diff(topologytest.BrokerWith(topologytest.Queue("q", "x-max-length", 1)),
		everything)); err == nil ||
		!strings.Contains(err.Error(), "was to create, now to replace") {
		t.Errorf("another action: %v", err)
	}
	pruned := func(q *topology.Queue) *plan.Plan {
		return plan.Diff(topologytest.State(), topologytest.BrokerWith(q).Owns("t", q).Live(), everything)
	}
	if err := pruned(q).SameAs(pruned(topologytest.Queue("q", "x-max-length", 1))); !errors.Is(err, plan.ErrChanged) {
		t.Errorf("what is to be deleted is another now: %v", err)
	}
	full := topologytest.BrokerWith(q).Owns("t", q)
	full.Status[q.Ref()] = topology.QueueStatus{Messages: 1, Known: true}
	prune := func(m *topologytest.Broker) *plan.Plan {
		return plan.Diff(topologytest.State(), m.Live(),
			plan.Options{PruneKinds: clusterKinds, Prune: true, MaxMessageLoss: 9})
	}
	if err := prune(topologytest.BrokerWith(q).Owns("t", q)).SameAs(prune(full)); err != nil {
		t.Errorf("counts do not matter: %v", err)
	}
}

// TestRecordsOfVanishedVHostsDoNotMatter: anybody's --prune removes them between two plans.
func TestRecordsOfVanishedVHostsDoNotMatter(t *testing.T) {
	v := &topology.VHost{Name: "gone"}
	q := &topology.Queue{VHost: "gone", Name: "q", Type: topology.Classic, Durable: true}
	diff := func(m *topologytest.Broker) *plan.Plan {
		return plan.Diff(topologytest.State(v, q), m.Live(), plan.Options{})
	}
	recorded := diff(topologytest.BrokerWith().Owns("t", v, q))
	if err := recorded.SameAs(diff(topologytest.BrokerWith())); err != nil {
		t.Errorf("the record is gone with the vhost: %v", err)
	}
	elsewhere := diff(topologytest.BrokerWith().Owns("t", q, topologytest.Queue("other")))
	if err := elsewhere.SameAs(diff(topologytest.BrokerWith())); !errors.Is(err, plan.ErrChanged) {
		t.Errorf("the record named a queue of a vhost that is there: %v", err)
	}
}

// What may be lost beyond what is counted is shared among the queues. One of unknown count needs a
// share: the writer refuses it otherwise.
func TestUnknownCountsNeedAShareOfTheLoss(t *testing.T) {
	a, b := topologytest.Queue("a"), topologytest.Queue("b")
	m := topologytest.BrokerWith(a, b).Owns("t", a, b)
	m.Status[a.Ref()] = topology.QueueStatus{Messages: 10, Known: true}
	m.Status[b.Ref()] = topology.QueueStatus{State: "down"}
	for loss, blocked := range map[int64]bool{0: true, 10: true, 11: true, 12: false} {
		p := plan.Destroy(topologytest.State(a, b), m.Live(), plan.Options{MaxMessageLoss: loss})
		for _, s := range p.Steps {
			if s.Ref == b.Ref() && ((s.Blocked != "") != blocked || s.Conditions.MaxMessages == 0 != blocked ||
				blocked && s.Remedy != plan.Remedy{Kind: plan.AllowUncounted, Messages: 12}) {
				t.Errorf("loss of %d allowed: %+v", loss, s)
			}
		}
	}
}

// The known part of what a vhost holds is no share for its other queues.
func TestAVHostOfUnknownCountNeedsAShareOfTheLoss(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	a, b := &topology.Queue{VHost: "v", Name: "a", Type: topology.Classic},
		&topology.Queue{VHost: "v", Name: "b", Type: topology.Classic}
	m := topologytest.BrokerWith(v, a, b).Owns("t", v, a, b)
	m.Status[a.Ref()] = topology.QueueStatus{Messages: 10, Known: true}
	m.Status[b.Ref()] = topology.QueueStatus{State: "down"}
	for loss, blocked := range map[int64]bool{0: true, 10: true, 11: false} {
		p := plan.Destroy(topologytest.State(v, a, b), m.Live(), plan.Options{MaxMessageLoss: loss})
		i := slices.IndexFunc(p.Steps, func(s plan.Step) bool { return s.Ref == v.Ref() })
		if i < 0 || (p.Steps[i].Blocked != "") != blocked {
			t.Errorf("loss of %d allowed: %s", loss, topologytest.Describe(p))
		}
	}
}

func TestMissingVHostIsSaidOnce(t *testing.T) {
	l := &topology.Live{MissingVHosts: []string{"/"}}
	p := plan.Diff(topologytest.State(topologytest.Queue("a"), topologytest.Queue("b"),
		topologytest.Bind("nowhere", "a", "k")), l, plan.Options{})
	if len(p.Problems) != 1 || p.Problems[0].Position.Line != 1 ||
		!strings.Contains(p.Problems[0].Fix, `vhosts: {"/": {}}`) {
		t.Error(topologytest.Describe(p))
	}
	v := &topology.VHost{Name: "/"}
	p = plan.Diff(topologytest.State(v, topologytest.Queue("a"), topologytest.Exchange("amq.topic", "topic"),
		topologytest.Bind("amq.fanout", "a", "")), l,
		plan.Options{})
	if len(p.Problems) != 0 || p.Count(plan.Create) != 3 {
		t.Error(topologytest.Describe(p))
	}
}

func TestWithoutTheManagementAPI(t *testing.T) {
	l := &topology.Live{Server: topology.Server{Version: "4.0.5", AMQPOnly: true}, Unreadable: map[topology.Kind]string{}}
	for _, k := range topology.Kinds() {
		l.Unreadable[k] = "no management API"
	}
	want := topologytest.State(topologytest.Queue("q"), topologytest.Exchange("amq.topic", "topic"),
		topologytest.Bind("amq.topic", "q", "k"), &topology.User{Name: "u"})
	p := plan.Diff(want, l, plan.Options{})
	if p.Count(plan.Create) != 2 || p.Problems.HasErrors() ||
		!strings.Contains(topologytest.Describe(p), "1 user left alone: no management API") || p.Ownership != nil {
		t.Error(topologytest.Describe(p))
	}
	l.Server.AMQPOnly = false
	if p = plan.Diff(want, l, plan.Options{}); !p.Problems.HasErrors() || len(p.Steps) > 0 {
		t.Error(topologytest.Describe(p))
	}
	if p = plan.Destroy(want, l, plan.Options{}); !p.Problems.HasErrors() || len(p.Steps) > 0 {
		t.Error(topologytest.Describe(p))
	}
}

func TestVHostFieldsThatTheFileDoesNotNameAreNoDrift(t *testing.T) {
	live := &topology.VHost{Name: "/", Description: "d", Tags: []string{"b", "a"}, DefaultQueueType: "quorum"}
	bare := &topology.VHost{Name: "bare"}
	empty := &topology.VHost{Name: "bare"}
	empty.Declared.Description, empty.Declared.Tags = true, true
	m := topologytest.BrokerWith()
	m.AddVHost(bare)
	if p := plan.Diff(topologytest.State(empty), m.Live(), plan.Options{}); len(p.Steps) > 0 {
		t.Errorf("empty and absent are the same: %s", topologytest.Describe(p))
	}
	named := &topology.VHost{Name: "/", Tags: []string{"a", "b", "a"}}
	named.Declared.Tags, named.Declared.Description = true, true
	for _, test := range []struct {
		want *topology.VHost
		plan string
	}{
		{&topology.VHost{Name: "/"}, ""},
		{named, "update vhost \"/\" [description: d -> ]\n"},
	} {
		m := topologytest.BrokerWith(live).Owns("t", live)
		if diff := cmp.Diff(test.plan, topologytest.Describe(plan.Diff(topologytest.State(test.want), m.Live(),
			everything))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOwnershipRecordThatCannotBeUsed(t *testing.T) {
	m := topologytest.BrokerWith(topologytest.Queue("q"))
	m.Records["t"] = topology.Ownership{Name: "t", Broken: "a newer msgctl wrote it"}
	if p := plan.Diff(topologytest.State(), m.Live(), everything); !p.Problems.HasErrors() || p.Ownership != nil {
		t.Error(topologytest.Describe(p))
	}
	p := plan.Diff(topologytest.State(topologytest.Queue("new")), m.Live(), plan.Options{})
	if p.Problems.HasErrors() || p.Ownership != nil || len(p.Problems) != 1 {
		t.Error(topologytest.Describe(p))
	}
	nameless := &topology.State{}
	if err := nameless.Add(topologytest.Queue("q"), diag.Position{}); err != nil {
		t.Fatal(err)
	}
	if p := plan.Diff(nameless, m.Live(), plan.Options{}); len(p.Problems)+len(p.Unowned) > 0 {
		t.Error(topologytest.Describe(p))
	}
	if p := plan.Diff(nameless, m.Live(), everything); !strings.Contains(topologytest.Describe(p), "name: orders") {
		t.Error(topologytest.Describe(p))
	}
}

func TestTypeOfAQueueWithoutOne(t *testing.T) {
	v := &topology.VHost{Name: "/"}
	declared := &topology.VHost{Name: "/", DefaultQueueType: topology.Quorum}
	declared.Declared.DefaultQueueType = true
	for _, test := range []struct {
		name                 string
		transient, temporary bool
		vhost                *topology.VHost
		server               topology.Server
		kind                 string
	}{
		{"nothing says", false, false, v, topology.Server{Version: "4.3.6"}, topology.Classic},
		{"the file's vhost", false, false, declared, topology.Server{Version: "4.3.6"}, topology.Quorum},
		{"3.10.8 has it", false, false, declared, topology.Server{Version: "3.10.8"}, topology.Quorum},
		{"3.10.7 knows no such thing", false, false, declared, topology.Server{Version: "3.10.7"}, topology.Classic},
		{"the node", false, false, v, topology.Server{Version: "4.0.5", DefaultQueueType: topology.Stream}, topology.Stream},
		{"transient", true, false, declared, topology.Server{Version: "4.3.6"}, topology.Classic},
		{"auto-delete", false, true, declared, topology.Server{Version: "4.3.6"}, topology.Classic},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := &topology.Queue{VHost: "/", Name: "q", Type: topology.Classic, Durable: !test.transient,
				AutoDelete: test.temporary}
			p := plan.Diff(topologytest.State(q, test.vhost), &topology.Live{Server: test.server}, plan.Options{})
			if made := p.Steps[len(p.Steps)-1].Want.(*topology.Queue); made.Type != test.kind || q.Type != topology.Classic {
				t.Errorf("made a %s queue; the declared one says %s", made.Type, q.Type)
			}
		})
	}
	timed := topologytest.Queue("q", "x-consumer-timeout", 60000)
	timed.TypeDeclared = false
	onStream := topologytest.BrokerWith(typed(topologytest.Queue("q"), topology.Stream)).Live()
	onStream.Server.Version = "4.0.5"
	if p := plan.Diff(topologytest.State(timed), onStream, everything); len(p.Steps) != 1 ||
		p.Steps[0].Action != plan.Replace || p.Problems.HasErrors() {
		t.Errorf("no stream has a consumer timeout, so a stream is not meant: %s", topologytest.Describe(p))
	}
	live := topologytest.BrokerWith(&topology.VHost{Name: "/", DefaultQueueType: topology.Quorum},
		typed(topologytest.Queue("old"), topology.Stream)).Live()
	old, fresh := topologytest.Queue("old"), topologytest.Queue("fresh")
	old.TypeDeclared, fresh.TypeDeclared = false, false
	if p := plan.Diff(topologytest.State(old, fresh), live, everything); len(p.Steps) != 1 ||
		p.Steps[0].Want.(*topology.Queue).Type != topology.Quorum {
		t.Error(topologytest.Describe(p))
	}
}

func TestGuardOfAnExchange(t *testing.T) {
	x, q := topologytest.Exchange("x", "topic"), topologytest.Queue("q")
	for name, test := range map[string]struct {
		bindings []topology.Object
		unused   bool
	}{
		"all bindings are ours":         {nil, true},
		"somebody else has bound to it": {[]topology.Object{topologytest.Bind("x", "q", "theirs")}, false},
	} {
		m := topologytest.BrokerWith(append(test.bindings, x, q, topologytest.Bind("x", "q", "ours"))...).Owns("t", x,
			topologytest.Bind("x", "q", "ours"))
		p := plan.Diff(topologytest.State(), m.Live(), everything)
		if last := p.Steps[len(p.Steps)-1]; last.Ref != x.Ref() || last.Conditions.IfUnused != test.unused {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

func TestRecordOfAVHostThatWasNotReadIsKept(t *testing.T) {
	q := &topology.Queue{VHost: "elsewhere", Name: "q"}
	l := topologytest.BrokerWith().Owns("t", q).Live()
	l.MissingVHosts = nil
	if p := plan.Diff(topologytest.State(), l, everything); len(p.Steps) > 0 || !p.Ownership.Refs[q.Ref()] {
		t.Errorf("%s%v", topologytest.Describe(p), p.Ownership)
	}
	l.MissingVHosts = []string{"elsewhere"}
	if p := plan.Diff(topologytest.State(), l, everything); len(p.Ownership.Refs) > 0 {
		t.Errorf("the vhost is gone, and the record still has %v", p.Ownership.Refs)
	}
}
