package replay_test

import (
	"fmt"
	"testing"

	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
)

// TestDryRunLeavesWhatDoesNotFit: a dry run says what the run would do.
func TestDryRunLeavesWhatDoesNotFit(t *testing.T) {
	asked := 0
	o := replay.Options{To: replay.Destination{Kind: replay.ToQueue, Queue: "small"},
		Room: func(queue string) (replay.Room, bool) {
			asked++
			if queue == "short" {
				return replay.Room{Messages: -1, Bytes: -1, DropsSoon: func(ms int64) bool { return ms < 100 }}, true
			}
			return replay.Room{Messages: 2, Bytes: 10, Why: "full"}, queue == "small"
		}}
	for name, x := range map[string]struct {
		sizes []int
		sends int64
	}{
		"messages": {[]int{1, 1, 1, 1}, 2}, "bytes": {[]int{8, 8, 2}, 2}, "none": {nil, 0},
	} {
		asked = 0
		p := replay.NewMoveDryRun(o)
		for i, n := range x.sizes {
			p.Add(t.Context(), &message.Message{Body: make([]byte, n), Properties: message.Properties{MessageID: fmt.Sprint(i)}})
		}
		plan := p.Result()
		if stays := int64(len(x.sizes)) - x.sends; plan.Sends != x.sends || asked > 1 || stays > 0 &&
			(len(plan.Stays) != 1 || plan.Stays[0].Messages != stays || plan.Stays[0].Reason != replay.ReasonNoRoom ||
				plan.Stays[0].Example != "full") {
			t.Errorf("%s: %+v, asked %d times", name, plan, asked)
		}
	}
	o.To.Queue = "large"
	p := replay.NewMoveDryRun(o)
	for range 5 {
		p.Add(t.Context(), &message.Message{})
	}
	if plan := p.Result(); plan.Sends != 5 {
		t.Errorf("without a limit: %+v", plan)
	}
	for expiration, sends := range map[string]int64{"": 1, "0": 0, "99": 0, "100": 1} {
		o.To.Queue = "short"
		p := replay.NewMoveDryRun(o)
		p.Add(t.Context(), &message.Message{Properties: message.Properties{Expiration: expiration}})
		if plan := p.Result(); plan.Sends != sends || sends == 0 && plan.Stays[0].Reason != replay.ReasonNoRoom {
			t.Errorf("expiration %q: %+v", expiration, plan)
		}
	}
}
