package topology_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// outcomes writes what became of each step.
func outcomes(p *topology.Plan, r topology.Result) string {
	var b strings.Builder
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "%s %s %s\n", r.Steps[i].Outcome, s.Action, s.Ref)
	}
	return b.String()
}

// failing makes the writes that are named "create queue \"q\"" fail.
func (m *model) failing(err error, writes ...string) *model {
	m.fault = func(op string, ref topology.Ref) error {
		if slices.Contains(writes, op+" "+ref.String()) {
			return fmt.Errorf("%s %s: %w", op, ref, err)
		}
		return nil
	}
	return m
}

var errRefused = errors.New("refused by the test")

func TestFailureSkipsWhatDependsOnIt(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	want := state(v, &topology.Queue{VHost: "v", Name: "vq", Type: topology.Classic, Durable: true},
		&topology.User{Name: "u"},
		&topology.Permission{VHost: "/", User: "u"}, queue("a"), queue("b"), bind("amq.topic", "a", ""), bind("amq.topic",
			"b", ""))
	old := queue("old")
	m := broker(old).owns("t", old).failing(errRefused, `create vhost "v"`, `create user "u"`, `create queue "a"`)
	p := topology.Diff(want, m.live(), everything)
	result := apply(t, m, p)
	expected := `failed create vhost "v"
failed create user "u"
skipped create permission of user "u"
failed create queue "a"
done create queue "b"
skipped create queue "vq"
skipped create binding "amq.topic" -> queue "a"
done create binding "amq.topic" -> queue "b"
skipped delete queue "old"
`
	if diff := cmp.Diff(expected, outcomes(p, result)); diff != "" {
		t.Error(diff)
	}
	var on *topology.DependencyError
	if err := result.Steps[6].Err; !errors.As(err, &on) || on.On.Name != "a" || !errors.Is(err, errRefused) ||
		!strings.Contains(err.Error(), `it needs queue "a"`) {
		t.Errorf("the binding was skipped because: %v", err)
	}
	var partial *topology.PartialError
	if err := result.Err(); !errors.As(err, &partial) || partial.Done != 2 || partial.Failed != 3 ||
		partial.Skipped != 4 || !errors.Is(err, errRefused) {
		t.Errorf("%v", result.Err())
	}
	m.fault = nil
	if err := apply(t, m, topology.Diff(want, m.live(), everything)).Err(); err != nil {
		t.Errorf("applied again: %v", err)
	}
	settled(t, want, m)
}

func TestUnreachableBrokerEndsTheApply(t *testing.T) {
	m := broker().failing(topology.ErrUnreachable, `create exchange "x"`)
	p := topology.Diff(state(exchange("x", "topic"), queue("a"), queue("b")), m.live(), everything)
	result := apply(t, m, p)
	if got := outcomes(p, result); got != "failed create exchange \"x\"\nskipped create queue \"a\"\nskipped create "+
		"queue \"b\"\n" {
		t.Error(got)
	}
	if !errors.Is(result.Steps[2].Err, topology.ErrUnreachable) || len(m.saves) != 1 || result.OwnershipErr == nil {
		t.Errorf("%v; %d records written; %v", result.Steps[2].Err, len(m.saves), result.OwnershipErr)
	}
}

// gate is a writer whose creations wait until they are let through.
type gate struct {
	*model
	entered chan string
	pass    chan struct{}
}

func (g *gate) Create(ctx context.Context, want topology.Object) error {
	g.entered <- want.Ref().Name
	select {
	case <-g.pass:
	case <-ctx.Done():
		return fmt.Errorf("create %s: %w", want.Ref(), ctx.Err())
	}
	return g.model.Create(ctx, want)
}

func TestInterruptFinishesWhatIsInHand(t *testing.T) {
	m := broker()
	g := &gate{model: m, entered: make(chan string, 9), pass: make(chan struct{})}
	p := topology.Diff(state(queue("a"), queue("b"), queue("c"), bind("amq.topic", "a", "")), m.live(), everything)
	ctx, cancel := context.WithCancel(t.Context())
	var result topology.Result
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, _ = topology.Apply(ctx, p, g, nil, topology.ApplyOptions{Parallel: 2})
	}()
	first := []string{<-g.entered, <-g.entered}
	cancel()
	close(g.pass)
	<-done
	slices.Sort(first)
	if !slices.Equal(first, []string{"a", "b"}) || !result.Interrupted {
		t.Errorf("in hand were %q; interrupted %v", first, result.Interrupted)
	}
	if got := outcomes(p, result); got != "done create queue \"a\"\ndone create queue \"b\"\nskipped create queue "+
		"\"c\"\nskipped create binding \"amq.topic\" -> queue \"a\"\n" {
		t.Error(got)
	}
	if owned := m.records["t"].Refs; len(owned) != 2 || !owned[queue("a").Ref()] {
		t.Errorf("recorded: %v", owned)
	}
	var partial *topology.PartialError
	if !errors.As(result.Err(), &partial) || !partial.Interrupted {
		t.Errorf("%v", result.Err())
	}
}

func TestStepThatTimesOutStaysOwned(t *testing.T) {
	m := broker()
	g := &gate{model: m, entered: make(chan string, 9), pass: make(chan struct{})}
	p := topology.Diff(state(queue("a")), m.live(), everything)
	result, err := topology.Apply(t.Context(), p, g, nil, topology.ApplyOptions{StepTimeout: time.Millisecond})
	if err != nil || result.Count(topology.Failed) != 1 || !m.records["t"].Refs[queue("a").Ref()] {
		t.Errorf("%v, %+v, recorded %v", err, result, m.records)
	}
}

func TestOwnershipIsRecordedBeforeAndAfter(t *testing.T) {
	old := queue("old")
	m := broker(old, queue("had")).owns("t", old).failing(errRefused, `create queue "bad"`)
	want := state(queue("bad"), queue("good"), queue("had"))
	p := topology.Diff(want, m.live(), topology.DiffOptions{Prune: true, Adopt: true})
	apply(t, m, p)
	names := func(o topology.Ownership) (list []string) {
		for ref := range o.Refs {
			list = append(list, ref.Name)
		}
		slices.Sort(list)
		return list
	}
	if len(m.saves) != 2 || !strings.HasPrefix(m.log[0], "save") || !strings.HasPrefix(m.log[len(m.log)-1], "save") {
		t.Fatalf("log: %q", m.log)
	}
	if got := names(m.saves[0]); !slices.Equal(got, []string{"bad", "good", "had", "old"}) {
		t.Errorf("before: %q", got)
	}
	if got := names(m.saves[1]); !slices.Equal(got, []string{"good", "had", "old"}) {
		t.Errorf("after: %q", got)
	}
}

func TestOwnershipThatCannotBeWritten(t *testing.T) {
	m := broker(queue("had")).failing(topology.ErrNotPermitted, `save global parameter "t"`)
	want := state(queue("had"), queue("new"))
	p := topology.Diff(want, m.live(), topology.DiffOptions{Adopt: true})
	result := apply(t, m, p)
	if got := outcomes(p, result); got != "failed adopt queue \"had\"\ndone create queue \"new\"\n" ||
		!errors.Is(result.OwnershipErr, topology.ErrNotPermitted) || result.Err() == nil {
		t.Errorf("%s%+v", got, result)
	}
	m = broker().failing(errRefused, `save global parameter "t"`)
	p = topology.Diff(want, m.live(), topology.DiffOptions{})
	if result = apply(t, m, p); result.Count(topology.Skipped) != 2 || len(m.objects) != broker().live().Len() {
		t.Errorf("%s", outcomes(p, result))
	}
}

func TestUnchangedApplyWritesNothing(t *testing.T) {
	m := broker(queue("q")).owns("t", queue("q"))
	if err := apply(t, m, topology.Diff(state(queue("q")), m.live(), everything)).Err(); err != nil || len(m.log) > 0 {
		t.Errorf("%v, %q", err, m.log)
	}
}

func TestPlansWithErrorsOrBlockedStepsAreRefused(t *testing.T) {
	q1, q2 := queue("q", "x-max-length", 1), queue("q", "x-max-length", 2)
	for name, want := range map[string]*topology.State{
		"blocked": state(q2, queue("other")),
		"problem": state(queue("amq.q"), queue("other")),
	} {
		m := broker(q1)
		_, err := topology.Apply(t.Context(), topology.Diff(want, m.live(), topology.DiffOptions{}), m, nil,
			topology.ApplyOptions{})
		var refused *topology.RefusedError
		if !errors.As(err, &refused) || len(m.log) > 0 || len(refused.Error()) < 60 {
			t.Errorf("%s: %v, log %q", name, err, m.log)
		}
	}
}

func TestMessagesThatArriveAfterThePlanStopTheDeletion(t *testing.T) {
	q := queue("q")
	for _, allowed := range []int64{0, 4} {
		m := broker(q).owns("t", q)
		p := topology.Diff(state(), m.live(), topology.DiffOptions{Prune: true, MaxMessageLoss: allowed})
		m.status[q.Ref()] = topology.QueueStatus{Messages: 5, Known: true}
		result := apply(t, m, p)
		if !errors.Is(result.Steps[0].Err, topology.ErrInUse) || !m.records["t"].Refs[q.Ref()] {
			t.Errorf("%d allowed: %+v", allowed, result)
		}
	}
}

func TestReplacementThatStopsHalfWayIsRepaired(t *testing.T) {
	q1, q2, b := queue("q", "x-max-length", 1), queue("q", "x-max-length", 2), bind("amq.topic", "q", "k")
	m := broker(q1, b).owns("t", q1, b).failing(errRefused, `create queue "q"`)
	p := topology.Diff(state(q2, b), m.live(), everything)
	result := apply(t, m, p)
	if got := outcomes(p, result); got != "failed replace queue \"q\"\nskipped create binding \"amq.topic\" -> queue "+
		"\"q\", key \"k\"\n" || !strings.Contains(result.Steps[0].Err.Error(), "deleted, and not created again") {
		t.Errorf("%s%v", got, result.Steps[0].Err)
	}
	m.fault = nil
	apply(t, m, topology.Diff(state(q2, b), m.live(), everything))
	settled(t, state(q2, b), m)
}

// witness checks that an observer is called one at a time, once per step.
type witness struct {
	t     *testing.T
	mu    sync.Mutex
	begun int
	ended map[int]topology.Outcome
}

func (w *witness) Begin(steps int) { w.begun = steps }

func (w *witness) StepEnded(i int, _ topology.Step, r topology.StepResult) {
	if !w.mu.TryLock() {
		w.t.Error("called twice at once")
		return
	}
	defer w.mu.Unlock()
	if _, twice := w.ended[i]; twice {
		w.t.Errorf("step %d ended twice", i)
	}
	w.ended[i] = r.Outcome
	time.Sleep(100 * time.Microsecond) // long enough for another to come in, if any may
}

func TestObserver(t *testing.T) {
	s := &topology.State{Name: "t"}
	for i := range 200 {
		if err := s.Add(queue(fmt.Sprint("q", i)), diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	m := broker()
	w := &witness{t: t, ended: map[int]topology.Outcome{}}
	if _, err := topology.Apply(t.Context(), topology.Diff(s, m.live(), everything), m, w,
		topology.ApplyOptions{}); err != nil {
		t.Fatal(err)
	}
	if w.begun != 200 || len(w.ended) != 200 || w.ended[199] != topology.Done {
		t.Errorf("%d begun, %d ended", w.begun, len(w.ended))
	}
}
