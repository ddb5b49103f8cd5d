package spec

import (
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec/definitions"
)

// has asks which fields of an object a topology file gives.
type has func(field string) bool

// overlay changes an object of a definitions file by what a later topology file says of it, as one
// topology file does another. Fields that are given replace those before; arguments and the keys of
// a policy merge one by one. It returns false if the object does not come from a definitions file.
func (r *resolver) overlay(o topology.Object, p *place) bool {
	ref := o.Ref()
	first := r.places[ref]
	if !first.base || p.definitions || ref.Kind == topology.KindBinding {
		return false
	}
	base, _ := r.state.Get(ref)
	at := first.at
	parts := map[string]diag.Position{}
	maps.Copy(parts, first.parts)
	for part, position := range p.parts {
		if !position.IsZero() {
			parts[part] = position
		}
	}
	r.state.Put(merged(base, o, p.has))
	r.places[ref] = &place{at: at, parts: parts, definitions: true, base: true}
	r.state.Locate(ref, parts)
	return true
}

// removals reports what a topology file sets to null on top of definitions: sections, and objects in
// them. What these declare, it can change, but not take away.
func (l *loader) removals(n *source.Node) {
	for _, e := range n.Entries {
		if !slices.Contains(removable, e.Key) {
			continue
		}
		l.removal(e, "")
		for _, object := range e.Value.Entries {
			l.removal(object, e.Key+": ")
			switch e.Key {
			case "vhosts":
				l.removals(object.Value)
			case "topicPermissions", "parameters":
				for _, part := range object.Value.Entries {
					l.removal(part, e.Key+": "+object.Key+": ")
				}
			}
		}
	}
}

// removable are the sections whose objects definitions declare, too.
var removable = []string{"vhosts", "exchanges", "queues", "bindings", "users", "permissions", "topicPermissions",
	"policies", "operatorPolicies", "parameters", "globalParameters", "limits"}

func (l *loader) removal(e source.Entry, within string) {
	if e.Value.Kind == source.Null && !e.Value.Implicit {
		l.problems = append(l.problems, diag.Diagnostic{Severity: diag.Error, Position: e.Pos,
			Message: fmt.Sprintf("%snull cannot remove %q, because no topology file before declares it", within, e.Key),
			Why:     "a topology file changes what definitions declare, object by object, and takes nothing out of them",
			Fix:     "take it out of the definitions file, or remove the line"})
	}
}

// isBase reports whether topology files come after a definitions file.
func (s *Spec) isBase(f *definitions.File) bool { return slices.Index(s.definitions, f) < s.bases }

// merged returns what base becomes by an object of the same Ref. An object of a kind without parts
// is replaced.
func merged(base, over topology.Object, given has) topology.Object {
	if given == nil {
		return over
	}
	switch over := over.(type) {
	case *topology.Queue:
		out := *base.(*topology.Queue)
		out.Arguments = both(out.Arguments, over.Arguments)
		if over.TypeDeclared {
			out.Type, out.TypeDeclared = over.Type, true
		}
		set(&out.Durable, over.Durable, given("durable"))
		set(&out.AutoDelete, over.AutoDelete, given("autoDelete"))
		return &out
	case *topology.Exchange:
		out := *base.(*topology.Exchange)
		out.Arguments = both(out.Arguments, over.Arguments)
		set(&out.Type, over.Type, given("type"))
		set(&out.Durable, over.Durable, given("durable"))
		set(&out.AutoDelete, over.AutoDelete, given("autoDelete"))
		set(&out.Internal, over.Internal, given("internal"))
		return &out
	case *topology.Policy:
		out := *base.(*topology.Policy)
		out.Definition = both(out.Definition, over.Definition)
		set(&out.Pattern, over.Pattern, given("pattern"))
		set(&out.ApplyTo, over.ApplyTo, given("applyTo"))
		set(&out.Priority, over.Priority, given("priority"))
		return &out
	case *topology.VHost:
		return mergedVHost(*base.(*topology.VHost), over, given)
	case *topology.User:
		out := *base.(*topology.User)
		set(&out.Tags, over.Tags, given("tags"))
		if given("password") || given("passwordHash") {
			out.Password, out.PasswordHash, out.HashingAlgorithm = over.Password, over.PasswordHash, over.HashingAlgorithm
			out.Passwordless = over.Passwordless
		}
		return &out
	case *topology.Permission:
		out := *base.(*topology.Permission)
		set(&out.Configure, over.Configure, given("configure"))
		set(&out.Write, over.Write, given("write"))
		set(&out.Read, over.Read, given("read"))
		return &out
	}
	return over
}

func mergedVHost(out topology.VHost, over *topology.VHost, given has) *topology.VHost {
	set(&out.Description, over.Description, given("description"))
	set(&out.Tags, over.Tags, given("tags"))
	set(&out.DefaultQueueType, over.DefaultQueueType, given("defaultQueueType"))
	set(&out.ProtectedFromDeletion, over.ProtectedFromDeletion, given("protectedFromDeletion"))
	out.Declared.Description = out.Declared.Description || given("description")
	out.Declared.Tags = out.Declared.Tags || given("tags")
	out.Declared.DefaultQueueType = out.Declared.DefaultQueueType || given("defaultQueueType")
	out.Declared.ProtectedFromDeletion = out.Declared.ProtectedFromDeletion || given("protectedFromDeletion")
	return &out
}

func set[T any](to *T, value T, given bool) {
	if given {
		*to = value
	}
}

func both(base, over topology.Arguments) topology.Arguments {
	out := topology.Arguments{}
	maps.Copy(out, base)
	maps.Copy(out, over)
	return out
}
