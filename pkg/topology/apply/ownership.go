package apply

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// claim records, before the first write, everything that the topology owns or is about to. If the
// login may not do that, the objects are created anyway and the result says that they are not
// recorded; any other failure ends the apply here.
func (r *run) claim(ctx context.Context) {
	if r.plan.Ownership == nil || len(r.plan.Steps) == 0 && !r.plan.OnlyRecords() {
		return
	}
	recorded := topology.Ownership{Name: r.plan.Owner}
	if r.plan.RecordedOwnership != nil {
		recorded.Refs = r.plan.RecordedOwnership.Refs
	}
	r.saved = &recorded
	union := topology.Ownership{Name: r.plan.Owner, Refs: maps.Clone(recorded.Refs)}
	if union.Refs == nil {
		union.Refs = map[topology.Ref]bool{}
	}
	maps.Copy(union.Refs, r.plan.Ownership.Refs)
	if ctx.Err() != nil || union.Equal(recorded) {
		return
	}
	err := r.save(ctx, union)
	if err == nil {
		r.saved = &union
		return
	}
	r.result.OwnershipErr, r.unrecorded, r.saved = err, err, nil
	if !errors.Is(err, topology.ErrNotPermitted) {
		r.stopped = fmt.Errorf("not begun, because what is created could not be recorded: %w", err)
	}
}

// claimAgain writes the claim again now that its vhosts exist. In between, a pruning apply of
// another topology may have taken it for the record of a vhost that is gone.
func (r *run) claimAgain(ctx context.Context) {
	r.madeVHosts = true
	if r.saved == nil {
		return
	}
	if err := r.save(ctx, *r.saved); err != nil && r.result.OwnershipErr == nil {
		r.result.OwnershipErr = err
	}
}

// record writes what the topology owns now that everything has ended, and then takes out of other
// records what it has taken over. In between both own it, and neither prunes it.
func (r *run) record(ctx context.Context) {
	if r.saved == nil {
		return
	}
	exact := r.owned()
	if !exact.Equal(*r.saved) || r.madeVHosts {
		r.recordOwn(ctx, exact)
	}
	if r.result.OwnershipErr != nil || errors.Is(r.stopped, topology.ErrUnreachable) {
		return
	}
	for _, other := range r.plan.Released {
		left := maps.Clone(other.Refs)
		maps.DeleteFunc(left, func(ref topology.Ref, _ bool) bool { return exact.Refs[ref] })
		if err := r.save(ctx, topology.Ownership{Name: other.Name, Refs: left}); err != nil {
			r.result.OwnershipErr = fmt.Errorf("topology %q still owns what was adopted from it: %w", other.Name, err)
			return
		}
	}
	r.forget(ctx)
}

// forget removes records that name nothing that there is. They were judged when the plan was made:
// the broker is asked again, because another apply may have created such a vhost since. Where the
// login may not remove them, they stay: they do no harm.
func (r *run) forget(ctx context.Context) {
	for _, other := range r.plan.Forgotten {
		kept := false
		for ref := range other.Refs {
			kept = kept || r.failed[topology.Ref{Kind: topology.KindVHost, Name: ref.Within()}] != nil
		}
		if !kept {
			_ = r.writing(ctx, func(ctx context.Context) error { return r.writer.ForgetOwnership(ctx, other) })
		}
	}
}

func (r *run) recordOwn(ctx context.Context, exact topology.Ownership) {
	if errors.Is(r.stopped, topology.ErrUnreachable) {
		r.result.OwnershipErr = fmt.Errorf("the record of what topology %q owns names more than there is: %w", r.plan.Owner,
			topology.ErrUnreachable)
		return
	}
	r.result.OwnershipErr = r.save(ctx, exact)
}

func (r *run) save(ctx context.Context, o topology.Ownership) error {
	return r.writing(ctx, func(ctx context.Context) error { return r.writer.SaveOwnership(ctx, o) })
}

// writing calls f with a bounded context that the end of ctx does not end.
func (r *run) writing(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.options.StepTimeout)
	defer cancel()
	return f(ctx)
}

// owned is the planned record, less what was not made, and with what was not deleted. A creation
// that timed out may have happened: it stays in the record, or nothing would ever clean it up.
func (r *run) owned() topology.Ownership {
	before := map[topology.Ref]bool{}
	if r.plan.RecordedOwnership != nil {
		before = r.plan.RecordedOwnership.Refs
	}
	refs := maps.Clone(r.plan.Ownership.Refs)
	if refs == nil {
		refs = map[topology.Ref]bool{}
	}
	kept := map[topology.Ref]bool{}
	for i, s := range r.plan.Steps {
		result := r.result.Steps[i]
		switch {
		case result.Outcome == Done:
		case s.Action == plan.Delete:
			kept[s.Ref] = true
		case !before[s.Ref] && !uncertain(result):
			delete(refs, s.Ref)
		}
	}
	if len(kept) > 0 {
		for ref := range before {
			if kept[ref] || ref.DeletedWith(kept) {
				refs[ref] = true
			}
		}
	}
	return topology.Ownership{Name: r.plan.Owner, Refs: refs}
}

// uncertain reports whether the broker may have done what the step failed to confirm.
func uncertain(r StepResult) bool {
	return r.Outcome == Failed && (errors.Is(r.Err, context.DeadlineExceeded) || errors.Is(r.Err, topology.ErrUnreachable))
}
