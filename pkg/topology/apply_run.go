package topology

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

const (
	defaultParallel    = 8
	defaultStepTimeout = 30 * time.Second
)

// Apply executes the plan's steps, exactly and once each, through w. It goes kind by kind in the
// plan's order, several objects of one kind at a time. When a step fails, those that depend on it
// are skipped and the rest goes on; deletions are skipped too where something failed in the same
// vhost, since what they delete may still be needed. When the broker is unreachable, or ctx ends,
// the steps in hand are finished (ctx bounds no write; StepTimeout does) and the rest skipped.
//
// What the topology owns is recorded before the first write, as the union of the old record and
// what is about to be created, and again at the end, exactly: an msgctl that is killed in between
// leaves no object that nobody owns.
//
// A plan with errors among its problems, or with blocked steps, is refused with a *RefusedError
// before anything is written; that is the only error. What became of the steps is in the Result:
// see Result.Err. obs may be nil.
func Apply(ctx context.Context, p *Plan, w Writer, obs Observer, o ApplyOptions) (Result, error) {
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
		failed: map[Ref]error{}, failedIn: map[string]bool{}}
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
		first = end
	}
	r.record(ctx)
	r.result.Elapsed = time.Since(start)
	return r.result, nil
}

// sameStage reports whether two neighbouring steps can be executed at the same time.
func sameStage(a, b Step) bool {
	return a.Ref.Kind == b.Ref.Kind && (a.Action == Delete) == (b.Action == Delete)
}

// run is one execution of a plan.
type run struct {
	plan     *Plan
	writer   Writer
	observer Observer
	options  ApplyOptions

	mu     sync.Mutex // guards what follows, and the observer
	result Result
	// stopped says why nothing more is begun.
	stopped error
	// failed has the objects that are not as planned; failedIn their vhosts, "" for the cluster.
	failed   map[Ref]error
	failedIn map[string]bool
	// saved is the record of ownership that the broker has now, as far as known; nil when none is
	// kept.
	saved *Ownership
	// unrecorded says why adopted objects are not recorded.
	unrecorded error
}

// stage executes the steps from first to end, all of one kind, in parallel.
func (r *run) stage(ctx context.Context, first, end int) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(r.parallel(r.plan.Steps[first].Ref.Kind), end-first) {
		wg.Go(func() {
			for i := range next {
				r.step(ctx, i)
			}
		})
	}
	for i := first; i < end; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
}

// parallel says how many objects of a kind are written at once. The limits of one vhost, and of one
// user, are written one by one (fact limits-are-one-object).
func (r *run) parallel(k Kind) int {
	if k == KindVHostLimit || k == KindUserLimit {
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
func (r *run) write(ctx context.Context, s Step) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.options.StepTimeout)
	defer cancel()
	switch s.Action {
	case Create:
		return r.writer.Create(ctx, s.Want)
	case Update:
		return r.writer.Update(ctx, s.Have, s.Want)
	case Delete:
		return r.writer.Delete(ctx, s.Have, s.Guard)
	case Replace:
		if err := r.writer.Delete(ctx, s.Have, s.Guard); err != nil {
			return err
		}
		if err := r.writer.Create(ctx, s.Want); err != nil {
			return fmt.Errorf("it was deleted, and not created again: %w", err)
		}
		return nil
	case Adopt:
		return r.unrecorded
	}
	return fmt.Errorf("unknown action %q", s.Action)
}

// obstacle says why a step cannot be begun, nil when it can.
func (r *run) obstacle(ctx context.Context, s Step) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if ctx.Err() != nil {
		r.result.Interrupted = true
		return errInterrupted
	}
	if r.stopped != nil {
		return r.stopped
	}
	if s.Action == Delete {
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
func (r *run) keepers(ref Ref) error {
	if len(r.failedIn) == 0 {
		return nil
	}
	if r.failedIn[""] || r.failedIn[vhostOf(ref)] || vhostOf(ref) == "" {
		return errKept
	}
	return nil
}

func vhostOf(ref Ref) string {
	if ref.Kind == KindVHost {
		return ref.Name
	}
	return ref.VHost
}

// dependencies lists what must be as planned before an object can be made.
func dependencies(ref Ref) []Ref {
	var on []Ref
	if ref.VHost != "" {
		on = append(on, Ref{Kind: KindVHost, Name: ref.VHost})
	}
	switch ref.Kind {
	case KindBinding:
		on = append(on, ref.SourceRef(), ref.DestinationRef())
	case KindPermission:
		on = append(on, Ref{Kind: KindUser, Name: ref.Name})
	case KindTopicPermission:
		on = append(on, Ref{Kind: KindUser, Name: ref.Name}, ExchangeRef(ref.VHost, ref.Parent))
	case KindUserLimit:
		on = append(on, Ref{Kind: KindUser, Name: ref.Parent})
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
		if s.Action != Delete {
			r.failedIn[vhostOf(s.Ref)] = true
		}
		if errors.Is(result.Err, ErrUnreachable) && r.stopped == nil {
			r.stopped = fmt.Errorf("not begun: %w", ErrUnreachable)
		}
	}
	if r.observer != nil {
		r.observer.StepEnded(i, s, result)
	}
}
