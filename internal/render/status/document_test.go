package status

import (
	"testing"

	"github.com/msgctl/msgctl/internal/health"
)

// TestNext checks that the suggestion for dead letters is a complete command line, quoted for a
// shell.
func TestNext(t *testing.T) {
	doc := NewStatusDocument(&health.Inspection{Facts: &health.Facts{}, DeadLetters: health.DeadLetters{
		Waiting: []health.Backlog{{Queue: "d", VHost: "a b", Ready: 1}},
		Losing:  []health.Loss{{Queue: "q", VHost: "v"}},
		Idle:    []health.Backlog{{Queue: "i", Ready: 1}},
	}})
	want := []string{"msgctl lint --live --vhost v", "msgctl dlq inspect d --vhost 'a b' --group-by reason",
		"start its consumer, or delete the queue or its bindings"}
	if len(doc.Problems) != len(want) {
		t.Fatalf("%+v", doc.Problems)
	}
	for i, p := range doc.Problems {
		if p.Next != want[i] {
			t.Errorf("%q, want %q", p.Next, want[i])
		}
	}
}
