package replay

import (
	"context"
	"maps"
	"testing"

	"github.com/msgctl/msgctl/internal/pipeline/pipelinetest"
	"github.com/msgctl/msgctl/pkg/message"
)

// A dry run counts the keys of CC, which route further copies.
func TestDryRunCountsTheKeysOfCC(t *testing.T) {
	p := NewDryRun(Options{To: Destination{Kind: ToOrigin}, From: From{Queue: "dlq"}})
	for i, keys := range [][]any{{"created", "audit", "audit"}, {"created"}, {"created", "audit", "billing"}} {
		m := pipelinetest.DeadMessage(i)
		m.Headers[message.HeaderDeath].([]any)[0].(message.Table)["routing-keys"] = keys
		p.Add(context.Background(), &m)
	}
	got := p.Result().Targets
	if len(got) != 1 || got[0].Messages != 3 || !maps.Equal(got[0].CC, map[string]int64{"audit": 2, "billing": 1}) {
		t.Errorf("%+v", got)
	}
}

// A run ends at its limit: what comes later does not stay, because it is never taken.
func TestDryRunEndsAtTheLimit(t *testing.T) {
	p := NewMoveDryRun(Options{To: Destination{Kind: ToQueue, Queue: "q"}, From: From{Queue: "dlq"}, Limit: 1})
	for i := range 3 {
		m := pipelinetest.DeadMessage(i)
		if i != 1 {
			m.Unread = &message.Unread{Why: "too large"}
		}
		p.Add(context.Background(), &m)
	}
	if got := p.Result(); got.Sends != 1 || len(got.Stays) != 1 || got.Stays[0].Messages != 1 {
		t.Errorf("%+v", got)
	}
}
