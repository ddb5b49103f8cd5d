package consume

import (
	"context"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// bareQueue is a broker with a queue that has no dead-letter exchange.
type bareQueue struct{ Broker }

func (bareQueue) Everything(_ context.Context, vhosts []string) (*topology.Live, error) {
	live := &topology.Live{}
	err := live.Add(&topology.Queue{VHost: vhosts[0], Name: "work", Type: topology.Classic, Durable: true},
		diag.Position{})
	return live, err
}

func (bareQueue) Close() {}

// TestPrefetchWithinTheLimit: --limit 1 takes one message in hand.
func TestPrefetchWithinTheLimit(t *testing.T) {
	for _, c := range []struct {
		prefetch int
		limit    int64
		want     int
	}{{0, 0, 500}, {0, 1, 1}, {0, 600, 60}, {0, 6000, 500}, {100, 7, 7}, {100, 0, 100}} {
		o := &consumeOptions{prefetch: c.prefetch, limit: c.limit, concurrency: 1}
		if got := o.effectivePrefetch(); got != c.want {
			t.Errorf("--prefetch %d --limit %d: %d in hand, want %d", c.prefetch, c.limit, got, c.want)
		}
	}
}

func TestConsumeNeedsAPlaceForDeadLetters(t *testing.T) {
	t.Chdir(t.TempDir())
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &strings.Builder{}, &strings.Builder{}, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	c := NewCmd(p, func(context.Context, *profile.Connection, string) (Broker, error) {
		return bareQueue{}, nil
	})
	c.SetArgs([]string{"work", "--exec", "true"})
	c.SilenceErrors, c.SilenceUsage = true, true
	if err := c.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), "has no dead-letter exchange") {
		t.Errorf("%v", err)
	}
}
