package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// prune looks through what the topology once applied and no longer declares. It deletes it when the
// options say so. It never deletes what another topology owns too, what the files expect of others,
// what the broker itself declared, or a vhost or user that the file still uses.
func (d *differ) prune() {
	if d.unkept != "" {
		return
	}
	read, external := d.readVHosts(), d.want.Expected()
	var gone []topology.Ref
	for ref := range d.recorded {
		switch {
		case d.want.Has(ref) || isProtected(ref):
		case d.have.Unreadable[ref.Kind] != "" || d.inUse(ref):
			d.owned[ref] = true
		case !d.have.Has(ref):
			if ref.VHost != "" && !read[ref.VHost] || d.replacedNow(ref) {
				d.owned[ref] = true
			}
		case d.owner(ref) != "":
			d.warn(ref, fmt.Sprintf("given up: topology %q owns it, too", d.owner(ref)),
				"")
		case slices.Contains(external, ref):
			d.warn(ref, "kept and given up: the files list it under external", "")
		case !d.reaches(ref) || !d.o.Prune:
			d.owned[ref] = true
			d.plan.Undeclared = append(d.plan.Undeclared, ref)
		default:
			gone = append(gone, ref)
		}
	}
	d.delete(d.keep(gone), fmt.Sprintf("topology %q applied it and no longer declares it", d.want.Name))
}

// replacedNow reports whether an object is missing only because its queue is being replaced.
func (d *differ) replacedNow(ref topology.Ref) bool {
	return slices.ContainsFunc(d.have.Migrations, func(m topology.Migration) bool {
		return m.Replaces(ref) || ref.Kind == topology.KindBinding && m.Replaces(ref.DestinationRef())
	})
}

// reaches reports whether Prune deletes an object, and notes otherwise what the user has to name
// for it (Plan.PruneNeeds). In the vhosts of the files (the topology's home, when they name none)
// it deletes exchanges, queues and bindings. It deletes objects of another kind only if the files
// declare some of that kind. Kinds of the cluster, and what is in other vhosts, need the word of
// the user (Options.PruneKinds).
func (d *differ) reaches(ref topology.Ref) bool {
	needs, ok := d.pruneNeeds(ref)
	if !ok {
		d.plan.PruneNeeds[ref] = needs
	}
	return ok
}

// pruneNeeds is reaches; needs is the kind to name, or "" where the files would have to name the
// vhost.
func (d *differ) pruneNeeds(ref topology.Ref) (needs topology.Kind, ok bool) {
	named := func(kind topology.Kind) bool { return slices.Contains(d.o.PruneKinds, kind) }
	kind := pruneKind(ref.Kind)
	if ref.VHost == "" {
		return kind, named(kind)
	}
	of := d.want.VHosts()
	going := d.recorded[(&topology.VHost{Name: ref.VHost}).Ref()] && !slices.Contains(of, ref.VHost)
	if len(of) == 0 {
		of = []string{cmp.Or(d.want.Home, "/")}
	}
	withVHost := going && named(topology.KindVHost)
	if !slices.Contains(of, ref.VHost) && !withVHost {
		if going {
			return topology.KindVHost, false
		}
		return "", false
	}
	switch kind {
	case topology.KindExchange, topology.KindQueue, topology.KindBinding:
		return kind, true
	case topology.KindPermission:
		if named(topology.KindUser) {
			return kind, true
		}
	}
	return kind, withVHost || named(kind) || d.declares(kind)
}

// pruneKind is the kind to name for one that goes with another.
func pruneKind(kind topology.Kind) topology.Kind {
	switch kind {
	case topology.KindUserLimit:
		return topology.KindUser
	case topology.KindTopicPermission:
		return topology.KindPermission
	}
	return kind
}

// declares reports whether the files have an object of a kind.
func (d *differ) declares(kind topology.Kind) bool {
	for ref := range d.want.All() {
		if pruneKind(ref.Kind) == kind {
			return true
		}
	}
	return false
}

// inUse reports whether the file still has objects in a vhost, or rights of a user, that it does
// not declare itself.
func (d *differ) inUse(ref topology.Ref) bool {
	switch ref.Kind {
	case topology.KindVHost:
		_, n := d.firstIn(ref.Name)
		return n > 0
	case topology.KindUser:
		for r := range d.want.All() {
			if (r.Kind == topology.KindPermission || r.Kind == topology.KindTopicPermission) && r.Name == ref.Name ||
				r.Kind == topology.KindUserLimit &&
					r.Parent == ref.Name {
				return true
			}
		}
	}
	return false
}

// readVHosts guesses which vhosts the reader looked into: the wanted and the missing ones, and
// those it found anything in (every vhost has its predeclared exchanges).
func (d *differ) readVHosts() map[string]bool {
	read := map[string]bool{}
	for _, v := range slices.Concat(d.want.VHosts(), d.have.MissingVHosts) {
		read[v] = true
	}
	for ref := range d.have.All() {
		read[ref.VHost] = true
	}
	return read
}

// delete plans deletions. What goes by itself with a vhost, or a binding with the queue it leads
// to, gets no step.
func (d *differ) delete(refs []topology.Ref, why string) {
	for _, ref := range refs {
		d.deleted[ref] = true
	}
	for _, ref := range refs {
		if !ref.DeletedWith(d.deleted) {
			d.plan.Steps = append(d.plan.Steps, d.deletion(ref, why))
		}
	}
}

func (d *differ) deletion(ref topology.Ref, why string) Step {
	have, _ := d.have.Get(ref)
	step := Step{Action: Delete, Ref: ref, Have: have, Why: why}
	switch ref.Kind {
	case topology.KindQueue:
		risk := d.queueRisk(ref)
		step.Risk = &risk
		step.Why = also(why, describeLost(d.lostWith(ref)))
		if have.(*topology.Queue).Exclusive {
			step.Blocked = "it belongs to one connection, which alone may delete it: close that connection"
		} else {
			step.Blocked, step.Remedy = d.protectBindings(ref)
		}
	case topology.KindExchange:
		lost := d.lostWith(ref)
		step.Conditions.IfUnused = !slices.ContainsFunc(lost, func(b topology.Ref) bool { return b.Parent == ref.Name })
		step.Why = also(why, describeLost(lost))
		step.Blocked, step.Remedy = d.protectBindings(ref)
	case topology.KindVHost:
		step.Risk, step.Why = d.vhostRisk(ref.Name, why)
		step.Blocked = d.protectVHost(ref)
	}
	return step
}

// lostWith lists bindings that go with an exchange or queue although nobody asked for it.
func (d *differ) lostWith(ref topology.Ref) []topology.Ref {
	var lost []topology.Ref
	for _, b := range d.bindingsOf(ref) {
		if !d.deleted[b] && !d.want.Has(b) {
			lost = append(lost, b)
		}
	}
	return lost
}

// vhostRisk sums what the queues of a vhost hold, declared or not.
func (d *differ) vhostRisk(vhost, why string) (*Risk, string) {
	risk := Risk{Known: true}
	queues := 0
	for ref := range d.have.All() {
		if ref.Kind != topology.KindQueue || ref.VHost != vhost {
			continue
		}
		queues++
		r := d.queueRisk(ref)
		risk.Messages += r.Messages
		risk.Consumers += r.Consumers
		risk.Known = risk.Known && r.Known
	}
	if queues == 0 {
		return &risk, why
	}
	with := fmt.Sprintf("%s in it go too", units.FormatCount(int64(queues), "queue"))
	if queues == 1 {
		with = "1 queue in it goes too"
	}
	return &risk, also(why, with)
}

// also joins two reasons, of which either may be missing.
func also(why, more string) string {
	if why == "" || more == "" {
		return why + more
	}
	return why + "; " + more
}

// queuesOf returns a queue itself, or the queues of a vhost, ordered.
func (d *differ) queuesOf(ref topology.Ref) []topology.Ref {
	if ref.Kind == topology.KindQueue {
		return []topology.Ref{ref}
	}
	var queues []topology.Ref
	for r := range d.have.All() {
		if r.Kind == topology.KindQueue && r.VHost == ref.Name {
			queues = append(queues, r)
		}
	}
	slices.SortFunc(queues, topology.Ref.CompareByKind)
	return queues
}

// queue returns a live queue.
func (d *differ) queue(ref topology.Ref) *topology.Queue {
	o, _ := d.have.Get(ref)
	q, _ := o.(*topology.Queue)
	return q
}

// blockOthers blocks the deletion of what another topology owns or somebody else created.
func (d *differ) blockOthers() {
	for i := range d.plan.Steps {
		s := &d.plan.Steps[i]
		if owner := d.owner(s.Ref); owner != "" && !d.recorded[s.Ref] {
			s.Blocked, s.Remedy = fmt.Sprintf("it belongs to topology %q: destroy it with that file", owner), Remedy{}
		}
		if s.Blocked == "" && d.isOthers(s.Ref) {
			s.Blocked, s.Remedy = "the record of this topology does not name it: somebody else created it",
				Remedy{Kind: AllowAdopt}
		}
	}
}

// isOthers reports whether this topology has a record, which does not name the object. What a
// topology creates is recorded before it is created.
func (d *differ) isOthers(ref topology.Ref) bool {
	_, kept := d.have.Ownership[d.plan.Owner]
	return kept && d.unkept == "" && !d.recorded[ref]
}

// Destroy returns the plan that deletes what the file declares and the broker has, in reverse order
// of creation. The conditions are those of Diff; of the options, only MaxMessageLoss matters. What
// another topology owns is blocked, and so is what this topology's record does not name; without a
// record, what the files declare goes. What the broker itself declared is left. Vhosts and users go
// only when the file declares them and the record says that this topology made them. A vhost is
// blocked if anything in it is somebody else's. A user with permissions in vhosts that are not the
// topology's is kept, with a warning. The wait queues of retry steps that the file had before go
// along with their queue.
func Destroy(want *topology.State, have *topology.Live, o Options) *Plan {
	d := newDiffer(want, have, o)
	d.plan.Destroys = true
	d.checkVHosts()
	var gone []topology.Ref
	for ref := range want.All() {
		switch {
		case isProtected(ref):
		case have.Unreadable[ref.Kind] != "":
			d.unreadable[ref.Kind] = append(d.unreadable[ref.Kind], ref)
		case have.Has(ref):
			gone = append(gone, ref)
		}
	}
	for ref := range d.recorded {
		switch {
		case want.Has(ref) || isProtected(ref) || !have.Has(ref):
		case d.formerWaitQueue(ref) && d.owner(ref) == "":
			gone = append(gone, ref)
		default:
			d.owned[ref] = true
		}
	}
	undeclared := maps.Clone(d.owned)
	d.delete(d.keep(gone), "")
	d.blockOthers()
	for ref := range undeclared {
		if ref.DeletedWith(d.deleted) {
			delete(d.owned, ref)
			continue
		}
		d.plan.Undeclared = append(d.plan.Undeclared, ref)
		d.reaches(ref)
	}
	d.checks = newChecker(&topology.State{}, have)
	d.finish()
	// What cannot be read is not deleted: for a plan to destroy, that is no success.
	for i := range d.plan.Problems {
		if len(d.unreadable) > 0 {
			d.plan.Problems[i].Severity = diag.Error
		}
	}
	return d.plan
}
