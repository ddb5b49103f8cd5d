package apply_test

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
	"github.com/msgctl/msgctl/pkg/topology/apply"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// outcomes writes what became of each step.
func outcomes(p *plan.Plan, r apply.Result) string {
	var b strings.Builder
	for i, s := range p.Steps {
		fmt.Fprintf(&b, "%s %s %s\n", r.Steps[i].Outcome, s.Action, s.Ref)
	}
	return b.String()
}

var errRefused = errors.New("refused by the test")

func TestFailureSkipsWhatDependsOnIt(t *testing.T) {
	v := &topology.VHost{Name: "v"}
	want := topologytest.State(v, &topology.Queue{VHost: "v", Name: "vq", Type: topology.Classic, Durable: true},
		&topology.User{Name: "u"},
		&topology.Permission{VHost: "/", User: "u"}, topologytest.Queue("a"), topologytest.Queue("b"),
		topologytest.Bind("amq.topic", "a", ""), topologytest.Bind("amq.topic",
			"b", ""))
	old := topologytest.Queue("old")
	m := topologytest.BrokerWith(old).Owns("t", old).Failing(errRefused, `create vhost "v"`, `create user "u"`,
		`create queue "a"`)
	p := plan.Diff(want, m.Live(), everything)
	result := mustApply(t, m, p)
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
	var on *apply.DependencyError
	if err := result.Steps[6].Err; !errors.As(err, &on) || on.On.Name != "a" || !errors.Is(err, errRefused) ||
		!strings.Contains(err.Error(), `it needs queue "a"`) {
		t.Errorf("the binding was skipped because: %v", err)
	}
	var partial *apply.PartialError
	if err := result.Err(); !errors.As(err, &partial) || partial.Done != 2 || partial.Failed != 3 ||
		partial.Skipped != 4 || !errors.Is(err, errRefused) {
		t.Errorf("%v", result.Err())
	}
	m.Fault = nil
	if err := mustApply(t, m, plan.Diff(want, m.Live(), everything)).Err(); err != nil {
		t.Errorf("applied again: %v", err)
	}
	settled(t, want, m)
}

func TestUnreachableBrokerEndsTheApply(t *testing.T) {
	m := topologytest.BrokerWith().Failing(topology.ErrUnreachable, `create exchange "x"`)
	p := plan.Diff(topologytest.State(topologytest.Exchange("x", "topic"), topologytest.Queue("a"),
		topologytest.Queue("b")), m.Live(), everything)
	result := mustApply(t, m, p)
	if got := outcomes(p, result); got != "failed create exchange \"x\"\nskipped create queue \"a\"\nskipped create "+
		"queue \"b\"\n" {
		t.Error(got)
	}
	if !errors.Is(result.Steps[2].Err, topology.ErrUnreachable) || len(m.Saves) != 1 || result.OwnershipErr == nil {
		t.Errorf("%v; %d records written; %v", result.Steps[2].Err, len(m.Saves), result.OwnershipErr)
	}
}

// gate is a writer whose creations wait until they are let through.
type gate struct {
	*topologytest.Broker
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
	return g.Broker.Create(ctx, want)
}

func TestInterruptFinishesWhatIsInHand(t *testing.T) {
	m := topologytest.BrokerWith()
	g := &gate{Broker: m, entered: make(chan string, 9), pass: make(chan struct{})}
	p := plan.Diff(topologytest.State(topologytest.Queue("a"), topologytest.Queue("b"), topologytest.Queue("c"),
		topologytest.Bind("amq.topic", "a", "")), m.Live(), everything)
	ctx, cancel := context.WithCancel(t.Context())
	var result apply.Result
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, _ = apply.Run(ctx, p, g, nil, apply.Options{Parallel: 2})
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
	if owned := m.Records["t"].Refs; len(owned) != 2 || !owned[topologytest.Queue("a").Ref()] {
		t.Errorf("recorded: %v", owned)
	}
	var partial *apply.PartialError
	if !errors.As(result.Err(), &partial) || !partial.Interrupted {
		t.Errorf("%v", result.Err())
	}
}

func TestStepThatTimesOutStaysOwned(t *testing.T) {
	m := topologytest.BrokerWith()
	g := &gate{Broker: m, entered: make(chan string, 9), pass: make(chan struct{})}
	p := plan.Diff(topologytest.State(topologytest.Queue("a")), m.Live(), everything)
	result, err := apply.Run(t.Context(), p, g, nil, apply.Options{StepTimeout: time.Millisecond})
	if err != nil || result.Count(apply.Failed) != 1 || !m.Records["t"].Refs[topologytest.Queue("a").Ref()] {
		t.Errorf("%v, %+v, recorded %v", err, result, m.Records)
	}
}

func TestOwnershipIsRecordedBeforeAndAfter(t *testing.T) {
	old := topologytest.Queue("old")
	m := topologytest.BrokerWith(old, topologytest.Queue("had")).Owns("t", old).Failing(errRefused, `create queue "bad"`)
	want := topologytest.State(topologytest.Queue("bad"), topologytest.Queue("good"), topologytest.Queue("had"))
	p := plan.Diff(want, m.Live(), plan.Options{Prune: true, Adopt: true})
	mustApply(t, m, p)
	names := func(o topology.Ownership) (list []string) {
		for ref := range o.Refs {
			list = append(list, ref.Name)
		}
		slices.Sort(list)
		return list
	}
	if len(m.Saves) != 2 || !strings.HasPrefix(m.Log[0], "save") || !strings.HasPrefix(m.Log[len(m.Log)-1], "save") {
		t.Fatalf("log: %q", m.Log)
	}
	if got := names(m.Saves[0]); !slices.Equal(got, []string{"bad", "good", "had", "old"}) {
		t.Errorf("before: %q", got)
	}
	if got := names(m.Saves[1]); !slices.Equal(got, []string{"good", "had", "old"}) {
		t.Errorf("after: %q", got)
	}
}

func TestOwnershipThatCannotBeWritten(t *testing.T) {
	m := topologytest.BrokerWith(topologytest.Queue("had")).Failing(topology.ErrNotPermitted, `save global parameter "t"`)
	want := topologytest.State(topologytest.Queue("had"), topologytest.Queue("new"))
	p := plan.Diff(want, m.Live(), plan.Options{Adopt: true})
	result := mustApply(t, m, p)
	if got := outcomes(p, result); got != "failed adopt queue \"had\"\ndone create queue \"new\"\n" ||
		!errors.Is(result.OwnershipErr, topology.ErrNotPermitted) || result.Err() == nil {
		t.Errorf("%s%+v", got, result)
	}
	m = topologytest.BrokerWith().Failing(errRefused, `save global parameter "t"`)
	p = plan.Diff(want, m.Live(), plan.Options{})
	if result = mustApply(t, m, p); result.Count(apply.Skipped) != 2 ||
		len(m.Objects) != topologytest.BrokerWith().Live().Len() {
		t.Errorf("%s", outcomes(p, result))
	}
}

func TestUnchangedApplyWritesNothing(t *testing.T) {
	m := topologytest.BrokerWith(topologytest.Queue("q")).Owns("t", topologytest.Queue("q"))
	if err := mustApply(t, m, plan.Diff(topologytest.State(topologytest.Queue("q")), m.Live(),
		everything)).Err(); err != nil || len(m.Log) > 0 {
		t.Errorf("%v, %q", err, m.Log)
	}
}

func TestPlansWithErrorsOrBlockedStepsAreRefused(t *testing.T) {
	q1, q2 := topologytest.Queue("q", "x-max-length", 1), topologytest.Queue("q", "x-max-length", 2)
	for name, want := range map[string]*topology.State{
		"blocked": topologytest.State(q2, topologytest.Queue("other")),
		"problem": topologytest.State(topologytest.Queue("amq.q"), topologytest.Queue("other")),
	} {
		m := topologytest.BrokerWith(q1)
		_, err := apply.Run(t.Context(), plan.Diff(want, m.Live(), plan.Options{}), m, nil,
			apply.Options{})
		var refused *plan.RefusedError
		if !errors.As(err, &refused) || len(m.Log) > 0 || len(refused.Error()) < 60 {
			t.Errorf("%s: %v, log %q", name, err, m.Log)
		}
	}
}

func TestMessagesThatArriveAfterThePlanStopTheDeletion(t *testing.T) {
	q := topologytest.Queue("q")
	for _, allowed := range []int64{0, 4} {
		m := topologytest.BrokerWith(q).Owns("t", q)
		p := plan.Diff(topologytest.State(), m.Live(), plan.Options{Prune: true, MaxMessageLoss: allowed})
		m.Status[q.Ref()] = topology.QueueStatus{Messages: 5, Known: true}
		result := mustApply(t, m, p)
		if !errors.Is(result.Steps[0].Err, topology.ErrInUse) || !m.Records["t"].Refs[q.Ref()] {
			t.Errorf("%d allowed: %+v", allowed, result)
		}
	}
}

func TestReplacementThatStopsHalfWayIsRepaired(t *testing.T) {
	q1, q2, b := topologytest.Queue("q", "x-max-length", 1), topologytest.Queue("q", "x-max-length",
		2), topologytest.Bind("amq.topic", "q", "k")
	m := topologytest.BrokerWith(q1, b).Owns("t", q1, b).Failing(errRefused, `create queue "q"`)
	p := plan.Diff(topologytest.State(q2, b), m.Live(), everything)
	result := mustApply(t, m, p)
	if got := outcomes(p, result); got != "failed replace queue \"q\"\nskipped create binding \"amq.topic\" -> queue "+
		"\"q\", key \"k\"\n" || !strings.Contains(result.Steps[0].Err.Error(), "deleted, and not created again") {
		t.Errorf("%s%v", got, result.Steps[0].Err)
	}
	m.Fault = nil
	mustApply(t, m, plan.Diff(topologytest.State(q2, b), m.Live(), everything))
	settled(t, topologytest.State(q2, b), m)
}

// witness checks that an observer is called one at a time, once per step.
type witness struct {
	t     *testing.T
	mu    sync.Mutex
	begun int
	ended map[int]apply.Outcome
}

func (w *witness) Begin(steps int) { w.begun = steps }

func (w *witness) StepEnded(i int, _ plan.Step, r apply.StepResult) {
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
		if err := s.Add(topologytest.Queue(fmt.Sprint("q", i)), diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	m := topologytest.BrokerWith()
	w := &witness{t: t, ended: map[int]apply.Outcome{}}
	if _, err := apply.Run(t.Context(), plan.Diff(s, m.Live(), everything), m, w,
		apply.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.begun != 200 || len(w.ended) != 200 || w.ended[199] != apply.Done {
		t.Errorf("%d begun, %d ended", w.begun, len(w.ended))
	}
}

// TestPoliciesAfterOneThatFailedAreNotBegun: the rule is not written when its exception could not be.
func TestPoliciesAfterOneThatFailedAreNotBegun(t *testing.T) {
	rule := &topology.Policy{VHost: "/", Name: "a-rule", Definition: topology.Arguments{"max-length": int64(1)}}
	exception := &topology.Policy{VHost: "/", Name: "z-exception", Pattern: "^q", Priority: 1,
		Definition: topology.Arguments{"max-length": int64(100)}}
	m := topologytest.BrokerWith().Failing(errRefused, `create policy "z-exception"`)
	p := plan.Diff(topologytest.State(rule, exception, topologytest.Queue("q")), m.Live(), everything)
	result := mustApply(t, m, p)
	want := "failed create policy \"z-exception\"\nskipped create policy \"a-rule\"\ndone create queue \"q\"\n"
	if diff := cmp.Diff(want, outcomes(p, result)); diff != "" {
		t.Error(diff)
	}
	m = topologytest.BrokerWith(rule, exception).Owns("t", rule, exception).Failing(errRefused, `delete policy "a-rule"`)
	p = plan.Diff(topologytest.State(), m.Live(), everything)
	want = "failed delete policy \"a-rule\"\nskipped delete policy \"z-exception\"\n"
	if diff := cmp.Diff(want, outcomes(p, mustApply(t, m, p))); diff != "" {
		t.Error(diff)
	}
}
