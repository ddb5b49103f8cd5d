package pipeline

import (
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
)

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
