package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Diff compares what a file declares with what a broker has, and returns the plan that makes the
// broker as declared. It is pure: it reads its arguments and keeps no part of them but the objects.
// What the broker would refuse or ignore is in Plan.Problems, with the place in the file. The steps
// are in the order in which Apply goes through them: by kind as Kinds lists them, then vhost and
// name; deletions last and in reverse.
//
// Values that the broker fills in by itself are no difference: an injected x-queue-type, a vhost's
// default queue type, the hash of an unchanged password. Nor are arguments that this broker ignores
// on this queue type.
func Diff(want *topology.State, have *topology.Live, o Options) *Plan {
	d := newDiffer(want, have, o)
	d.takeOver()
	d.checkVHosts()
	for _, ref := range d.order() {
		want, _ := d.want.Get(ref)
		d.declared(ref, want)
	}
	d.rebind()
	d.prune()
	d.finish()
	return d.plan
}

// differ holds what one Diff accumulates.
type differ struct {
	want *topology.State
	have *topology.Live
	o    Options
	plan *Plan
	// recorded is what the topology owns by the broker's record.
	recorded map[topology.Ref]bool
	// owned is what it will own.
	owned map[topology.Ref]bool
	// from are the topologies whose declared objects this one takes over.
	from map[string]bool
	// unkept says why ownership cannot be recorded, "" when it can.
	unkept string
	// unreadable counts declared objects of kinds that could not be read, by kind.
	unreadable map[topology.Kind][]topology.Ref
	// replaced and deleted are what this plan takes away, wholly or for a moment.
	replaced, deleted map[topology.Ref]bool
	bindings          map[topology.Ref][]topology.Ref
	checks            *checker
}

func newDiffer(want *topology.State, have *topology.Live, o Options) *differ {
	want, retries := FitRetries(want, have)
	d := &differ{
		want: want, have: have, o: o, plan: &Plan{Name: want.Name, PruneNeeds: map[topology.Ref]topology.Kind{},
			Owner: want.Owner(), Server: have.Server,
			Retries: retries},
		recorded: have.Ownership[want.Owner()].Refs, owned: map[topology.Ref]bool{},
		from:       map[string]bool{},
		unreadable: map[topology.Kind][]topology.Ref{},
		replaced:   map[topology.Ref]bool{}, deleted: map[topology.Ref]bool{}, checks: newChecker(want, have),
	}
	switch {
	case want.Name == "":
		d.unkept = "the file has no name"
	case have.Ownership[want.Owner()].Broken != "":
		d.unkept = have.Ownership[want.Owner()].Broken
	case have.Unreadable[topology.KindGlobalParameter] != "":
		d.unkept = have.Unreadable[topology.KindGlobalParameter]
	}
	return d
}

func (d *differ) order() []topology.Ref {
	refs := make([]topology.Ref, 0, d.want.Len())
	for ref := range d.want.All() {
		refs = append(refs, ref)
	}
	slices.SortFunc(refs, topology.Ref.CompareByKind)
	return refs
}

func (d *differ) problem(p diag.Diagnostic) { d.plan.Problems = append(d.plan.Problems, p) }

func (d *differ) warn(ref topology.Ref, message, fix string) {
	d.problem(diag.Diagnostic{
		Severity: diag.Warning, Position: d.want.Position(ref), Object: ref.Full(), Message: message, Fix: fix,
	})
}

// checkVHosts says once per vhost that it is missing, instead of once per object in it.
func (d *differ) checkVHosts() {
	for _, vhost := range d.have.MissingVHosts {
		if d.want.Has(topology.Ref{Kind: topology.KindVHost, Name: vhost}) {
			continue
		}
		first, n := d.firstIn(vhost)
		if n == 0 {
			continue
		}
		missing := d.have.WithoutVHost(vhost)
		p := diag.Diagnostic{
			Severity: diag.Error, Position: d.want.Position(first),
			Message: missing.Error(),
			Why:     units.FormatCount(int64(n), "object") + " of the file would be in it",
			Fix:     fmt.Sprintf("add to the file: vhosts: {%q: {}}", vhost),
			Remedy:  diag.CreateVHost,
		}
		if d.plan.Destroys {
			p.Remedy, p.Fix = "", "name the vhost that they are in, or use a login that may see it"
		}
		switch {
		case vhost != d.want.Home:
		case !d.want.HomeAt.IsZero():
			p.Position = d.want.HomeAt
		case d.o.HomeFrom != "":
			p.Position, p.Message = diag.Position{}, p.Message+" (its name is from "+d.o.HomeFrom+")"
		}
		if suggest.Nearest(vhost, missing.Known) != "" {
			p.Why += "; " + missing.Hint()
		}
		d.problem(p)
	}
}

func (d *differ) firstIn(vhost string) (first topology.Ref, n int) {
	for ref := range d.want.All() {
		if ref.VHost != vhost {
			continue
		}
		if n == 0 || ref.CompareByKind(first) < 0 {
			first = ref
		}
		n++
	}
	return first, n
}

// declared plans one object of the file.
func (d *differ) declared(ref topology.Ref, want topology.Object) {
	if reason := d.have.Unreadable[ref.Kind]; reason != "" {
		d.unread(ref, want)
		return
	}
	have, exists := d.have.Get(ref)
	if q, ok := want.(*topology.Queue); ok && !q.TypeDeclared {
		want = d.effective(q, have)
	}
	if !exists {
		d.missing(ref, want)
		return
	}
	if u, ok := want.(*topology.User); ok {
		want = keepPassword(have.(*topology.User), u)
	}
	list := changes(have, want, d.have.Server)
	d.checks.object(ref, want, len(list) == 0)
	if len(list) == 0 {
		d.equal(ref, have, want)
		return
	}
	d.differs(ref, have, want, list)
}

// reportForeign lists what the plan changes or deletes although no record says that this topology
// created it. What is blocked says itself why.
func (d *differ) reportForeign() {
	if d.unkept != "" {
		return
	}
	for _, s := range d.plan.Steps {
		switch s.Action {
		case Update, Replace, Delete:
			if s.Blocked == "" && !d.recorded[s.Ref] && d.owner(s.Ref) == "" && d.takenFrom(s.Ref) == "" {
				d.plan.Foreign = append(d.plan.Foreign, s.Ref)
			}
		}
	}
	slices.SortFunc(d.plan.Foreign, topology.Ref.CompareByKind)
}

// unread plans an object whose kind could not be read: without the management API, exchanges,
// queues and bindings are declared anew, which changes nothing when they are equal. The rest is
// reported once per kind.
func (d *differ) unread(ref topology.Ref, want topology.Object) {
	if isProtected(ref) {
		d.plan.Unchanged++
		return
	}
	overAMQP := ref.Kind == topology.KindExchange || ref.Kind == topology.KindQueue || ref.Kind == topology.KindBinding
	if !d.have.Server.AMQPOnly || !overAMQP {
		d.unreadable[ref.Kind] = append(d.unreadable[ref.Kind], ref)
		return
	}
	d.checks.object(ref, want, false)
	d.plan.Steps = append(d.plan.Steps, Step{
		Action: Create, Ref: ref, Want: want,
		Why: "what exists cannot be read without the management API; to declare an equal object again changes nothing",
	})
}

func (d *differ) missing(ref topology.Ref, want topology.Object) {
	if isProtected(ref) {
		d.checks.protected(ref, want)
		return
	}
	d.checks.object(ref, want, false)
	d.plan.Steps = append(d.plan.Steps, Step{Action: Create, Ref: ref, Want: want})
	d.owned[ref] = true
}

func (d *differ) equal(ref topology.Ref, have, want topology.Object) {
	d.plan.Unchanged++
	switch owner := d.owner(ref); {
	case isProtected(ref):
	case d.recorded[ref]:
		d.owned[ref] = true
	case owner != "" && ref.VHost == "":
		// An object of the cluster that two topologies declare is recorded by both: neither deletes
		// it while the other has it.
		if d.unkept == "" {
			d.owned[ref] = true
		}
	case owner != "":
		if d.o.Adopt {
			d.warn(ref, fmt.Sprintf("not adopted: it belongs to topology %q", owner),
				"name that topology as the one to adopt from, if the object has moved here")
		}
	case (d.o.Adopt || d.takenFrom(ref) != "") && d.unkept == "":
		d.adopt(ref, have, want)
	case d.unkept == "":
		d.plan.Unowned = append(d.plan.Unowned, ref)
	}
}

// adopt plans to record what exists as it is declared.
func (d *differ) adopt(ref topology.Ref, have, want topology.Object) {
	why := "it existed before this topology was applied"
	if from := d.takenFrom(ref); from != "" {
		why = fmt.Sprintf("topology %q owned it", from)
	}
	d.plan.Steps = append(d.plan.Steps, Step{Action: Adopt, Ref: ref, Have: have, Want: want, Why: why})
	d.owned[ref] = true
}

func (d *differ) differs(ref topology.Ref, have, want topology.Object, list []FieldChange) {
	if isProtected(ref) {
		d.checks.protected(ref, want)
		return
	}
	step := Step{Action: Update, Ref: ref, Have: have, Want: want, Changes: list}
	if fixed := immutableFields(list); len(fixed) > 0 {
		d.replace(&step, fixed)
	}
	owner := d.owner(ref)
	if owner != "" && !d.recorded[ref] {
		step.Blocked = fmt.Sprintf("it belongs to topology %q: change it in that file, or declare it here as it is there",
			owner)
		step.Remedy = Remedy{Kind: AllowTakeOver, Owner: owner}
	}
	if d.recorded[ref] || step.Action == Replace || owner == "" && (d.o.Adopt || d.takenFrom(ref) != "") {
		d.owned[ref] = true
	}
	if owner == "" && !d.owned[ref] && d.unkept == "" {
		step.Blocked, step.Remedy = blockLess(ref, list)
	}
	d.plan.Steps = append(d.plan.Steps, step)
}

// owner returns the other topology that owns the object, "" when none does, or when the object is
// declared and taken over.
func (d *differ) owner(ref topology.Ref) string {
	owner := ""
	for name, o := range d.have.Ownership {
		if name != d.plan.Owner && o.Refs[ref] && (owner == "" || name < owner) && !(d.from[name] && d.want.Has(ref)) {
			owner = name
		}
	}
	return owner
}

// effective returns a queue whose file names no type with the type that it has on this broker, or,
// where it has to be declared (again), will get.
func (d *differ) effective(q *topology.Queue, have topology.Object) *topology.Queue {
	if live, ok := have.(*topology.Queue); ok {
		typed := q.WithType(live.Type)
		if len(queueChanges(live, typed, d.have.Server)) == 0 && takesAll(typed) {
			return typed
		}
	}
	return q.WithType(topology.DefaultQueueType(q, d.want, d.have))
}

// takesAll reports whether queues of that type know the arguments: otherwise the file means another
// type.
func takesAll(q *topology.Queue) bool {
	for name := range q.Arguments {
		if a, known := capability.LookupArgument(name); known && !a.TakenBy(q.Type, "") {
			return false
		}
	}
	return true
}

// finish adds what concerns the whole, and puts everything in order.
func (d *differ) finish() {
	d.messageRisks()
	d.limitLoss()
	d.protectAdministrators()
	d.protectMigrations()
	d.reportUnreadable()
	d.reportOwnership()
	d.reportForeign()
	d.spread()
	d.release()
	d.forget()
	d.foresee()
	d.checks.references(d.deleted)
	d.checks.policies(d.deleted)
	d.plan.Problems = append(d.plan.Problems, d.checks.found...)
	d.plan.Problems.Sort()
	slices.SortStableFunc(d.plan.Steps, compareSteps)
	slices.SortFunc(d.plan.Undeclared, topology.Ref.CompareByKind)
	slices.SortFunc(d.plan.LeftAlone, topology.Ref.CompareByKind)
}

// reportUnreadable says what is left alone because its kind could not be read: a warning where the
// user chose to go without the management API, an error otherwise.
func (d *differ) reportUnreadable() {
	for kind, refs := range d.unreadable {
		slices.SortFunc(refs, topology.Ref.CompareByKind)
		p := diag.Diagnostic{
			Severity: diag.Error, Position: d.want.Position(refs[0]),
			Message: fmt.Sprintf("%s cannot be compared: %s", countKind(len(refs), kind), d.have.Unreadable[kind]),
			Why:     "nothing is known of what the broker has", Fix: "use a login that may read them, or take them out of " +
				"the file",
		}
		if d.have.Server.AMQPOnly {
			d.plan.LeftAlone = append(d.plan.LeftAlone, refs...)
			p.Severity, p.Why = diag.Warning, "only exchanges, queues and bindings can be declared without the management API"
			p.Message = fmt.Sprintf("%s left alone: %s", countKind(len(refs), kind), d.have.Unreadable[kind])
			p.Fix = "apply again with the management API to have the rest"
		}
		d.problem(p)
	}
}

func countKind(n int, k topology.Kind) string {
	if n == 1 {
		return "1 " + string(k)
	}
	if stem, ok := strings.CutSuffix(string(k), "y"); ok {
		return fmt.Sprintf("%d %sies", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, k)
}

// reportOwnership writes the record that the plan leads to, or says why there is none.
func (d *differ) reportOwnership() {
	record, known := d.have.Ownership[d.plan.Owner]
	if known {
		d.plan.RecordedOwnership = &record
	}
	if d.unkept == "" {
		d.plan.Ownership = &topology.Ownership{Name: d.plan.Owner, Refs: d.owned}
		return
	}
	severity := diag.Warning
	fix := "what this file creates will have to be deleted by hand one day"
	if d.o.Prune || d.o.Adopt || len(d.o.AdoptFrom) > 0 {
		severity, fix = diag.Error, "plan without pruning and without adopting"
		if d.want.Name == "" {
			fix = "give the file a name, the owner of what it creates: name: orders"
		}
	} else if d.want.Name == "" {
		return
	}
	d.problem(diag.Diagnostic{
		Severity: severity, Message: "what this topology owns cannot be recorded: " + d.unkept,
		Why: "pruning deletes only what the record names", Fix: fix,
	})
}
