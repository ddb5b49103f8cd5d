package lint

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/route"
)

// run is one call of Run.
type run struct {
	in          Input
	rules       []Rule
	rule        Rule // the one at work
	nets        []*network
	many        bool
	findings    []Finding
	told        map[toldKey]bool
	refs        map[string]topology.Ref // by the name that diagnostics give them
	deadLetters map[topology.Ref][]string
	loses       map[topology.Ref]bool
}

type toldKey struct {
	rule string
	ref  topology.Ref
	part string
}

// network is one vhost, with indexes that the rules use.
type network struct {
	*route.Network
	objects  []topology.Object
	settings map[string]route.Settings
	queues   []string
	// feeds are the sources and destinations of shovels and federation links.
	moved map[topology.Ref]bool
	bound map[string][]*topology.Binding // by source, dangling ones included
}

func newRun(in Input) *run {
	r := &run{in: in, rules: Rules(), told: map[toldKey]bool{}, refs: map[string]topology.Ref{},
		deadLetters: map[topology.Ref][]string{}, loses: map[topology.Ref]bool{}}
	if r.in.State == nil {
		r.in.State = &topology.State{}
	}
	r.in.State = r.in.State.Typed(in.Version)
	vhosts := r.in.State.VHosts()
	r.many = len(vhosts) > 1
	byVHost := map[string]*network{}
	for _, v := range vhosts {
		n := &network{Network: route.New(r.in.State, v, in.Version), settings: map[string]route.Settings{},
			moved: map[topology.Ref]bool{}, bound: map[string][]*topology.Binding{}}
		n.queues = n.QueueNames()
		r.nets, byVHost[v] = append(r.nets, n), n
	}
	for _, o := range r.in.State.Objects() {
		if n := byVHost[o.Ref().VHost]; n != nil {
			n.add(o)
		}
	}
	for _, q := range in.DeadLetters.Queues {
		r.deadLetters[q.Queue] = q.From
	}
	for _, l := range in.DeadLetters.Losses {
		r.loses[l.Queue] = true
	}
	return r
}

func (n *network) add(o topology.Object) {
	n.objects = append(n.objects, o)
	switch x := o.(type) {
	case *topology.Binding:
		n.bound[x.Source] = append(n.bound[x.Source], x)
	case *topology.Parameter:
		n.mover(x)
	}
}

// mover records the source and the destination of a shovel. They may be on another broker: a name
// that exists on both hides a finding rather than causing a false one.
func (n *network) mover(p *topology.Parameter) {
	v, ok := p.Value.(map[string]any)
	if !ok || p.Component != "shovel" {
		return
	}
	for field, kind := range map[string]topology.Kind{
		"src-exchange": topology.KindExchange, "dest-exchange": topology.KindExchange, "src-queue": topology.KindQueue,
		"dest-queue": topology.KindQueue,
	} {
		if name, ok := v[field].(string); ok {
			n.moved[topology.Ref{Kind: kind, VHost: n.VHost(), Name: name}] = true
		}
	}
}

// of returns the effective settings of a queue, cached.
func (n *network) of(queue string) route.Settings {
	s, ok := n.settings[queue]
	if !ok {
		s = n.Settings(queue)
		n.settings[queue] = s
	}
	return s
}

func (n *network) queueRef(name string) topology.Ref {
	return topology.QueueRef(n.VHost(), name)
}

func (n *network) exchangeRef(name string) topology.Ref {
	return topology.ExchangeRef(n.VHost(), name)
}

// has reports whether an exchange is declared here or listed under external.
func (r *run) has(n *network, exchange string) bool {
	_, ok := n.ExchangeType(exchange)
	return ok || r.in.External[n.exchangeRef(exchange)]
}

// modern reports whether the broker has at least that version. Without a version it is the newest.
func (r *run) modern(version string) bool { return capability.VersionAtLeast(r.in.Version, version) }

// find adds a finding about an object. part is the argument, key or field concerned, "" for the
// whole object.
func (r *run) find(ref topology.Ref, part, message string) *Finding {
	return r.findAt(r.rule.Severity, ref, part, message)
}

// findAt is find with another severity than the rule's.
func (r *run) findAt(s Severity, ref topology.Ref, part, message string) *Finding {
	f := Finding{Rule: r.rule.ID, Severity: s, Ref: ref, part: part, Object: r.name(ref), Message: message,
		Position: r.in.State.PartPosition(ref, part)}
	return r.add(f)
}

// add keeps a finding, unless the rule already has one about the same part: then it returns a
// finding that is discarded.
func (r *run) add(f Finding) *Finding {
	key := toldKey{f.Rule, f.Ref, f.part}
	if r.told[key] {
		return &f
	}
	r.told[key] = true
	rule, _ := r.lookup(f.Rule)
	if f.Why == "" {
		f.Why = rule.Consequence
	}
	if f.Fix == "" {
		f.Fix = rule.Fix
	}
	r.findings = append(r.findings, f)
	return &r.findings[len(r.findings)-1]
}

func (r *run) lookup(id string) (Rule, bool) {
	i := slices.IndexFunc(r.rules, func(x Rule) bool { return x.ID == id })
	if i < 0 {
		return Rule{}, false
	}
	return r.rules[i], true
}

// diagnostics turns the diagnostics of parsing and checking into findings.
func (r *run) diagnostics(list diag.Diagnostics) {
	if len(list) == 0 {
		return
	}
	for ref := range r.in.State.All() {
		r.refs[ref.Full()] = ref
		if !r.many {
			r.refs[ref.String()] = ref
		}
	}
	for _, d := range list {
		id := d.Rule
		rule, known := r.lookup(id)
		if !known {
			id = invalidFile
			if rule, _ = r.lookup(id); d.Severity == diag.Warning {
				rule.Severity = Warning
			}
		}
		ref, found := r.refs[d.Object]
		if found {
			d.Object = r.name(ref)
		}
		f := Finding{Rule: id, Severity: rule.Severity, Position: d.Position, Object: strings.TrimSpace(d.Object),
			Message: d.Message, Why: d.Why, Fix: d.Fix, Ref: ref, part: d.Part}
		if id == "policy-refused" && strings.HasPrefix(d.Part, "ha-") {
			f.part = "ha" // one finding, however many of these keys there are
		}
		if !known {
			f.part = d.Position.String() + d.Message // all are kept
		}
		r.add(f)
	}
}
