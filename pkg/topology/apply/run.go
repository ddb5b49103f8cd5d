package apply

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

const (
	defaultParallel    = 8
	defaultStepTimeout = 30 * time.Second
)

// Run executes the plan's steps, exactly and once each, through w. It goes kind by kind in the
// plan's order, several objects of one kind at a time. When a step fails, those that depend on it
// are skipped and the rest continues. Deletions are also skipped if something failed in the same
// vhost, since what they delete may still be needed. When the broker is unreachable, or ctx ends,
// the steps in hand are finished (ctx bounds no write; StepTimeout does) and the rest skipped.
//
// What the topology owns is recorded before the first write, as the union of the old record and
// what is about to be created. At the end it is recorded again, exactly. An msgctl that is killed
// in between leaves no object without an owner.
//
// A plan with errors among its problems, or with blocked steps, is refused with a *RefusedError
// before anything is written; that is the only error. What became of the steps is in the Result:
// see Result.Err. obs may be nil.
func Run(ctx context.Context, p *plan.Plan, w Writer, obs Observer, o Options) (Result, error) {
	if err := p.Refusal(); err != nil {
		return Result{}, err
	}
	if o.Parallel <= 0 {
		o.Parallel = defaultParallel
	}
	if o.StepTimeout <= 0 {
		o.StepTimeout = defaultStepTimeout
	}
	start := time.Now()
	r := &run{plan: p, writer: w, observer: obs, options: o, result: Result{Steps: make([]StepResult, len(p.Steps))},
		failed: map[topology.Ref]error{}, failedIn: map[string]bool{},
		policyFailed: map[string]topology.Ref{}}
	if obs != nil {
		obs.Begin(len(p.Steps))
	}
	r.claim(ctx)
	for first := 0; first < len(p.Steps); {
		end := first + 1
		for end < len(p.Steps) && sameStage(p.Steps[first], p.Steps[end]) {
			end++
		}
		r.stage(ctx, first, end)
		if s := p.Steps[first]; s.Ref.Kind == topology.KindVHost && s.Action == plan.Create {
			r.claimAgain(ctx)
		}
		first = end
	}
	r.record(ctx)
	r.result.Elapsed = time.Since(start)
	return r.result, nil
}

// sameStage reports whether two neighbouring steps can be executed at the same time.
func sameStage(a, b plan.Step) bool {
	return a.Ref.Kind == b.Ref.Kind && (a.Action == plan.Delete) == (b.Action == plan.Delete)
}

// run is one execution of a plan.
type run struct {
	plan     *plan.Plan
	writer   Writer
	observer Observer
	options  Options

	mu     sync.Mutex // guards what follows, and the observer
	result Result
	// stopped says why nothing more is begun.
	stopped error
	// failed has the objects that are not as planned; failedIn their vhosts, "" for the cluster.
	failed   map[topology.Ref]error
	failedIn map[string]bool
	// policyFailed has the first policy of each vhost that is not as planned.
	policyFailed map[string]topology.Ref
	// saved is the record of ownership that the broker has now, as far as known; nil when none is
	// kept.
	saved *topology.Ownership
	// madeVHosts says that vhosts were to be created: see claimAgain.
	madeVHosts bool
	// unrecorded says why adopted objects are not recorded.
	unrecorded error
}

// stage executes the steps from first to end, all of one kind, in parallel.
func (r *run) stage(ctx context.Context, first, end int) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(r.parallel(r.plan.Steps[first].Ref.Kind), end-first) {
		wg.Go(guarded.Func(func() {
			for i := range next {
				r.step(ctx, i)
			}
		}))
	}
	for i := first; i < end; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// parallel says how many objects of a kind are written at once. The limits of one vhost, and of one
// user, are written one by one (fact limits-are-one-object). So are policies: an exception that
// keeps messages has to be there before the rule that drops others.
func (r *run) parallel(k topology.Kind) int {
	if k == topology.KindVHostLimit || k == topology.KindUserLimit || k.IsPolicy() {
		return 1
	}
	return r.options.Parallel
}

func (r *run) step(ctx context.Context, i int) {
	s := r.plan.Steps[i]
	if reason := r.obstacle(ctx, s); reason != nil {
		r.ended(i, StepResult{Outcome: Skipped, Err: reason})
		return
	}
	if err := r.write(ctx, s); err != nil {
		r.ended(i, StepResult{Outcome: Failed, Err: err})
		return
	}
	r.ended(i, StepResult{Outcome: Done})
}

// write does what the step says. It cannot be interrupted, only time out: a write that is cut off
// in the middle would leave the user not knowing what the broker has.
func (r *run) write(ctx context.Context, s plan.Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.options.StepTimeout)
	defer cancel()
	switch s.Action {
	case plan.Create:
		return r.writer.Create(ctx, s.Want)
	case plan.Update:
		return r.writer.Update(ctx, s.Have, s.Want)
	case plan.Delete:
		return r.writer.Delete(ctx, s.Have, s.Conditions)
	case plan.Replace:
		if err := r.writer.Delete(ctx, s.Have, s.Conditions); err != nil {
			return err
		}
		if err := r.writer.Create(ctx, s.Want); err != nil {
			return fmt.Errorf("it was deleted, and not created again: %w", err)
		}
		return nil
	case plan.Adopt:
		return r.unrecorded
	}
	return fmt.Errorf("unknown action %q", s.Action)
}

// obstacle says why a step cannot be begun, nil when it can.
func (r *run) obstacle(ctx context.Context, s plan.Step) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		r.result.Interrupted = true
		return errInterrupted
	}
	if r.stopped != nil {
		return r.stopped
	}
	if on, failed := r.policyFailed[s.Ref.VHost]; failed && s.Ref.Kind.IsPolicy() {
		return &DependencyError{On: on, Err: r.failed[on]}
	}
	if s.Action == plan.Delete {
		return r.keepers(s.Ref)
	}
	for _, on := range dependencies(s.Ref) {
		if err := r.failed[on]; err != nil {
			return &DependencyError{On: on, Err: err}
		}
	}
	return nil
}

// keepers: deletions of a plan that also creates come last, because what is deleted is often what
// something new takes the place of. Where that did not come to be, the old stays.
func (r *run) keepers(ref topology.Ref) error {
	if len(r.failedIn) == 0 {
		return nil
	}
	if r.failedIn[""] || r.failedIn[ref.Within()] || ref.Within() == "" {
		return errKept
	}
	return nil
}

// dependencies lists what must be as planned before an object can be made.
func dependencies(ref topology.Ref) []topology.Ref {
	var on []topology.Ref
	if ref.VHost != "" {
		on = append(on, topology.Ref{Kind: topology.KindVHost, Name: ref.VHost})
	}
	switch ref.Kind {
	case topology.KindBinding:
		on = append(on, ref.SourceRef(), ref.DestinationRef())
	case topology.KindPermission:
		on = append(on, topology.Ref{Kind: topology.KindUser, Name: ref.Name})
	case topology.KindTopicPermission:
		on = append(on, topology.Ref{Kind: topology.KindUser, Name: ref.Name}, topology.ExchangeRef(ref.VHost, ref.Parent))
	case topology.KindUserLimit:
		on = append(on, topology.Ref{Kind: topology.KindUser, Name: ref.Parent})
	}
	return on
}

func (r *run) ended(i int, result StepResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.plan.Steps[i]
	r.result.Steps[i] = result
	if result.Outcome != Done {
		r.failed[s.Ref] = result.Err
		if s.Action != plan.Delete {
			r.failedIn[s.Ref.Within()] = true
		}
		if _, known := r.policyFailed[s.Ref.VHost]; !known && s.Ref.Kind.IsPolicy() && s.Action != plan.Adopt {
			r.policyFailed[s.Ref.VHost] = s.Ref
		}
		if errors.Is(result.Err, topology.ErrUnreachable) && r.stopped == nil {
			r.stopped = fmt.Errorf("not begun: %w", topology.ErrUnreachable)
		}
	}
	if r.observer != nil {
		r.observer.StepEnded(i, s, result)
	}
}
