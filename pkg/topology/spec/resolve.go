package spec

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/spec/definitions"
)

// Resolve makes the state that the files declare: defaults filled in, short forms written out, wait
// queues of retry steps added, references checked. It reports every problem that can be known
// without a broker. What a reference leads to must be declared in the files, listed under external,
// or exist in every vhost, such as amq.topic. People also use definitions files to add to what
// exists, so there an unknown dead-letter or alternate exchange is only a warning.
func (s *Spec) Resolve() (*topology.State, diag.Diagnostics) {
	r := &resolver{state: &topology.State{Name: s.Name, Home: s.mainVHost()},
		places: make(map[topology.Ref]*place, s.size()), external: map[topology.Ref]bool{}, options: s.options,
		sectioned: map[topology.Kind]bool{}, many: len(s.vhosts()) > 1, lost: s.lost}
	if s.VHost != "" && !s.moved {
		r.state.HomeAt = s.FieldPosition("vhost")
	}
	if strings.Contains(s.Name, "@") {
		r.problems = append(r.problems, diag.Diagnostic{Severity: diag.Error, Position: s.FieldPosition("name"),
			Message: fmt.Sprintf("the name %q has an @", s.Name),
			Why:     "the broker's record of what a topology owns is called NAME@VHOST, and two could get the same name",
			Fix:     "take another name"})
	}
	r.state.Grow(s.size())
	for _, f := range s.definitions {
		r.definitions(s, f)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Users)) {
		r.user(name, s.Users[name])
	}
	for _, name := range slices.Sorted(maps.Keys(s.GlobalParameters)) {
		p := s.GlobalParameters[name]
		r.add(&topology.GlobalParameter{Name: name, Value: p.Value}, &place{at: p.At})
	}
	main := s.mainVHost()
	r.sections(main, &s.Sections)
	for _, name := range slices.Sorted(maps.Keys(s.VHosts)) {
		v := s.VHosts[name]
		r.vhost(name, v)
		r.sections(name, &v.Sections)
	}
	r.check(s)
	r.problems.Sort()
	return r.state, r.problems
}

// size counts roughly how many objects there will be.
func (s *Spec) size() int {
	n := s.Sections.size()
	for _, v := range s.VHosts {
		if v != nil {
			n += v.Sections.size()
		}
	}
	for _, d := range s.definitions {
		n += len(d.Exchanges) + len(d.Queues) + len(d.Bindings)
	}
	return n
}

func (s *Sections) size() int {
	n := len(s.Exchanges) + len(s.Queues) + len(s.Bindings)
	for _, q := range s.Queues {
		if q != nil {
			n += len(q.Bindings)
		}
	}
	return n
}

// resolver collects objects and problems.
type resolver struct {
	state    *topology.State
	places   map[topology.Ref]*place
	external map[topology.Ref]bool
	options  Options
	// many says that the objects live in several vhosts, so that messages must name them.
	many bool
	// lost says that the files have more objects than could be read.
	lost bool
	// sectioned says of which kinds the definitions files have a section.
	sectioned map[topology.Kind]bool
	suggested int
	problems  diag.Diagnostics
}

// place says where an object and its parts are written, and in which of the two formats.
type place struct {
	at diag.Position
	// parts has the positions of arguments, by their protocol name, and of other fields, by any
	// name.
	parts       map[string]diag.Position
	definitions bool
	// base says that a topology file named after this definitions file may change the object.
	base bool
	// has says which fields a topology file gives; nil where there are none to give.
	has has
}

// of returns the position of a part, and that of the object when it has none.
func (p *place) of(part string) diag.Position {
	if at, ok := p.parts[part]; ok {
		return at
	}
	return p.at
}

func (r *resolver) name(ref topology.Ref) string {
	if r.many {
		return ref.Full()
	}
	return ref.String()
}

func (r *resolver) report(severity diag.Severity, at diag.Position, object, message, why, fix string) {
	r.problems = append(r.problems,
		diag.Diagnostic{Severity: severity, Position: at, Object: object, Message: message, Why: why, Fix: fix})
}

// add puts an object into the state. Two declarations of one object are an error, unless
// definitions files repeat it without a difference.
func (r *resolver) add(o topology.Object, p *place) {
	ref := o.Ref()
	if err := r.state.Add(o, p.at); err == nil {
		r.places[ref] = p
		r.state.Locate(ref, p.parts)
		return
	}
	if r.overlay(o, p) {
		return
	}
	first := r.places[ref]
	if (p.definitions || ref.Kind == topology.KindBinding) && r.equal(ref, o) {
		r.report(diag.Warning, p.at, r.name(ref), fmt.Sprintf("is declared twice, first at %s", first.at), "",
			"remove one of the two")
		if ref.Kind == topology.KindBinding {
			last := &r.problems[len(r.problems)-1]
			last.Rule, last.Part = "binding-redundant", p.at.String()
		}
		return
	}
	fix := "remove one of the two"
	if first.definitions && !p.definitions {
		fix = "name the definitions file before the topology file, which then changes what it declares"
	}
	r.report(diag.Error, p.at, r.name(ref), fmt.Sprintf("is declared twice, first at %s", first.at),
		"only one of the two would be applied", fix)
}

func (r *resolver) equal(ref topology.Ref, o topology.Object) bool {
	have, _ := r.state.Get(ref)
	return reflect.DeepEqual(have, o)
}

// definitions adds the objects of a definitions file.
func (r *resolver) definitions(s *Spec, f *definitions.File) {
	r.lost = r.lost || f.Lost
	for kind, section := range map[topology.Kind]string{topology.KindExchange: "exchanges", topology.KindQueue: "queues"} {
		r.sectioned[kind] = r.sectioned[kind] || f.Has(section)
	}
	objects, problems := f.Objects(definitions.Options{VHost: s.orMain, Name: r.name})
	for _, o := range objects {
		r.add(o.Object, &place{at: o.At, parts: o.Parts, definitions: true, base: s.isBase(f)})
	}
	r.problems = append(r.problems, problems...)
}

func (r *resolver) user(name string, u *User) {
	if u.Password != "" && u.PasswordHash != "" {
		r.report(diag.Error, u.FieldPosition("passwordHash"), fmt.Sprintf("user %q", name),
			"has both password and passwordHash", "", "keep one of the two")
	}
	parts := map[string]diag.Position{"passwordHash": u.FieldPosition("passwordHash")}
	r.add(&topology.User{Name: name, Tags: u.Tags, Password: topology.Secret(u.Password), PasswordHash: u.PasswordHash,
		HashingAlgorithm: algorithm(u), Passwordless: u.Has("passwordHash") && u.PasswordHash == "" && u.Password == ""},
		&place{at: u.Position(), parts: parts, has: u.Has})
	if u.Limits == nil {
		return
	}
	for limit, value := range map[string]*int64{"max-connections": u.Limits.MaxConnections,
		"max-channels": u.Limits.MaxChannels} {
		if value != nil {
			r.add(&topology.UserLimit{User: name, Name: limit, Value: *value}, &place{at: u.Limits.Position()})
		}
	}
}

// algorithm returns the broker's name of the hashing algorithm, "" for a user without a hash.
func algorithm(u *User) string {
	switch {
	case u.HashingAlgorithm != "":
		return topology.HashingPrefix + u.HashingAlgorithm
	case u.PasswordHash != "":
		return topology.HashingPrefix + "sha256"
	}
	return ""
}

func (r *resolver) vhost(name string, v *VHost) {
	o := &topology.VHost{Name: name, Tags: v.Tags, DefaultQueueType: v.DefaultQueueType}
	if v.Description != nil {
		o.Description = *v.Description
	}
	o.Declared.Description = v.Has("description")
	o.Declared.Tags = v.Has("tags")
	o.Declared.DefaultQueueType = v.Has("defaultQueueType")
	o.ProtectedFromDeletion, o.Declared.ProtectedFromDeletion = v.ProtectedFromDeletion, v.Has("protectedFromDeletion")
	r.add(o, &place{at: v.Position(), has: v.Has})
}

func (r *resolver) expect(ref topology.Ref, at diag.Position) {
	r.external[ref] = true
	r.state.Expect(ref, at)
}

// sections adds the objects of one vhost.
func (r *resolver) sections(vhost string, s *Sections) {
	if s.External != nil {
		for _, name := range s.External.Exchanges {
			r.expect(topology.ExchangeRef(vhost, name), s.External.FieldPosition("exchanges"))
		}
		for _, name := range s.External.Queues {
			r.expect(topology.QueueRef(vhost, name), s.External.FieldPosition("queues"))
		}
	}
	for name, x := range ordered(s.Exchanges) {
		r.exchange(vhost, name, x)
	}
	for name, q := range ordered(s.Queues) {
		r.queue(vhost, name, q)
	}
	for _, b := range s.Bindings {
		r.freeBinding(vhost, b)
	}
	for name, p := range ordered(s.Policies) {
		r.policy(vhost, name, p, false)
	}
	for name, p := range ordered(s.OperatorPolicies) {
		r.policy(vhost, name, p, true)
	}
	r.access(vhost, s)
	for component, values := range ordered(s.Parameters) {
		for name, v := range ordered(values) {
			r.add(&topology.Parameter{VHost: vhost, Component: component, Name: name, Value: v.Value}, &place{at: v.At})
		}
	}
}

func (r *resolver) access(vhost string, s *Sections) {
	for user, p := range ordered(s.Permissions) {
		r.add(&topology.Permission{VHost: vhost, User: user, Configure: p.Configure, Write: p.Write, Read: p.Read},
			&place{at: p.Position(), parts: p.FieldPositions(), has: p.Has})
	}
	for user, exchanges := range ordered(s.TopicPermissions) {
		for exchange, p := range ordered(exchanges) {
			r.add(&topology.TopicPermission{VHost: vhost, User: user, Exchange: exchange, Write: p.Write, Read: p.Read},
				&place{at: p.Position(), parts: p.FieldPositions()})
		}
	}
	if s.Limits == nil {
		return
	}
	for limit, value := range map[string]*int64{"max-connections": s.Limits.MaxConnections,
		"max-queues": s.Limits.MaxQueues} {
		if value != nil {
			r.add(&topology.VHostLimit{VHost: vhost, Name: limit, Value: *value}, &place{at: s.Limits.Position()})
		}
	}
}

// policy adds a policy, in whose definition times and sizes may have units.
func (r *resolver) policy(vhost, name string, p *Policy, operator bool) {
	o := &topology.Policy{Operator: operator, VHost: vhost, Name: name, Pattern: p.Pattern, ApplyTo: p.ApplyTo,
		Priority: p.Priority, Definition: topology.Arguments{}}
	if o.ApplyTo == "" {
		o.ApplyTo = topology.ApplyToAll
	}
	parts := map[string]diag.Position{"pattern": p.FieldPosition("pattern")}
	if p.Has("definition") && p.Definition != nil {
		parts["definition"] = p.FieldPosition("definition")
	}
	for key, v := range p.Definition {
		o.Definition[key], parts[key] = withoutUnit(key, v.Value), v.At
	}
	r.add(o, &place{at: p.Position(), parts: parts, has: p.Has})
}

// withoutUnit turns 24h into milliseconds and 10MB into bytes, for the policy keys that are one or
// the other. Other values stay, for the check of their type.
func withoutUnit(key string, v any) any {
	known, _ := capability.LookupPolicyKey(key)
	text, isText := v.(string)
	if !isText {
		return v
	}
	switch known.Unit {
	case capability.Milliseconds:
		if ms, err := units.ParseMilliseconds(text); err == nil {
			return ms
		}
	case capability.Bytes:
		if n, err := units.ParseSize(text); err == nil {
			return n
		}
	}
	return v
}

// ordered ranges over a map in the order of its keys.
func ordered[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
