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

// bothWays plans the deletion of everything that the record of t names: by destroy, with a file
// that declares all of it, and by prune, with one that declares nothing.
func bothWays(m *topologytest.Broker, declared ...topology.Object) map[string]*plan.Plan {
	return map[string]*plan.Plan{
		"destroy": plan.Destroy(topologytest.State(declared...), m.Live(), plan.Options{}),
		"prune":   plan.Diff(topologytest.State(), m.Live(), everything),
	}
}

func TestVHostsThatHoldWhatIsOthers(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	mine := &topology.Queue{VHost: "v", Name: "mine", Type: topology.Classic, Durable: true}
	for name, foreign := range map[string]topology.Object{
		"queue":            &topology.Queue{VHost: "v", Name: "theirs", Type: topology.Classic, Durable: true},
		"exchange":         &topology.Exchange{VHost: "v", Name: "theirs", Type: "topic", Durable: true},
		"policy":           &topology.Policy{VHost: "v", Name: "theirs", Pattern: ".*"},
		"operator policy":  &topology.Policy{VHost: "v", Name: "theirs", Pattern: ".*", Operator: true},
		"permission":       &topology.Permission{VHost: "v", User: "theirs"},
		"topic permission": &topology.TopicPermission{VHost: "v", User: "theirs", Exchange: "amq.topic"},
		"limit":            &topology.VHostLimit{VHost: "v", Name: "max-queues", Value: 1},
		"parameter":        &topology.Parameter{VHost: "v", Component: "shovel", Name: "theirs"},
	} {
		for owner, owned := range map[string]bool{"nobody": false, "other": true} {
			m := topologytest.BrokerWith()
			m.AddVHost(v)
			m.Objects[mine.Ref()], m.Objects[foreign.Ref()] = mine, foreign
			m.Status[mine.Ref()] = topology.QueueStatus{Known: true}
			if q := foreign.Ref(); q.Kind == topology.KindQueue {
				m.Status[q] = topology.QueueStatus{Known: true}
			}
			m.Owns("t", v, mine)
			if owned {
				m.Owns("other", foreign)
			}
			for how, p := range bothWays(m, v, mine) {
				blocked := p.Blocked()
				if len(blocked) != 1 || blocked[0].Ref != v.Ref() ||
					!strings.Contains(blocked[0].Blocked, foreign.Ref().String()) ||
					owned != strings.Contains(blocked[0].Blocked, `of topology "other"`) {
					t.Errorf("%s of %s, %s: %s", name, owner, how, topologytest.Describe(p))
				}
			}
		}
	}
}

// TestDestroyKeepsToTheRecord checks that destroy deletes of what the files declare only what the
// record of the topology names, if there is one, be it alone or with its vhost.
func TestDestroyKeepsToTheRecord(t *testing.T) {
	mine, theirs := topologytest.Queue("mine"), topologytest.Queue("theirs")
	exchange := topologytest.Exchange("theirs", "topic")
	binding := topologytest.Bind("theirs", "mine", "#")
	m := topologytest.BrokerWith(mine, theirs, exchange, binding)
	want := topologytest.State(mine, theirs, exchange)
	if p := plan.Destroy(want, m.Live(), plan.Options{}); len(p.Blocked()) > 0 || len(p.Foreign) != 3 {
		t.Errorf("without a record: %s", topologytest.Describe(p))
	}
	m.Owns("t", mine)
	p := plan.Destroy(want, m.Live(), plan.Options{MaxMessageLoss: 1000})
	if len(p.Steps) != 3 || len(p.Blocked()) != 2 || p.Refusal() == nil {
		t.Fatalf("with a record: %s", topologytest.Describe(p))
	}
	for _, s := range p.Blocked() {
		if s.Ref.Name != "theirs" || s.Remedy.Kind != plan.AllowAdopt || !strings.Contains(s.Blocked, "somebody else") {
			t.Errorf("%+v", s)
		}
	}
	m.Owns("t", mine, theirs, exchange)
	if p := plan.Destroy(want, m.Live(), plan.Options{}); len(p.Blocked()) > 0 || len(p.Foreign) > 0 {
		t.Errorf("adopted: %s", topologytest.Describe(p))
	}

	v := &topology.VHost{Name: "v"}
	in := &topology.Queue{VHost: "v", Name: "theirs", Type: topology.Classic, Durable: true}
	m = topologytest.BrokerWith()
	m.AddVHost(v)
	m.Objects[in.Ref()], m.Status[in.Ref()] = in, topology.QueueStatus{Known: true}
	m.Owns("t", v)
	p = plan.Destroy(topologytest.State(v, in), m.Live(), plan.Options{})
	if len(p.Blocked()) != 1 || !strings.Contains(p.Blocked()[0].Blocked, in.Ref().String()) {
		t.Errorf("with its vhost: %s", topologytest.Describe(p))
	}
}

func TestVHostsThatAreOurs(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	mine := &topology.Queue{VHost: "v", Name: "mine", Type: topology.Classic, Durable: true}
	m := topologytest.BrokerWith()
	m.AddVHost(v)
	m.Objects[mine.Ref()] = mine
	m.Status[mine.Ref()] = topology.QueueStatus{Known: true}
	m.Objects[topology.Ref{Kind: topology.KindPermission, VHost: "v", Name: "me"}] = &topology.Permission{VHost: "v",
		User: "me"}
	if p := plan.Destroy(topologytest.State(v, mine), m.Live(), plan.Options{}); len(p.Blocked()) != 1 ||
		!strings.Contains(p.Blocked()[0].Blocked, "this topology did not create it") {
		t.Errorf("without a record: %s", topologytest.Describe(p))
	}
	m.Owns("t", v, mine)
	live := m.Live()
	live.Server.User = "me" // the broker gave the creator its rights
	for how, p := range map[string]*plan.Plan{
		"destroy": plan.Destroy(topologytest.State(v, mine), live, plan.Options{}),
		"prune":   plan.Diff(topologytest.State(), live, everything),
	} {
		if len(p.Blocked()) > 0 || len(p.Steps) != 1 {
			t.Errorf("%s: %s", how, topologytest.Describe(p))
		}
	}
	live.Unreadable = map[topology.Kind]string{topology.KindPermission: "user \"me\" lacks the tag administrator"}
	if p := plan.Destroy(topologytest.State(v, mine), live, plan.Options{}); len(p.Blocked()) != 1 ||
		!strings.Contains(p.Blocked()[0].Blocked, "lacks the tag administrator") {
		t.Errorf("what cannot be read counts as nothing: %s", topologytest.Describe(p))
	}
}

// Nobody is told to lift the protection of a vhost that is not theirs.
func TestProtectionIsNamedLast(t *testing.T) {
	v := &topology.VHost{Name: "v", ProtectedFromDeletion: true}
	theirs := &topology.Queue{VHost: "v", Name: "theirs", Type: topology.Classic, Durable: true}
	m := topologytest.BrokerWith()
	m.AddVHost(v)
	m.Objects[theirs.Ref()], m.Status[theirs.Ref()] = theirs, topology.QueueStatus{Known: true}
	blocked := func(want string) {
		t.Helper()
		p := plan.Destroy(topologytest.State(v), m.Live(), plan.Options{})
		if len(p.Blocked()) != 1 || !strings.Contains(p.Blocked()[0].Blocked, want) {
			t.Errorf("want %q: %s", want, topologytest.Describe(p))
		}
	}
	blocked("this topology did not create it")
	m.Owns("t", v)
	blocked("it holds what is not this topology's")
	delete(m.Objects, theirs.Ref())
	blocked("it is protected from deletion")
}

func TestUsersThatOthersNeed(t *testing.T) {
	u := &topology.User{Name: "u", PasswordHash: "x"}
	here := &topology.Permission{VHost: "/", User: "u"}
	for name, test := range map[string]struct {
		change func(*topologytest.Broker, *topology.Live)
		kept   string // "" when it goes
	}{
		"ours": {func(*topologytest.Broker, *topology.Live) {}, ""},
		"permissions elsewhere": {func(_ *topologytest.Broker,
			l *topology.Live) {
			l.Access = map[string][]string{"u": {"/", "prod"}}
		},
			`it has permissions in vhost "prod"`},
		"no record": {func(m *topologytest.Broker, l *topology.Live) { l.Ownership = nil },
			"this topology did not create it"},
		"permissions cannot be read": {func(_ *topologytest.Broker, l *topology.Live) {
			l.Unreadable = map[topology.Kind]string{topology.KindTopicPermission: "no tag"}
		}, "is not known: no tag"},
		"a permission by hand": {func(_ *topologytest.Broker, l *topology.Live) {
			_ = l.Add(&topology.TopicPermission{VHost: "/", User: "u", Exchange: "amq.topic"}, diag.Position{})
		}, `it has a topic permission in vhost "/" that this topology did not give it`},
		"another topology's permission": {func(_ *topologytest.Broker, l *topology.Live) {
			l.Ownership["other"] = topology.Ownership{Name: "other", Refs: map[topology.Ref]bool{here.Ref(): true}}
		}, `topology "other" gives it permissions in vhost "/"`},
	} {
		m := topologytest.BrokerWith(u, here).Owns("t", u, here)
		live := m.Live()
		live.Access = map[string][]string{"u": {"/"}}
		test.change(m, live)
		plans := map[string]*plan.Plan{"destroy": plan.Destroy(topologytest.State(u, here), live, plan.Options{})}
		if name != "no record" && name != "permissions cannot be read" {
			plans["prune"] = plan.Diff(topologytest.State(), live, everything)
		}
		for how, p := range plans {
			goes, said := false, false
			for _, s := range p.Steps {
				goes = goes || s.Ref == u.Ref()
			}
			for _, d := range p.Problems {
				said = said || strings.Contains(d.Message, "kept: ") && strings.Contains(d.Message, test.kept)
			}
			if goes != (test.kept == "") || said != (test.kept != "") && test.kept != "" {
				t.Errorf("%s, %s: %s", name, how, topologytest.Describe(p))
			}
			if !goes && name != "no record" && !p.Ownership.Refs[u.Ref()] {
				t.Errorf("%s, %s: the record forgets the user that stays", name, how)
			}
		}
	}
}

func TestTheLastAdministrator(t *testing.T) {
	boss := &topology.User{Name: "boss", Tags: []string{"administrator"}}
	second := &topology.User{Name: "second", Tags: []string{"administrator"}}
	m := topologytest.BrokerWith(boss, second).Owns("t", boss)
	live := m.Live()
	live.Server.User = "someone of LDAP"
	if p := plan.Destroy(topologytest.State(boss), live, plan.Options{}); len(p.Blocked()) > 0 || len(p.Steps) != 1 {
		t.Errorf("one of two: %s", topologytest.Describe(p))
	}
	if p := plan.Destroy(topologytest.State(boss, second), m.Owns("t", boss, second).Live(),
		plan.Options{}); len(p.Blocked()) != 2 {
		t.Errorf("both: %s", topologytest.Describe(p))
	}
	live = topologytest.BrokerWith(boss).Owns("t", boss).Live()
	live.Server.User = "someone of LDAP"
	if p := plan.Diff(topologytest.State(&topology.User{Name: "boss"}), live, plan.Options{}); len(p.Blocked()) != 1 ||
		!strings.Contains(p.Blocked()[0].Blocked, "the last administrator") {
		t.Errorf("its tag: %s", topologytest.Describe(p))
	}
}

func TestBindingsThatOtherTopologiesHave(t *testing.T) {
	q, x := topologytest.Queue("q"), topologytest.Exchange("x", "topic")
	for name, mine := range map[string]topology.Object{"queue": q, "exchange": x} {
		theirs := topologytest.Bind("x", "q", "k")
		m := topologytest.BrokerWith(q, x, theirs).Owns("t", mine).Owns("other", theirs)
		for how, p := range bothWays(m, mine) {
			if blocked := p.Blocked(); len(blocked) != 1 || !strings.Contains(blocked[0].Blocked, `of topology "other"`) {
				t.Errorf("%s, %s: %s", name, how, topologytest.Describe(p))
			}
		}
	}
}

// TestBindingsThatNoRecordHas: what somebody bound by hand does not go along, but with both its ends,
// or with a queue that goes with its connection anyway.
func TestBindingsThatNoRecordHas(t *testing.T) {
	q, x, theirs := topologytest.Queue("q"), topologytest.Exchange("x", "topic"), topologytest.Queue("theirs")
	private := topologytest.Queue("amq.gen-x")
	private.Exclusive, private.Durable = true, false
	upstream := topologytest.Bind("amq.topic", "x", "k")
	upstream.DestinationType = topology.ToExchange
	for name, test := range map[string]struct {
		binding *topology.Binding
		blocked string // the queue or exchange that stays
	}{
		"our queue, their exchange":   {topologytest.Bind("amq.topic", "q", "k"), "q"},
		"their queue, our exchange":   {topologytest.Bind("x", "theirs", "k"), "x"},
		"from their exchange to ours": {upstream, "x"},
		"between ours":                {topologytest.Bind("x", "q", "k"), ""},
		"an exclusive queue":          {topologytest.Bind("x", "amq.gen-x", "k"), ""},
		"between theirs":              {topologytest.Bind("amq.topic", "theirs", "k"), ""},
	} {
		b := test.binding
		m := topologytest.BrokerWith(q, x, theirs, private, b).Owns("t", q, x)
		for how, p := range bothWays(m, q, x) {
			blocked := p.Blocked()
			if (len(blocked) > 0) != (test.blocked != "") {
				t.Errorf("%s, %s: %s", name, how, topologytest.Describe(p))
			}
			for _, s := range blocked {
				if s.Ref.Name != test.blocked || s.Remedy.Kind != plan.AllowAdoptBindings ||
					!strings.Contains(s.Blocked, b.Ref().String()) {
					t.Errorf("%s, %s: %+v", name, how, s)
				}
			}
		}
		declared := plan.Destroy(topologytest.State(q, x, b), m.Live(), plan.Options{})
		if blocked := len(declared.Blocked()); test.blocked != "" && blocked != 1 {
			t.Errorf("%s, declared, and in no record: %s", name, topologytest.Describe(declared))
		}
		m.Owns("t", q, x, b)
		for how, p := range bothWays(m, q, x) {
			if len(p.Blocked()) > 0 {
				t.Errorf("%s, adopted, %s: %s", name, how, topologytest.Describe(p))
			}
		}
		m.Records = nil
		if p := plan.Destroy(topologytest.State(q, x), m.Live(), plan.Options{}); len(p.Blocked()) > 0 {
			t.Errorf("%s, without a record: %s", name, topologytest.Describe(p))
		}
	}
}

func TestPermissionsOfTheLogin(t *testing.T) {
	mine := &topology.Permission{VHost: "/", User: "me", Configure: ".*"}
	live := topologytest.BrokerWith(mine).Owns("t", mine).Live()
	live.Server.User = "me"
	for how, p := range map[string]*plan.Plan{
		"destroy": plan.Destroy(topologytest.State(mine), live, plan.Options{}),
		"prune":   plan.Diff(topologytest.State(), live, everything),
	} {
		if len(p.Steps) > 0 || !strings.Contains(p.Problems.Error(), "kept: it is of the login in use") ||
			!p.Ownership.Refs[mine.Ref()] {
			t.Errorf("%s: %s", how, topologytest.Describe(p))
		}
	}
	for _, less := range []topology.Object{&topology.Permission{VHost: "/", User: "me"},
		&topology.UserLimit{User: "me", Name: "max-connections"}} {
		if p := plan.Diff(topologytest.State(less), live, plan.Options{}); len(p.Blocked()) != 1 {
			t.Errorf("it locks itself out: %s", topologytest.Describe(p))
		}
	}
	other := &topology.UserLimit{User: "other", Name: "max-connections"}
	if p := plan.Diff(topologytest.State(other), live, plan.Options{}); len(p.Blocked()) != 0 {
		t.Errorf("a limit of another user: %s", topologytest.Describe(p))
	}
}

// TestMigrations: what would get in the way of an unfinished migration is blocked, whichever way it
// is planned; the rest is not.
func TestMigrations(t *testing.T) {
	q, other, x := topologytest.Queue("q"), topologytest.Queue("other"), topologytest.Exchange("x", "topic")
	toQ, toOther := topologytest.Bind("x", "q", "k"), topologytest.Bind("x", "other", "k")
	longer, fanout := topologytest.Queue("q"), topologytest.Exchange("x", "topic")
	longer.Arguments, fanout.Type = topology.Arguments{"x-max-length": int64(9)}, "fanout"
	policy := func(pattern, key string) *topology.Policy {
		return &topology.Policy{VHost: "/", Name: "p", Pattern: pattern, ApplyTo: "queues",
			Definition: topology.Arguments{key: int64(9)}}
	}
	added, drops := topologytest.Bind("x", "q", "z"), policy("^msg", "message-ttl")
	live := topologytest.BrokerWith(q, other, x, toQ, toOther).Owns("t", q, other, x, toQ, toOther).Live()
	for name, test := range map[string]struct {
		want    []topology.Object
		blocked []topology.Ref
		known   bool // it is blocked only because the record cannot be read
	}{
		"as it is":           {want: []topology.Object{q, other, x, toQ, toOther}},
		"queue changed":      {[]topology.Object{longer, other, x, toOther, toQ}, []topology.Ref{q.Ref(), toQ.Ref()}, false},
		"queue pruned":       {[]topology.Object{other, x, toOther}, []topology.Ref{q.Ref()}, false},
		"binding pruned":     {[]topology.Object{q, other, x, toOther}, []topology.Ref{toQ.Ref()}, false},
		"binding added":      {[]topology.Object{q, other, x, toQ, toOther, added}, []topology.Ref{added.Ref()}, false},
		"exchange replaced":  {[]topology.Object{q, other, fanout, toQ, toOther}, []topology.Ref{x.Ref(), toQ.Ref()}, false},
		"other pruned":       {[]topology.Object{q, x, toQ}, []topology.Ref{other.Ref()}, true},
		"messages dropped":   {[]topology.Object{q, other, x, toQ, toOther, drops}, []topology.Ref{drops.Ref()}, false},
		"policy of others":   {want: []topology.Object{q, other, x, toQ, toOther, policy("^none", "message-ttl")}},
		"policy of overflow": {want: []topology.Object{q, other, x, toQ, toOther, policy("", "queue-master-locator")}},
	} {
		for _, unread := range []bool{false, true} {
			live.Migrations = []topology.Migration{{ID: "id", VHost: "/", From: "q", To: "q"}}
			if unread {
				live.Migrations = []topology.Migration{{ID: "id", VHost: "/", Unread: "no tag"}}
			}
			p := plan.Diff(topologytest.State(test.want...), live, everything)
			var blocked []topology.Ref
			for _, s := range p.Blocked() {
				if strings.Contains(s.Blocked, "queue jobs resume id") {
					blocked = append(blocked, s.Ref)
				}
			}
			for _, ref := range test.blocked {
				if slices.Contains(blocked, ref) == (test.known && !unread) {
					t.Errorf("%s, unread %v: %s", name, unread, topologytest.Describe(p))
				}
			}
			if len(test.blocked) == 0 && len(blocked) > 0 || !strings.Contains(p.Problems.Error(), "migration id") {
				t.Errorf("%s, unread %v: blocked %v: %s", name, unread, blocked, topologytest.Describe(p))
			}
		}
	}
	live.Migrations = []topology.Migration{{ID: "id", VHost: "/", From: "q", To: "q", Running: true}}
	for _, s := range plan.Destroy(topologytest.State(q, other, x), live, plan.Options{}).Blocked() {
		if s.Ref == other.Ref() || !strings.Contains(s.Blocked, "wait until it has ended") {
			t.Errorf("destroy: %+v", s)
		}
	}
	live = topologytest.BrokerWith(other, x).Owns("t", q, other, x, toQ).Live()
	live.Migrations = []topology.Migration{{ID: "id", VHost: "/", From: "q", To: "q"}}
	if p := plan.Diff(topologytest.State(other, x), live, everything); !p.Ownership.Refs[toQ.Ref()] {
		t.Errorf("a binding that is led elsewhere is given up: %s", topologytest.Describe(p))
	}
}
