package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// changes returns what differs between a live object and the wanted one of the same Ref, in field
// order, as far as it matters on that broker. nil means equal.
func changes(have, want topology.Object, server topology.Server) []FieldChange {
	switch w := want.(type) {
	case *topology.VHost:
		return vhostChanges(have.(*topology.VHost), w, server)
	case *topology.User:
		return userChanges(have.(*topology.User), w)
	case *topology.Queue:
		return queueChanges(have.(*topology.Queue), w, server)
	case *topology.Exchange:
		if h := have.(*topology.Exchange); sameExchange(h, w) {
			return nil
		}
	case *topology.Binding:
		return nil
	}
	return fieldChanges(have.Fields(), want.Fields(), nil)
}

func sameExchange(h, w *topology.Exchange) bool {
	return h.Type == w.Type && h.Durable == w.Durable && h.AutoDelete == w.AutoDelete && h.Internal == w.Internal &&
		h.Arguments.Equal(w.Arguments)
}

// queueChanges leaves out arguments that this broker ignores on this queue type. It does not
// compare them either, and no redeclaration can change them. The check of the file warns of them.
func queueChanges(have, want *topology.Queue, server topology.Server) []FieldChange {
	if have.Type == want.Type && have.Durable == want.Durable && have.AutoDelete == want.AutoDelete && !have.Exclusive &&
		have.Arguments.Equal(want.Arguments) {
		return nil
	}
	return fieldChanges(have.Fields(), want.Fields(), func(name string) bool {
		switch name {
		case "type", "durable", "autoDelete", "exclusive":
			return false
		}
		a, known := capability.LookupArgumentField(name)
		return !known || !a.TakenBy(have.Type, server.Version) && !a.TakenBy(want.Type, server.Version)
	})
}

// vhostChanges compares what the file names. A vhost without a default queue type has the node's.
func vhostChanges(have, want *topology.VHost, server topology.Server) []FieldChange {
	live := *have
	live.Declared = want.Declared
	if live.DefaultQueueType == "" {
		live.DefaultQueueType = cmp.Or(server.DefaultQueueType, topology.Classic)
	}
	return fieldChanges(live.Fields(), want.Fields(), func(name string) bool {
		switch name {
		case "description":
			return !want.Declared.Description
		case "tags":
			return !want.Declared.Tags
		case "defaultQueueType":
			return !want.Declared.DefaultQueueType || want.DefaultQueueType == ""
		case "protectedFromDeletion":
			return !want.Declared.ProtectedFromDeletion
		}
		return false
	})
}

// keepPassword returns a user that is declared without a password with the one that it has: a file
// that does not name it must not take it away.
func keepPassword(have, want *topology.User) *topology.User {
	if want.Password != "" || want.PasswordHash != "" || want.Passwordless {
		return want
	}
	kept := *want
	kept.PasswordHash, kept.HashingAlgorithm = have.PasswordHash, have.HashingAlgorithm
	return &kept
}

// userChanges compares a declared password with the live hash, and a declared hash literally.
func userChanges(have, want *topology.User) []FieldChange {
	list := fieldChanges(have.Fields()[:1], want.Fields()[:1], nil)
	switch {
	case want.Password != "":
		if !topology.PasswordMatches(want.Password, have.PasswordHash, have.HashingAlgorithm) {
			list = append(list, FieldChange{Field: "password", Have: have.PasswordHash, Want: want.Password})
		}
	case want.PasswordHash != have.PasswordHash:
		list = append(list, FieldChange{Field: "passwordHash", Have: secretOrNil(have.PasswordHash),
			Want: secretOrNil(want.PasswordHash)})
	case want.HashingAlgorithm != "" && have.HashingAlgorithm != "" && want.HashingAlgorithm != have.HashingAlgorithm:
		list = append(list, FieldChange{Field: "hashingAlgorithm", Have: have.HashingAlgorithm, Want: want.HashingAlgorithm})
	}
	return list
}

func secretOrNil(s topology.Secret) any {
	if s == "" {
		return nil
	}
	return s
}

// fieldChanges compares two lists of fields by name, in the order of want, then what only have has.
// ignore (may be nil) says which names do not count.
func fieldChanges(have, want []topology.Field, ignore func(name string) bool) []FieldChange {
	var list []FieldChange
	at := func(fields []topology.Field, name string) int {
		return slices.IndexFunc(fields, func(f topology.Field) bool { return f.Name == name })
	}
	for _, w := range want {
		if ignore != nil && ignore(w.Name) {
			continue
		}
		c := FieldChange{Field: w.Name, Want: w.Value, Unit: w.Unit, Immutable: w.Immutable}
		if i := at(have, w.Name); i >= 0 {
			if sameValue(have[i].Value, w.Value) {
				continue
			}
			c.Have = have[i].Value
		}
		list = append(list, c)
	}
	for _, h := range have {
		if at(want, h.Name) < 0 && (ignore == nil || !ignore(h.Name)) {
			list = append(list, FieldChange{Field: h.Name, Have: h.Value, Unit: h.Unit, Immutable: h.Immutable})
		}
	}
	return list
}

// sameValue is amqptable.Equal for fields, which may hold secrets: those are compared by their
// texts. What is wanted with a secret that is not known is as it is.
func sameValue(have, want any) bool {
	want = unwrapSecrets(want)
	return amqptable.Equal(unwrapSecrets(have), want) || hasUnset(want)
}

func hasUnset(v any) bool {
	switch x := v.(type) {
	case string:
		return strings.Contains(x, source.UnsetSecret)
	case []any:
		return slices.ContainsFunc(x, hasUnset)
	case map[string]any:
		for _, e := range x {
			if hasUnset(e) {
				return true
			}
		}
	}
	return false
}

func unwrapSecrets(v any) any {
	switch x := v.(type) {
	case topology.Secret:
		return string(x)
	case topology.SecretURI:
		return string(x)
	case []any:
		list := make([]any, len(x))
		for i, e := range x {
			list[i] = unwrapSecrets(e)
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(x))
		for k, e := range x {
			m[k] = unwrapSecrets(e)
		}
		return m
	}
	return v
}

// immutableFields names those of the changes that the broker cannot make in place.
func immutableFields(list []FieldChange) []string {
	var names []string
	for _, c := range list {
		if c.Immutable {
			names = append(names, c.Field)
		}
	}
	return names
}

// SameAs compares a plan with one made later from the same file. It returns nil when both would do
// the same, else an error that wraps ErrChanged and says what changed. Counts of messages and
// consumers may differ: the conditions of deletions see to them, and what blocks the later plan.
func (p *Plan) SameAs(other *Plan) error {
	var moved []string
	before := map[topology.Ref]Step{}
	for _, s := range p.Steps {
		before[s.Ref] = s
	}
	for _, now := range other.Steps {
		was, ok := before[now.Ref]
		delete(before, now.Ref)
		switch {
		case !ok:
			moved = append(moved, fmt.Sprintf("%s: now to %s", now.Ref.Full(), now.Action))
		case was.Action != now.Action:
			moved = append(moved, fmt.Sprintf("%s: was to %s, now to %s", now.Ref.Full(), was.Action, now.Action))
		case !sameChanges(was.Changes, now.Changes) || !sameObject(was.Have, now.Have) || !sameObject(was.Want, now.Want):
			moved = append(moved, now.Ref.Full()+": it is no longer as it was")
		}
	}
	for ref, s := range before {
		moved = append(moved, fmt.Sprintf("%s: was to %s, now nothing to do", ref.Full(), s.Action))
	}
	if !sameRecord(p.RecordedOwnership, other.RecordedOwnership) && !p.outlived(other) {
		moved = append(moved, fmt.Sprintf("the record of what topology %q owns: somebody else applied it", p.Name))
	}
	if !slices.EqualFunc(p.Released, other.Released, func(a, b topology.Ownership) bool {
		return a.Name == b.Name && a.Equal(b)
	}) {
		moved = append(moved, "the records of the topologies that objects are adopted from")
	}
	if len(moved) == 0 {
		return nil
	}
	slices.Sort(moved)
	n := len(moved)
	if n > 10 {
		moved = append(moved[:10], fmt.Sprintf("and %d more", n-10))
	}
	return fmt.Errorf("%w: %s", ErrChanged, strings.Join(moved, "; "))
}

// outlived reports whether a record that the other plan no longer finds was about vhosts that are
// gone. Anybody's --prune removes such records, and nothing is different without them.
func (p *Plan) outlived(other *Plan) bool {
	if o := other.RecordedOwnership; o != nil && len(o.Refs) > 0 {
		return false
	}
	created := map[string]bool{}
	for _, s := range p.Steps {
		if s.Ref.Kind == topology.KindVHost && s.Action == Create {
			created[s.Ref.Name] = true
		}
	}
	for ref := range p.RecordedOwnership.Refs {
		if !created[ref.VHost] && !(ref.Kind == topology.KindVHost && created[ref.Name]) {
			return false
		}
	}
	return true
}

func sameChanges(a, b []FieldChange) bool {
	return slices.EqualFunc(a, b, func(x, y FieldChange) bool {
		return x.Field == y.Field && sameValue(x.Have, y.Have) && sameValue(x.Want, y.Want)
	})
}

func sameObject(a, b topology.Object) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return len(fieldChanges(a.Fields(), b.Fields(), nil)) == 0
}

func sameRecord(a, b *topology.Ownership) bool {
	if a == nil || b == nil {
		return (a == nil || len(a.Refs) == 0) && (b == nil || len(b.Refs) == 0)
	}
	return a.Equal(*b)
}

// compareSteps puts deletions last, and in reverse. Policies of a vhost are written by falling
// priority and deleted by rising: a rule never applies without its exception.
func compareSteps(a, b Step) int {
	x, y := a.Action == Delete, b.Action == Delete
	switch {
	case x != y && x:
		return 1
	case x != y:
		return -1
	case x:
		return cmp.Or(-comparePriorities(a.Have, b.Have), b.Ref.CompareByKind(a.Ref))
	}
	return cmp.Or(comparePriorities(a.Want, b.Want), a.Ref.CompareByKind(b.Ref))
}

// comparePriorities puts the policy of higher priority first; what are not two policies of one kind
// and vhost are equal.
func comparePriorities(a, b topology.Object) int {
	p, isPolicy := a.(*topology.Policy)
	q, andThis := b.(*topology.Policy)
	if !isPolicy || !andThis || p.Operator != q.Operator || p.VHost != q.VHost {
		return 0
	}
	return cmp.Compare(q.Priority, p.Priority)
}
