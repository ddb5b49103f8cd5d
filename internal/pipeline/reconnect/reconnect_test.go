package reconnect_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
)

var (
	errLost = errors.New("lost")
	errGone = errors.New("no such queue")
)

// attempts records when each attempt was made, and fails all but the one with that number.
type attempts struct {
	start time.Time
	at    []time.Duration
	err   error
	works int
}

func (a *attempts) open(context.Context) (string, error) {
	a.at = append(a.at, time.Since(a.start))
	if len(a.at) == a.works {
		return "connected", nil
	}
	return "", a.err
}

func TestDelaysGrowByOneEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := attempts{start: time.Now(), err: errLost, works: 4}
		var told []reconnect.Failure
		got, err := reconnect.Open(t.Context(), reconnect.Policy{}.Start(), errLost, a.open,
			func(f reconnect.Failure) { told = append(told, f) })
		if got != "connected" || err != nil {
			t.Fatal(got, err)
		}
		if want := []time.Duration{0, 5 * time.Second, 15 * time.Second, 30 * time.Second}; !slices.Equal(a.at, want) {
			t.Errorf("attempts at %v, want %v", a.at, want)
		}
		if len(told) != 3 || told[2] != (reconnect.Failure{Err: errLost, Attempt: 4, Wait: 15 * time.Second}) {
			t.Errorf("told %+v", told)
		}
	})
}

func TestEndsAfterItsAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct{ attempts, want int }{{0, 10}, {3, 3}, {-1, 0}} {
			a := attempts{start: time.Now(), err: errLost}
			_, err := reconnect.Open(t.Context(), reconnect.Policy{Attempts: c.attempts}.Start(), errLost, a.open, nil)
			if !errors.Is(err, errLost) || len(a.at) != c.want {
				t.Errorf("with %d: %d attempts, want %d (%v)", c.attempts, len(a.at), c.want, err)
			}
		}
	})
}

// A connection that is lost again and again before anything worked must not be tried forever.
func TestSeriesCountsConnectionsThatDidNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := reconnect.Policy{Attempts: 3}.Start()
		a := attempts{start: time.Now()}
		open := func() error { _, err := reconnect.Open(t.Context(), s, errLost, a.open, nil); return err }
		for range 3 {
			if err := open(); err != nil {
				t.Fatal(err)
			}
		}
		if err := open(); !errors.Is(err, errLost) {
			t.Error(err)
		}
		if want := []time.Duration{0, 5 * time.Second, 15 * time.Second}; !slices.Equal(a.at, want) {
			t.Errorf("attempts at %v, want %v", a.at, want)
		}
		s.Worked()
		if err := open(); err != nil {
			t.Error(err)
		}
	})
}

func TestErrorsThatAreNotAboutTheConnectionAreFinalAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := reconnect.Policy{Transient: func(err error) bool { return errors.Is(err, errLost) }}
		a := attempts{start: time.Now(), err: errGone}
		if _, err := reconnect.Open(t.Context(), p.Start(), errLost, a.open, nil); !errors.Is(err, errGone) ||
			len(a.at) != 3 {
			t.Errorf("%d attempts, %v", len(a.at), err)
		}
	})
}

func TestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		a := attempts{start: time.Now(), err: errLost}
		_, err := reconnect.Open(ctx, reconnect.Policy{}.Start(), errLost, a.open, nil)
		if !errors.Is(err, context.DeadlineExceeded) || len(a.at) != 2 {
			t.Errorf("%d attempts, %v", len(a.at), err)
		}
	})
}

var errRefused = errors.New("login refused")

func TestRepeat(t *testing.T) {
	isLost := func(err error) bool { return errors.Is(err, errLost) }
	isRefused := func(err error) bool { return errors.Is(err, errRefused) }
	const s = time.Second
	for name, c := range map[string]struct {
		attempts    int
		established bool
		errs        []error // of one call after another; nil works
		want        []time.Duration
		err         error
	}{
		"the first contact is tried once": {3, false, []error{errLost}, []time.Duration{0}, errLost},
		"what was established is tried again": {4, true, []error{errLost, errLost, nil}, []time.Duration{0, 5 * s, 15 * s},
			nil},
		"as often as it is allowed":  {2, true, []error{errLost, errLost}, []time.Duration{0, 5 * s}, errLost},
		"another error is permanent": {4, true, []error{errLost, errGone}, []time.Duration{0, 5 * s}, errGone},
		"a refused login is tried three times more": {9, true, []error{errRefused, errRefused, errRefused, errRefused},
			[]time.Duration{0, s, 3 * s, 6 * s}, errRefused},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := reconnect.Policy{Attempts: c.attempts, Transient: isLost, Refused: isRefused}
				var at []time.Duration
				start := time.Now()
				err := reconnect.Repeat(t.Context(), p, c.established, func() error {
					at = append(at, time.Since(start))
					return c.errs[len(at)-1]
				})
				if !errors.Is(err, c.err) || !slices.Equal(at, c.want) {
					t.Errorf("called at %v, want %v; %v, want %v", at, c.want, err, c.err)
				}
			})
		})
	}
}

func TestRepeatEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 7*time.Second)
		defer cancel()
		calls := 0
		err := reconnect.Repeat(ctx, reconnect.Policy{}, true, func() error { calls++; return errLost })
		if !errors.Is(err, errLost) || !errors.Is(err, context.DeadlineExceeded) || err.Error() != errLost.Error() ||
			calls != 2 {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
}

func TestLossesFindTheMessageThatEndsTheConnection(t *testing.T) {
	const window = 100
	type step struct {
		place         int64
		alone         bool
		narrow, stuck bool
	}
	for name, steps := range map[string][]step{
		"twice within a window": {
			{place: 50}, {place: 50, narrow: true},
			{place: 50, alone: true, narrow: true}, {place: 50, alone: true, narrow: true},
			{place: 50, alone: true, narrow: true, stuck: true},
		},
		"further each time": {{place: 50}, {place: 200}, {place: 400}, {place: 600}},
		"alone, but further each time": {
			{place: 1}, {place: 2, alone: true, narrow: true},
			{place: 3, alone: true, narrow: true}, {place: 4, alone: true, narrow: true},
		},
		"what was done came back first": {
			{place: 50}, {place: 20, narrow: true}, {place: 50, narrow: true}, {place: 51, alone: true, narrow: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := reconnect.NewLosses(reconnect.Policy{})
			for i, s := range steps {
				stuck := l.Note(reconnect.Loss{Place: s.place, InHand: window, Alone: s.alone})
				if stuck != s.stuck || l.Narrow(s.place) != s.narrow {
					t.Errorf("loss %d: stuck %v, want %v; narrow %v, want %v", i+1, stuck, s.stuck, l.Narrow(s.place), s.narrow)
				}
			}
		})
	}
}

// A quiet connection that is cut now and then says nothing about any message, and is restored for
// ever.
func TestLossesSuspectNoConnectionThatLived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := reconnect.NewLosses(reconnect.Policy{Attempts: 3})
		for range 30 {
			if l.Note(reconnect.Loss{InHand: 100, Lived: 2 * time.Minute, Alone: true}) || l.Narrow(0) {
				t.Fatal("a connection that lived for minutes is suspected")
			}
			a := attempts{start: time.Now(), works: 1}
			if _, err := reconnect.Open(t.Context(), l.Series, errLost, a.open, nil); err != nil {
				t.Fatal(err)
			}
		}
	})
}
