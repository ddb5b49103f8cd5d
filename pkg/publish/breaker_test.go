package publish_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/msgctl/msgctl/pkg/publish"
)

func TestBreakerPausesProbesAndResumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var said []publish.BreakerState
		b := publish.NewBreaker(publish.BreakerOptions{Failures: 3, Pause: time.Minute, Notify: func(s publish.BreakerState) {
			mu.Lock()
			defer mu.Unlock()
			said = append(said, s)
		}})
		bad := errors.New("returned")
		allow := func() func(error) {
			t.Helper()
			done, err := b.Allow(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return done
		}
		late := allow() // its outcome comes when the breaker is open already
		for _, err := range []error{bad, bad, nil, bad, bad, bad} {
			allow()(err)
		}
		start := time.Now()
		late(nil)
		probe := allow()
		if d := time.Since(start); d < time.Minute {
			t.Errorf("the probe went after %s", d)
		}
		second := make(chan time.Duration)
		go func() {
			allow()(nil)
			second <- time.Since(start)
		}()
		synctest.Wait()
		select {
		case <-second:
			t.Error("a second message went beside the probe")
		default:
		}
		probe(bad)
		if d := <-second; d < 2*time.Minute {
			t.Errorf("the second probe went after %s", d)
		}
		allow()(nil)
		want := []publish.BreakerState{"paused", "probing", "probe failed", "probing", "resumed"}
		if !slices.Equal(said, want) {
			t.Error(said)
		}
	})
}

func TestBreakerGivesUpAndHeedsTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := errors.New("the queue is full")
		b := publish.NewBreaker(publish.BreakerOptions{Failures: 1, Pause: time.Second, Probes: 2})
		for range 3 {
			done, err := b.Allow(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			done(bad)
		}
		if _, err := b.Allow(t.Context()); !errors.Is(err, publish.ErrGaveUp) || !errors.Is(err, bad) {
			t.Error(err)
		}
		final := &publish.Refusal{Err: bad, Final: true}
		b = publish.NewBreaker(publish.BreakerOptions{Failures: 1, Pause: time.Hour, Notify: func(s publish.BreakerState) {
			t.Errorf("it %s, though no pause helps", s)
		}})
		if done, err := b.Allow(t.Context()); err == nil {
			done(final)
		}
		time.Sleep(2 * time.Hour) // the next message comes after a pause
		if _, err := b.Allow(t.Context()); !errors.Is(err, publish.ErrGaveUp) || !errors.Is(err, final) {
			t.Error(err)
		}
		b = publish.NewBreaker(publish.BreakerOptions{Failures: 1, Pause: time.Hour})
		late, _ := b.Allow(t.Context())
		done, err := b.Allow(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		done(bad)
		late(final) // it does not count: the breaker is open for another reason
		if done, err = b.Allow(t.Context()); err != nil {
			t.Fatal(err)
		}
		done(bad)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := b.Allow(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		never := publish.NewBreaker(publish.BreakerOptions{Failures: -1})
		for range 1000 {
			done, err := never.Allow(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			done(bad)
		}
	})
}
