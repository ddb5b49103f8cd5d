package topology_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

func TestDiff(t *testing.T) {
	untyped := queue("q")
	untyped.TypeDeclared = false
	quorum := queue("q")
	quorum.Type = topology.Quorum
	policy := func(args ...any) *topology.Policy {
		return &topology.Policy{VHost: "/", Name: "p", Pattern: "^a", ApplyTo: "queues", Definition: table(args)}
	}
	shovel := func(uri string) *topology.Parameter {
		return &topology.Parameter{VHost: "/", Component: "shovel", Name: "s",
			Value: map[string]any{"src-uri": uri, "dest-queue": "q"}}
	}
	q1, q2 := queue("q", "x-message-ttl", 1000), queue("q", "x-message-ttl", 2000)
	tests := []struct {
		name string
		want *topology.State
		have *model
		o    topology.DiffOptions
		plan string
	}{
		{"create", state(queue("q")), broker(), topology.DiffOptions{}, "create queue \"q\" in vhost \"/\"\n"},
		{"equal and ours", state(queue("q")), broker(queue("q")).owns("t", queue("q")), topology.DiffOptions{}, ""},
		{"equal, not ours", state(queue("q")), broker(queue("q")), topology.DiffOptions{},
			"unowned queue \"q\" in vhost \"/\"\n"},
		{"adopt", state(queue("q")), broker(queue("q")), topology.DiffOptions{Adopt: true},
			"adopt queue \"q\" in vhost \"/\"\n"},
		{"equal, another's", state(queue("q")), broker(queue("q")).owns("other", queue("q")), topology.DiffOptions{}, ""},
		{"adopt another's", state(queue("q")), broker(queue("q")).owns("other", queue("q")),
			topology.DiffOptions{Adopt: true},
			"warning: t.yaml:1:1: queue \"q\" in vhost \"/\": not adopted: it belongs to topology \"other\"\n"},
		{"different, another's", state(policy("max-length", 1)), broker(policy("max-length", 2)).owns("other", policy()),
			topology.DiffOptions{},
			"update policy \"p\" in vhost \"/\" [definition.max-length: 2 -> 1] BLOCKED it belongs to topology \"other\": " +
				"change it in that file, or declare it here as it is there\n"},
		{"integers by value, floats apart", state(queue("q", "x-message-ttl", 1000)),
			broker(queue("q", "x-message-ttl", 1000.0)), topology.DiffOptions{ReplaceEmpty: true},
			"replace queue \"q\" in vhost \"/\" [messageTTL: 1000 -> 1000]\n"},
		{"a default is not absence", state(queue("q", "x-overflow", "drop-head")), broker(queue("q")),
			topology.DiffOptions{ReplaceEmpty: true},
			"replace queue \"q\" in vhost \"/\" [overflow: <nil> -> drop-head]\n"},
		{"replace not allowed", state(q2), broker(q1), topology.DiffOptions{},
			"replace queue \"q\" in vhost \"/\" [messageTTL: 1000 -> 2000] BLOCKED allow it with --replace=empty, which " +
				"deletes a queue only while it is unused and empty\n"},
		{"type of the vhost", state(untyped), broker(quorum), topology.DiffOptions{}, "unowned queue \"q\" in vhost \"/\"\n"},
		{"type differs", state(queue("q")), broker(quorum), topology.DiffOptions{ReplaceEmpty: true},
			"replace queue \"q\" in vhost \"/\" [type: quorum -> classic]\n"},
		{"ignored argument differs", state(queue("q", "x-foo", 1)), broker(queue("q", "x-foo", 2)), topology.DiffOptions{},
			"unowned queue \"q\" in vhost \"/\"\nwarning: t.yaml:1:1: queue \"q\" in vhost \"/\": RabbitMQ knows no argument " +
				"\"x-foo\"; the broker accepts it and ignores it, unless a plugin reads it\n"},
		{"policy updated in place", state(policy("max-length", 1, "expires", 5)),
			broker(policy("max-length", 1, "overflow", "drop-head")), topology.DiffOptions{},
			"update policy \"p\" in vhost \"/\" [definition.expires: <nil> -> 5] [definition.overflow: drop-head -> <nil>]\n"},
		{"credentials differ unseen", state(shovel("amqp://u:old@h")), broker(shovel("amqp://u:new@h")),
			topology.DiffOptions{},
			"update shovel \"s\" in vhost \"/\" [value.src-uri: amqp://u:********@h -> amqp://u:********@h]\n"},
		{"undeclared", state(), broker(queue("q")).owns("t", queue("q")), topology.DiffOptions{},
			"undeclared queue \"q\" in vhost \"/\"\n"},
		{"pruned", state(), broker(queue("q")).owns("t", queue("q")), everything, "delete queue \"q\" in vhost \"/\"\n"},
		{"never prune what is not ours", state(), broker(queue("q")), everything, ""},
		{"never prune another's", state(), broker(queue("q")).owns("t", queue("q")).owns("other", queue("q")), everything,
			""},
		{"pruned binding goes with its queue", state(), broker(queue("q"), bind("amq.topic", "q", "k")).owns("t", queue("q"),
			bind("amq.topic", "q", "k")), everything, "delete queue \"q\" in vhost \"/\"\n"},
		{"deletions last and in reverse", state(queue("new")),
			broker(exchange("x", "topic"), queue("q"), bind("x", "new", "k")).owns("t", exchange("x", "topic"), queue("q"),
				bind("x", "new", "k")), everything,
			"create queue \"new\" in vhost \"/\"\ndelete binding \"x\" -> queue \"new\", key \"k\" in vhost \"/\"\ndelete " +
				"queue \"q\" in vhost \"/\"\ndelete exchange \"x\" in vhost \"/\"\n"},
		{"bindings of a replaced queue are made again", state(q2, bind("amq.topic", "q", "k")),
			broker(q1, bind("amq.topic", "q", "k")).owns("t", q1, bind("amq.topic", "q", "k")), everything,
			"replace queue \"q\" in vhost \"/\" [messageTTL: 1000 -> 2000]\ncreate binding \"amq.topic\" -> queue \"q\", key " +
				"\"k\" in vhost \"/\"\n"},
		{"predeclared exchange", state(exchange("amq.topic", "topic")), broker(), topology.DiffOptions{}, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := topology.Diff(test.want, test.have.live(), test.o)
			if diff := cmp.Diff(test.plan, describe(p)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestReplaceNeedsAnUnusedEmptyQueue(t *testing.T) {
	q1, q2 := queue("q", "x-message-ttl", 1000), queue("q", "x-message-ttl", 2000)
	stream := queue("q", "x-max-age", "1h")
	stream.Type = topology.Stream
	for _, test := range []struct {
		name    string
		have    *topology.Queue
		status  topology.QueueStatus
		blocked string
	}{
		{"empty", q1, topology.QueueStatus{Known: true}, ""},
		{"a second old", q1, topology.QueueStatus{}, ""},
		{"messages", q1, topology.QueueStatus{Known: true, Messages: 3}, "it holds 3 messages"},
		{"consumers", q1, topology.QueueStatus{Known: true, Consumers: 1}, "it holds 1 consumer"},
		{"a stream without counts", stream, topology.QueueStatus{}, "no message count for this stream"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := broker(test.have)
			m.status[q1.Ref()] = test.status
			p := topology.Diff(state(q2), m.live(), everything)
			if len(p.Steps) != 1 || p.Steps[0].Action != topology.Replace || test.blocked == "" != (p.Steps[0].Blocked == "") ||
				!strings.Contains(p.Steps[0].Blocked, test.blocked) {
				t.Error(describe(p))
			}
			if g := p.Steps[0].Guard; !g.IfEmpty || !g.IfUnused {
				t.Errorf("guard %+v lets messages be lost", g)
			}
		})
	}
}

func TestMessageLossIsBoundedInAll(t *testing.T) {
	a, b, c := queue("a"), queue("b"), queue("c")
	m := broker(a, b, c).owns("t", a, b, c)
	m.status[a.Ref()] = topology.QueueStatus{Messages: 10, Known: true}
	m.status[b.Ref()] = topology.QueueStatus{Messages: 5, Consumers: 1, Known: true}
	m.status[c.Ref()] = topology.QueueStatus{Consumers: 2, Known: true}
	for _, test := range []struct {
		max     int64
		blocked map[string]string
	}{
		{0, map[string]string{
			"a": "it holds 10 messages, and this plan would lose 15 in all: allow it with --max-message-loss 15",
			"b": "it holds 5 messages and 1 consumer, and this plan would lose 15 in all: allow it with --max-message-loss 15",
			"c": "it has 2 consumers: stop them, or allow it with --max-message-loss 1",
		}},
		{14, map[string]string{
			"a": "it holds 10 messages, and this plan would lose 15 in all: allow it with --max-message-loss 15",
			"b": "it holds 5 messages and 1 consumer, and this plan would lose 15 in all: allow it with --max-message-loss 15",
		}},
		{15, nil}, {100, nil},
	} {
		p := topology.Diff(state(), m.live(), topology.DiffOptions{Prune: true, MaxMessageLoss: test.max})
		var sum int64
		got := map[string]string{}
		for _, s := range p.Steps {
			if s.Blocked != "" {
				got[s.Ref.Name] = s.Blocked
			}
			sum += s.Guard.MaxMessages
			if test.max == 0 != s.Guard.IfEmpty {
				t.Errorf("max %d: guard %+v", test.max, s.Guard)
			}
		}
		if diff := cmp.Diff(test.blocked, got); diff != "" && len(test.blocked)+len(got) > 0 {
			t.Errorf("max %d: %s", test.max, diff)
		}
		if len(test.blocked) == 0 && sum > test.max {
			t.Errorf("max %d: the guards allow %d", test.max, sum)
		}
	}
}

func TestDeletionOfAVHostCountsEveryQueueInIt(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	m := broker()
	m.addVHost(v)
	foreign := &topology.Queue{VHost: "v", Name: "foreign", Type: topology.Classic, Durable: true}
	mine := &topology.Queue{VHost: "v", Name: "mine", Type: topology.Classic, Durable: true}
	m.objects[foreign.Ref()], m.objects[mine.Ref()] = foreign, mine
	m.status[foreign.Ref()] = topology.QueueStatus{Messages: 7, Known: true}
	for name, p := range map[string]*topology.Plan{
		"destroy": topology.DiffDestroy(state(v, mine), m.live(), topology.DiffOptions{}),
		"prune":   topology.Diff(state(), m.owns("t", v, mine).live(), everything),
	} {
		if len(p.Steps) != 1 || p.Steps[0].Risk.Messages != 7 ||
			!strings.Contains(p.Steps[0].Blocked, "--max-message-loss 7") ||
			!strings.Contains(p.Steps[0].Why, "2 queues in it go too, 1 of them not this topology's") {
			t.Errorf("%s: %s%+v", name, describe(p), p.Steps)
		}
	}
	if p := topology.Diff(state(mine), m.live(), everything); len(p.Steps) > 0 {
		t.Errorf("the vhost is still in use: %s", describe(p))
	}
}

func TestReplacementSaysWhichBindingsAreLost(t *testing.T) {
	m := broker(exchange("x", "topic"), queue("q"), bind("x", "q", "theirs"), bind("x", "q", "ours"))
	p := topology.Diff(state(exchange("x", "fanout"), bind("x", "q", "ours")), m.live(), everything)
	if len(p.Steps) != 2 || !strings.Contains(p.Steps[0].Why,
		`it takes 1 binding with it that this file does not declare: binding "x" -> queue "q", key "theirs"`) {
		t.Errorf("%s%+v", describe(p), p.Steps)
	}
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
			p := topology.Diff(state(&topology.User{Name: "u", Password: password}), broker(live).live(), topology.DiffOptions{})
			if len(p.Steps) != steps {
				t.Errorf("%s, password %q: %s", algorithm, string(password), describe(p))
			}
			text, err := json.Marshal(p.Steps)
			if shown := describe(p) + string(text) + fmt.Sprintf("%v %+v %s", p, p.Steps, p.Problems); err != nil ||
				strings.Contains(shown, "s3cret") || strings.Contains(shown, string(hash)) {
				t.Errorf("the plan shows a password: %s", shown)
			}
		}
		same := &topology.User{Name: "u", PasswordHash: hash}
		if p := topology.Diff(state(same), broker(live).live(), topology.DiffOptions{}); len(p.Steps) > 0 {
			t.Errorf("%s, same hash: %s", algorithm, describe(p))
		}
	}
	if p := topology.Diff(state(&topology.User{Name: "u"}), broker(&topology.User{Name: "u", PasswordHash: "x"}).live(),
		topology.DiffOptions{}); len(p.Steps) != 1 {
		t.Errorf("a user without a password: %s", describe(p))
	}
}

func TestSameAs(t *testing.T) {
	q := queue("q")
	plan := func(m *model, o topology.DiffOptions) *topology.Plan {
		return topology.Diff(state(q, bind("amq.topic", "q", "k")), m.live(), o)
	}
	first := plan(broker(), everything)
	if err := first.SameAs(plan(broker(), everything)); err != nil {
		t.Errorf("nothing moved: %v", err)
	}
	for name, m := range map[string]*model{
		"one exists now":   broker(q),
		"one differs now":  broker(queue("q", "x-max-length", 1)),
		"somebody applied": broker().owns("t", exchange("x", "topic")),
	} {
		if err := first.SameAs(plan(m, everything)); !errors.Is(err, topology.ErrMoved) || len(err.Error()) < 60 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := first.SameAs(plan(broker(queue("q", "x-max-length", 1)), everything)); err == nil ||
		!strings.Contains(err.Error(), "was to create, now to replace") {
		t.Errorf("another action: %v", err)
	}
	pruned := func(q *topology.Queue) *topology.Plan {
		return topology.Diff(state(), broker(q).owns("t", q).live(), everything)
	}
	if err := pruned(q).SameAs(pruned(queue("q", "x-max-length", 1))); !errors.Is(err, topology.ErrMoved) {
		t.Errorf("what is to be deleted is another now: %v", err)
	}
	full := broker(q).owns("t", q)
	full.status[q.Ref()] = topology.QueueStatus{Messages: 1, Known: true}
	prune := func(m *model) *topology.Plan {
		return topology.Diff(state(), m.live(), topology.DiffOptions{Prune: true, MaxMessageLoss: 9})
	}
	if err := prune(broker(q).owns("t", q)).SameAs(prune(full)); err != nil {
		t.Errorf("counts do not matter: %v", err)
	}
}

func TestMissingVHostIsSaidOnce(t *testing.T) {
	l := &topology.Live{MissingVHosts: []string{"/"}}
	p := topology.Diff(state(queue("a"), queue("b"), bind("nowhere", "a", "k")), l, topology.DiffOptions{})
	if len(p.Problems) != 1 || p.Problems[0].Position.Line != 1 ||
		!strings.Contains(p.Problems[0].Fix, `vhosts: {"/": {}}`) {
		t.Error(describe(p))
	}
	v := &topology.VHost{Name: "/"}
	p = topology.Diff(state(v, queue("a"), exchange("amq.topic", "topic"), bind("amq.fanout", "a", "")), l,
		topology.DiffOptions{})
	if len(p.Problems) != 0 || p.Count(topology.Create) != 3 {
		t.Error(describe(p))
	}
}

func TestWithoutTheManagementAPI(t *testing.T) {
	l := &topology.Live{Server: topology.Server{Version: "4.0.5", AMQPOnly: true}, Unreadable: map[topology.Kind]string{}}
	for _, k := range topology.Kinds() {
		l.Unreadable[k] = "no management API"
	}
	want := state(queue("q"), exchange("amq.topic", "topic"), bind("amq.topic", "q", "k"), &topology.User{Name: "u"})
	p := topology.Diff(want, l, topology.DiffOptions{})
	if p.Count(topology.Create) != 2 || p.Problems.HasErrors() ||
		!strings.Contains(describe(p), "1 user left alone: no management API") || p.Ownership != nil {
		t.Error(describe(p))
	}
	l.Server.AMQPOnly = false
	if p = topology.Diff(want, l, topology.DiffOptions{}); !p.Problems.HasErrors() || len(p.Steps) > 0 {
		t.Error(describe(p))
	}
	if p = topology.DiffDestroy(want, l, topology.DiffOptions{}); !p.Problems.HasErrors() || len(p.Steps) > 0 {
		t.Error(describe(p))
	}
}

func TestVHostFieldsThatTheFileDoesNotNameAreNoDrift(t *testing.T) {
	live := &topology.VHost{Name: "/", Description: "d", Tags: []string{"b", "a"}, DefaultQueueType: "quorum"}
	bare := &topology.VHost{Name: "bare"}
	empty := &topology.VHost{Name: "bare"}
	empty.Declared.Description, empty.Declared.Tags = true, true
	m := broker()
	m.addVHost(bare)
	if p := topology.Diff(state(empty), m.live(), topology.DiffOptions{}); len(p.Steps) > 0 {
		t.Errorf("empty and absent are the same: %s", describe(p))
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
		m := broker(live).owns("t", live)
		if diff := cmp.Diff(test.plan, describe(topology.Diff(state(test.want), m.live(), everything))); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOwnershipRecordThatCannotBeUsed(t *testing.T) {
	m := broker(queue("q"))
	m.records["t"] = topology.Ownership{Name: "t", Broken: "a newer msgctl wrote it"}
	if p := topology.Diff(state(), m.live(), everything); !p.Problems.HasErrors() || p.Ownership != nil {
		t.Error(describe(p))
	}
	p := topology.Diff(state(queue("new")), m.live(), topology.DiffOptions{})
	if p.Problems.HasErrors() || p.Ownership != nil || len(p.Problems) != 1 {
		t.Error(describe(p))
	}
	nameless := &topology.State{}
	if err := nameless.Add(queue("q"), diag.Position{}); err != nil {
		t.Fatal(err)
	}
	if p := topology.Diff(nameless, m.live(), topology.DiffOptions{}); len(p.Problems)+len(p.Unowned) > 0 {
		t.Error(describe(p))
	}
	if p := topology.Diff(nameless, m.live(), everything); !strings.Contains(describe(p), "name: orders") {
		t.Error(describe(p))
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
		{"3.10 knows no such thing", false, false, declared, topology.Server{Version: "3.10.8"}, topology.Classic},
		{"the node", false, false, v, topology.Server{Version: "4.0.5", DefaultQueueType: topology.Stream}, topology.Stream},
		{"transient", true, false, declared, topology.Server{Version: "4.3.6"}, topology.Classic},
		{"auto-delete", false, true, declared, topology.Server{Version: "4.3.6"}, topology.Classic},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := &topology.Queue{VHost: "/", Name: "q", Type: topology.Classic, Durable: !test.transient,
				AutoDelete: test.temporary}
			p := topology.Diff(state(q, test.vhost), &topology.Live{Server: test.server}, topology.DiffOptions{})
			if made := p.Steps[len(p.Steps)-1].Want.(*topology.Queue); made.Type != test.kind || q.Type != topology.Classic {
				t.Errorf("made a %s queue; the declared one says %s", made.Type, q.Type)
			}
		})
	}
	timed := queue("q", "x-consumer-timeout", 60000)
	timed.TypeDeclared = false
	onStream := broker(typed(queue("q"), topology.Stream)).live()
	onStream.Server.Version = "4.0.5"
	if p := topology.Diff(state(timed), onStream, everything); len(p.Steps) != 1 ||
		p.Steps[0].Action != topology.Replace || p.Problems.HasErrors() {
		t.Errorf("no stream has a consumer timeout, so a stream is not meant: %s", describe(p))
	}
	live := broker(&topology.VHost{Name: "/", DefaultQueueType: topology.Quorum},
		typed(queue("old"), topology.Stream)).live()
	old, fresh := queue("old"), queue("fresh")
	old.TypeDeclared, fresh.TypeDeclared = false, false
	if p := topology.Diff(state(old, fresh), live, everything); len(p.Steps) != 1 ||
		p.Steps[0].Want.(*topology.Queue).Type != topology.Quorum {
		t.Error(describe(p))
	}
}

func TestGuardOfAnExchange(t *testing.T) {
	x, q := exchange("x", "topic"), queue("q")
	for name, test := range map[string]struct {
		bindings []topology.Object
		unused   bool
	}{
		"all bindings are ours":         {nil, true},
		"somebody else has bound to it": {[]topology.Object{bind("x", "q", "theirs")}, false},
	} {
		m := broker(append(test.bindings, x, q, bind("x", "q", "ours"))...).owns("t", x, bind("x", "q", "ours"))
		p := topology.Diff(state(), m.live(), everything)
		if last := p.Steps[len(p.Steps)-1]; last.Ref != x.Ref() || last.Guard.IfUnused != test.unused {
			t.Errorf("%s: %+v", name, last)
		}
	}
}

func TestRecordOfAVHostThatWasNotReadIsKept(t *testing.T) {
	q := &topology.Queue{VHost: "elsewhere", Name: "q"}
	l := broker().owns("t", q).live()
	l.MissingVHosts = nil
	if p := topology.Diff(state(), l, everything); len(p.Steps) > 0 || !p.Ownership.Refs[q.Ref()] {
		t.Errorf("%s%v", describe(p), p.Ownership)
	}
	l.MissingVHosts = []string{"elsewhere"}
	if p := topology.Diff(state(), l, everything); len(p.Ownership.Refs) > 0 {
		t.Errorf("the vhost is gone, and the record still has %v", p.Ownership.Refs)
	}
}
