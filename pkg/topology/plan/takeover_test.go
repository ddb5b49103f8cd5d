package plan_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

func adoptingFrom(names ...string) plan.Options { return plan.Options{AdoptFrom: names} }

func TestAdoptFrom(t *testing.T) {
	a, b, mine := topologytest.Queue("a"), topologytest.Queue("b"), topologytest.Queue("mine")
	m := topologytest.BrokerWith(a, b, mine).Owns("old", a, b).Owns("t", mine).Owns("third", mine)
	want := topologytest.State(topologytest.Queue("a", "x-max-length", int64(5)), mine)

	p := plan.Diff(topologytest.State(a, mine), m.Live(), adoptingFrom("old"))
	if got := topologytest.Describe(p); !strings.Contains(got, `adopt queue "a"`) || p.Refusal() != nil {
		t.Errorf("an equal object:\n%s%v", got, p.Refusal())
	}
	if !p.Ownership.Refs[a.Ref()] || p.Ownership.Refs[b.Ref()] || len(p.Released) != 1 || p.Released[0].Name != "old" {
		t.Errorf("own record %v, released %v", p.Ownership.Refs, p.Released)
	}
	if text := p.Problems.Error(); !strings.Contains(text, `topology "old" keeps 1 object`) || !strings.Contains(text, `queue "b"`) {
		t.Errorf("what stays: %s", text)
	}
	for _, options := range []plan.Options{{}, {Adopt: true}, {ReplaceEmpty: true}} {
		p := plan.Diff(want, m.Live(), options)
		if len(p.Blocked()) != 1 || !strings.Contains(p.Blocked()[0].Blocked, `belongs to topology "old"`) {
			t.Errorf("%+v: %s", options, topologytest.Describe(p))
		}
	}
	p = plan.Diff(want, m.Live(), plan.Options{AdoptFrom: []string{"old"}, ReplaceEmpty: true})
	if p.Refusal() != nil || !p.Ownership.Refs[a.Ref()] {
		t.Errorf("a changed object: %s%v", topologytest.Describe(p), p.Refusal())
	}
	for name, wrong := range map[string]string{"odl": "did you mean old?", "t": "this topology's own name",
		"zzzzzz": "recorded are: old, third"} {
		p := plan.Diff(want, m.Live(), adoptingFrom(name))
		if !p.Problems.HasErrors() || !strings.Contains(p.Problems.Error(), wrong) {
			t.Errorf("from %s: %v", name, p.Problems)
		}
	}
	if p := plan.Diff(topologytest.State(mine), m.Live(), adoptingFrom("old")); len(p.Released) != 0 ||
		!strings.Contains(p.Problems.Error(), "owns nothing that the files declare") {
		t.Errorf("nothing to take: %v %v", p.Released, p.Problems)
	}
	if p := plan.Diff(topologytest.State(mine), m.Live(), plan.Options{Adopt: true, Prune: true}); !p.Empty() {
		t.Errorf("an object of two topologies: %s", topologytest.Describe(p))
	}
}

// TestUpdatesThatTakeAwayFromOthers: what no record names may be added to, and changed otherwise
// only when it is adopted.
func TestUpdatesThatTakeAwayFromOthers(t *testing.T) {
	permission := func(read string) topology.Object {
		return &topology.Permission{VHost: "/", User: "u", Write: "^q$", Read: read}
	}
	topic := func(write string) topology.Object {
		return &topology.TopicPermission{VHost: "/", User: "u", Exchange: "amq.topic", Write: write, Read: ".*"}
	}
	user := func(hash topology.Secret, tags ...string) topology.Object {
		return &topology.User{Name: "u", PasswordHash: hash, Tags: tags}
	}
	limit := func(n int64) topology.Object { return &topology.VHostLimit{VHost: "/", Name: "max-queues", Value: n} }
	userLimit := func(n int64) topology.Object { return &topology.UserLimit{User: "u", Name: "max-channels", Value: n} }
	policy := func(operator bool, args ...any) topology.Object {
		return &topology.Policy{Operator: operator, VHost: "/", Name: "p", Pattern: ".*",
			Definition: topologytest.Table(args)}
	}
	vhost := func(protected bool, tags ...string) topology.Object {
		v := &topology.VHost{Name: "/", ProtectedFromDeletion: protected, Tags: tags, Description: strings.Join(tags, " ")}
		v.Declared.Description, v.Declared.Tags, v.Declared.ProtectedFromDeletion = true, true, true
		return v
	}
	parameter := func(queue string) topology.Object {
		return &topology.Parameter{VHost: "/", Component: "federation-upstream", Name: "f",
			Value: map[string]any{"uri": "amqp://", "queue": queue}}
	}
	global := func(v string) topology.Object { return &topology.GlobalParameter{Name: "g", Value: v} }
	for name, test := range map[string]struct {
		have, want topology.Object
		less       string // the fields that take away, "" when the change is allowed
	}{
		"narrower":               {permission(".*"), permission("^a$"), "read"},
		"other":                  {permission("^a$"), permission("^ab"), "read"},
		"alternative":            {permission("^a$"), permission("^a$|^b$"), ""},
		"alternative by a verb":  {permission("^a$"), permission("^a$|(*COMMIT)b"), "read"},
		"everything":             {permission("^a$"), permission(".*"), ""},
		"from nothing":           {permission("^$"), permission("^a$"), ""},
		"to nothing":             {permission(".*"), permission(""), "read"},
		"keys":                   {topic("^a"), topic("^b"), "write"},
		"no key but the empty":   {topic("^$"), topic("^a"), "write"},
		"all keys":               {topic("^a"), topic(".*"), ""},
		"fewer tags":             {user("h", "a", "b"), user("h", "a", "c"), "tags"},
		"more tags":              {user("h", "a"), user("h", "a", "b"), ""},
		"another password":       {user("h"), user("i"), "passwordHash"},
		"no password":            {user("h"), &topology.User{Name: "u", Passwordless: true}, "passwordHash"},
		"both":                   {user("h", "a"), user("i"), "tags, passwordHash"},
		"lower limit":            {limit(5), limit(4), "value"},
		"higher limit":           {limit(5), limit(6), ""},
		"no limit any more":      {limit(5), limit(-1), ""},
		"limit after none":       {userLimit(-1), userLimit(9), "value"},
		"higher limit of a user": {userLimit(8), userLimit(9), ""},
		"policy":                 {policy(false, "max-length", 5), policy(false, "max-length", 6), "definition.max-length"},
		"more of a policy":       {policy(true), policy(true, "max-length", 6), "definition.max-length"},
		"parameter":              {parameter("a"), parameter("b"), "value.queue"},
		"global parameter":       {global("a"), global("b"), "value"},
		"tags of a vhost":        {vhost(false, "a"), vhost(true, "a", "b"), ""},
		"protection of a vhost":  {vhost(true, "a"), vhost(false, "b"), "tags, protectedFromDeletion"},
	} {
		m := topologytest.BrokerWith(test.have)
		want := topologytest.State(test.want)
		p := plan.Diff(want, m.Live(), plan.Options{})
		blocked := p.Blocked()
		if len(p.Steps) != 1 || len(blocked) > 0 != (test.less != "") || len(p.Foreign) > 0 != (test.less == "") ||
			test.less != "" && (!strings.HasSuffix(blocked[0].Blocked, "takes away: "+test.less) ||
				blocked[0].Remedy.Kind != plan.AllowAdopt) {
			t.Errorf("%s: %s", name, topologytest.Describe(p))
		}
		p = plan.Diff(want, m.Live(), plan.Options{Adopt: true})
		if p.Refusal() != nil || !p.Ownership.Refs[test.want.Ref()] {
			t.Errorf("%s, adopted: %s", name, topologytest.Describe(p))
		}
		want.Name = ""
		nameless := plan.Diff(want, m.Live(), plan.Options{})
		if again := plan.Diff(topologytest.State(test.have), m.Live(), plan.Options{}); nameless.Refusal() != nil ||
			!again.Empty() {
			t.Errorf("%s: without a name %sas it is: %s", name, topologytest.Describe(nameless), topologytest.Describe(again))
		}
		m.Owns("t", test.have)
		if p = plan.Diff(topologytest.State(test.want), m.Live(), plan.Options{}); p.Refusal() != nil {
			t.Errorf("%s, ours: %s", name, topologytest.Describe(p))
		}
	}
}

// What another record claims is given up by pruning, not deleted, and the plan says so.
func TestWhatMovedToAnotherTopologyIsGivenUp(t *testing.T) {
	a := topologytest.Queue("a")
	m := topologytest.BrokerWith(a).Owns("t", a).Owns("two", a)
	for _, prune := range []bool{false, true} {
		p := plan.Diff(topologytest.State(), m.Live(), plan.Options{Prune: prune})
		if !p.Empty() || !p.OnlyRecords() || len(p.Ownership.Refs) != 0 ||
			!strings.Contains(p.Problems.Error(), `given up: topology "two" owns it, too`) {
			t.Errorf("prune %v: %s%v", prune, topologytest.Describe(p), p.Problems)
		}
	}
}

func TestRecordsOfVHostsThatAreGone(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	inGone := &topology.Queue{VHost: "gone", Name: "q"}
	inV := &topology.Queue{VHost: "v", Name: "q"}
	user := &topology.User{Name: "u"}
	forgotten := func(p *plan.Plan) string {
		var names []string
		for _, o := range p.Forgotten {
			names = append(names, o.Name)
		}
		return strings.Join(names, " ")
	}
	m := topologytest.BrokerWith(user)
	m.AddVHost(v)
	m.Owns("t", v).Owns("b@gone", inGone).Owns("c@v", inV).Owns("d@gone", inGone, user)
	live := m.Live()
	if got := forgotten(plan.Diff(topologytest.State(v), live, everything)); got != "" {
		t.Errorf("a login that does not see all vhosts forgets %s", got)
	}
	live.Server.Tags = []string{"administrator"}
	if got := forgotten(plan.Diff(topologytest.State(v), live, plan.Options{})); got != "" {
		t.Errorf("forgotten without pruning: %s", got)
	}
	p := plan.Diff(topologytest.State(v), live, plan.Options{PruneKinds: clusterKinds, Prune: true})
	if got := forgotten(p); got != "b@gone" || !p.OnlyRecords() {
		t.Errorf("forgotten: %s", got)
	}
	if got := forgotten(plan.Destroy(topologytest.State(v), live, plan.Options{})); got != "b@gone c@v" {
		t.Errorf("forgotten with the vhost: %s", got)
	}
}
