package dispatch

import (
	"slices"
	"testing"
)

// taken returns all that can be taken now: closed lanes do not wait.
func taken(l *lanes[string]) (values []string) {
	l.close()
	for {
		j, ok := l.take()
		if !ok {
			l.closed = false
			return values
		}
		values = append(values, j.Value)
	}
}

func TestLanesKeepTheOrderOfEachKey(t *testing.T) {
	l := newLanes[string]()
	a1, a2, a3 := &Job[string]{Value: "a1", key: "a"}, &Job[string]{Value: "a2", key: "a"}, &Job[string]{Value: "a3",
		key: "a"}
	for _, j := range []*Job[string]{a1, a2, {Value: "b1", key: "b"}, {Value: "none"}, {Value: "none, too"}, a3} {
		l.put(j)
	}
	for _, step := range []struct {
		do   func()
		want []string
	}{
		{func() {}, []string{"a1", "b1", "none", "none, too"}},
		{func() { l.again(a1) }, []string{"a1"}},
		{func() { l.done(a1) }, []string{"a2"}},
		{func() { l.done(a2) }, []string{"a3"}},
		{func() { l.done(a3); l.put(a1) }, []string{"a1"}},
	} {
		step.do()
		if got := taken(l); !slices.Equal(got, step.want) {
			t.Fatalf("taken %q, want %q", got, step.want)
		}
	}
	if len(l.keys) != 2 { // a and b are with workers
		t.Errorf("lanes of %d keys are kept", len(l.keys))
	}
}

func TestLanesReuseTheirMemory(t *testing.T) {
	l := newLanes[string]()
	for range 3 {
		l.put(&Job[string]{})
	}
	for range 10_000 { // never empty
		l.put(&Job[string]{})
		l.take()
	}
	if cap(l.ready) > 5000 {
		t.Errorf("room for %d jobs, for 3 that are waiting", cap(l.ready))
	}
}
