package pipeline

import (
	"context"
	"errors"
	"testing"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/consume"
)

// lateCounter counts what waits for its acknowledgement some looks late.
type lateCounter struct {
	counts []int64
	asked  int
}

func (*lateCounter) Ready(context.Context, string) (int64, error) { return 0, nil }

func (c *lateCounter) Unacked(context.Context, string) (int64, error) {
	n := c.counts[min(c.asked, len(c.counts)-1)]
	c.asked++
	if n < 0 {
		return 0, errors.New("no answer")
	}
	return n, nil
}

// listener keeps what it is told.
type listener struct{ notices []report.Notice }

func (*listener) Progress(report.Progress) {}

func (l *listener) Notice(n report.Notice) { l.notices = append(l.notices, n) }

type silent struct{ consume.Subscription }

func (silent) Ack(uint64, bool) error { return nil }

// A channel is closed, to return what stays, only when the queue counts no more than that.
func TestAcknowledgementsAreAppliedBeforeAClose(t *testing.T) {
	for name, test := range map[string]struct {
		done, held uint64
		counts     []int64
		asked      int
		said       int
	}{
		"acknowledgements under way": {done: 5, held: 2, counts: []int64{0, 7, 4, 2}, asked: 4},
		"applied":                    {done: 5, held: 2, counts: []int64{2}, asked: 1},
		"nothing held":               {done: 5, counts: []int64{9}, asked: 0},
		"no answer":                  {done: 5, held: 2, counts: []int64{-1}, asked: 1, said: 1},
		"nothing acknowledged":       {held: 3, counts: []int64{0}, asked: 0},
	} {
		s := NewSession(silent{}, 100)
		for tag := uint64(1); tag <= test.done+test.held; tag++ {
			s.Open(tag)
			if tag <= test.done {
				s.Done(tag)
			} else {
				s.Hold(tag)
			}
		}
		s.Flush()
		c := &lateCounter{counts: test.counts}
		told := &listener{}
		r := &run{Task: Task{Counter: c}, life: t.Context(), progress: report.Meter{Observer: told}}
		r.awaitApplied([]*Session{s})
		if c.asked != test.asked {
			t.Errorf("%s: asked %d times, want %d", name, c.asked, test.asked)
		}
		if len(told.notices) != test.said {
			t.Errorf("%s: %v", name, told.notices)
		}
	}
}
