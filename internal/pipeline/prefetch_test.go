package pipeline

import (
	"testing"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/pkg/topology"
)

// TestPrefetchWithinTheLimit: no more is taken in hand than was asked for or, while messages are not
// meant, was looked at so far.
func TestPrefetchWithinTheLimit(t *testing.T) {
	for _, c := range []struct {
		limit, looked, attempted int64
		want                     int
	}{{0, 0, 0, 1000}, {1, 0, 0, 1}, {10, 0, 0, 10}, {5000, 0, 0, 1000}, {10, 6, 6, 4}, {10, 10, 10, 1}, {1, 1, 0, 1},
		{1, 8, 0, 8}, {10, 40, 4, 40}, {10, 40, 39, 40}, {0, 40, 4, 1000}, {1, 5000, 0, 1000}} {
		r := &run{Task: Task{Limit: c.limit, Prefetch: 1000}, received: c.looked, attempted: c.attempted,
			losses: reconnect.NewLosses(reconnect.Policy{})}
		if got := r.sessionPrefetch(); got != c.want {
			t.Errorf("limit %d, %d of %d attempted: %d, want %d", c.limit, c.attempted, c.looked, got, c.want)
		}
	}
}

func TestPrefetchFor(t *testing.T) {
	for _, c := range []struct {
		queueType string
		mean      int64
		want      int
	}{
		{topology.Classic, 256, 2500}, {topology.Quorum, 256, 1000}, {"", 256, 2500},
		{topology.Classic, 1 << 20, 16}, {topology.Quorum, 1 << 20, 16}, {topology.Quorum, 1 << 40, 2}, {topology.Classic, 0,
			1000},
	} {
		if got := PrefetchFor(c.queueType, c.mean); got != c.want {
			t.Errorf("of messages of %d bytes in a queue of type %q: %d, want %d", c.mean, c.queueType, got, c.want)
		}
	}
}
