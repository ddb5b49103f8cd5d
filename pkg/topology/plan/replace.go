package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// replace turns an update that the broker cannot make into deletion and creation, blocked unless it
// is asked for and loses nothing.
func (d *differ) replace(step *Step, fixed []string) {
	step.Action = Replace
	step.Why = fmt.Sprintf("RabbitMQ fixes %s when %s is declared: it has to be deleted and created again",
		joinNames(fixed), article(step.Ref.Kind))
	d.replaced[step.Ref] = true
	q, isQueue := step.Have.(*topology.Queue)
	if !isQueue {
		if !d.o.ReplaceEmpty {
			step.Blocked, step.Remedy = "messages published to the exchange in between are lost", Remedy{Kind: AllowReplace}
		}
		return
	}
	risk := d.queueRisk(step.Ref)
	step.Risk, step.Conditions = &risk, topology.DeleteConditions{IfUnused: true, IfEmpty: true}
	step.Why += policyHint(step.Changes)
	step.Blocked, step.Remedy = d.replaceBlock(q, risk)
}

func (d *differ) replaceBlock(q *topology.Queue, risk Risk) (string, Remedy) {
	switch {
	case q.Exclusive:
		return "it belongs to one connection, which alone may delete it: close that connection", Remedy{}
	case risk.Messages > 0 || risk.Consumers > 0:
		return fmt.Sprintf("%s, and only an unused and empty queue is replaced: drain it, or declare a new queue beside it",
			stake(risk)), Remedy{}
	case !risk.Known:
		return d.unknownCount(q.Ref()) + ", so it may not be empty: " + unknownAdvice(q), Remedy{}
	case !d.o.ReplaceEmpty:
		return "replacing deletes the queue, which is done only while it is unused and empty", Remedy{Kind: AllowReplace}
	}
	return "", Remedy{}
}

func unknownAdvice(q *topology.Queue) string {
	if q.Type == topology.Stream {
		return "declare a new stream beside it"
	}
	return "try again when it is at work"
}

// policyHint tells of the way that needs no deletion: a policy can change later what an argument
// fixes.
func policyHint(list []FieldChange) string {
	var keys []string
	for _, c := range list {
		a, ok := capability.LookupArgumentField(c.Field)
		if !ok {
			return ""
		}
		key := strings.TrimPrefix(a.Name, "x-")
		if _, ok := capability.LookupPolicyKey(key); !ok {
			return ""
		}
		keys = append(keys, key)
	}
	return fmt.Sprintf(" (a policy with %s can be changed at any time)", joinNames(keys))
}

// rebind plans the bindings that go with a replaced exchange or queue: the declared ones are made
// again; others, which nobody here could make again, block the step.
func (d *differ) rebind() {
	if len(d.replaced) == 0 {
		return
	}
	lost := map[topology.Ref][]topology.Ref{}
	again := map[topology.Ref]topology.Ref{}
	for ref := range d.replaced {
		for _, b := range d.bindingsOf(ref) {
			switch {
			case d.want.Has(b):
				again[b] = ref
			case d.o.Prune && d.recorded[b] && d.owner(b) == "": // it is deleted anyway
			default:
				lost[ref] = append(lost[ref], b)
			}
		}
	}
	d.plan.Unowned = slices.DeleteFunc(d.plan.Unowned, func(ref topology.Ref) bool { _, ok := again[ref]; return ok })
	for b, because := range again {
		want, _ := d.want.Get(b)
		d.plan.Unchanged--
		d.owned[b] = true
		d.plan.Steps = append(d.plan.Steps, Step{Action: Create, Ref: b, Want: want, Rebind: true,
			Why: fmt.Sprintf("deleted together with the old %s", because)})
	}
	d.plan.Steps = slices.DeleteFunc(d.plan.Steps,
		func(s Step) bool { _, ok := again[s.Ref]; return ok && s.Action == Adopt })
	for i := range d.plan.Steps {
		s := &d.plan.Steps[i]
		if others := lost[s.Ref]; s.Action == Replace && (s.Blocked == "" || s.Remedy.Kind == AllowReplace) &&
			len(others) > 0 {
			s.Remedy = Remedy{}
			s.Blocked = fmt.Sprintf("%s of others would be lost with it: %s. Declare them here, or remove them first",
				units.FormatCount(int64(len(others)), "binding"), suggest.List(d.ownedNames(others)))
		}
	}
}

// describeLost names bindings that nobody will make again, at most three of them.
func describeLost(bindings []topology.Ref) string {
	if len(bindings) == 0 {
		return ""
	}
	slices.SortFunc(bindings, topology.Ref.CompareByKind)
	names := make([]string, 0, 3)
	for _, b := range bindings[:min(3, len(bindings))] {
		names = append(names, b.String())
	}
	text := fmt.Sprintf("it takes %s with it that this file does not declare: %s",
		units.FormatCount(int64(len(bindings)), "binding"), strings.Join(names, "; "))
	if len(bindings) > 3 {
		text += "; …"
	}
	return text
}

// bindingsOf lists the live bindings from or to an exchange or queue.
func (d *differ) bindingsOf(ref topology.Ref) []topology.Ref {
	if d.bindings == nil {
		d.bindings = map[topology.Ref][]topology.Ref{}
		for b := range d.have.All() {
			if b.Kind != topology.KindBinding || b.Parent == "" {
				continue
			}
			from, to := b.SourceRef(), b.DestinationRef()
			d.bindings[from] = append(d.bindings[from], b)
			if to != from {
				d.bindings[to] = append(d.bindings[to], b)
			}
		}
	}
	return d.bindings[ref]
}

// queueRisk is what a queue holds now.
func (d *differ) queueRisk(ref topology.Ref) Risk {
	s, ok := d.have.Status[ref]
	return Risk{Messages: s.Messages, Consumers: s.Consumers, Known: ok && s.Known}
}

// stake puts a risk in words: it holds 3 messages and has 1 consumer.
func stake(r Risk) string {
	var parts []string
	if r.Messages > 0 {
		parts = append(parts, "holds "+units.FormatCount(r.Messages, "message"))
	}
	if r.Consumers > 0 {
		parts = append(parts, "has "+units.FormatCount(r.Consumers, "consumer"))
	}
	return "it " + strings.Join(parts, " and ")
}

func joinNames(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

func article(k topology.Kind) string {
	if strings.ContainsRune("aeiou", rune(k[0])) && k != topology.KindUser && k != topology.KindUserLimit {
		return "an " + string(k)
	}
	return "a " + string(k)
}
