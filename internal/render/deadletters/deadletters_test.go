package deadletters_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/publish"
)

var plain terminal.Styler

func TestRunText(t *testing.T) {
	result := replay.Result{
		Queue: "orders.dlq", Done: 1200, Skipped: 3, Resent: 2, Altered: 1, Aborted: "2 of 10 died again",
		Targets: []replay.TargetCount{{Target: publish.Target{Key: "orders"}, Messages: 1100},
			{Target: publish.Target{Exchange: "x", Key: ""}, Messages: 100}},
		Stayed: []replay.ReasonCount{{Reason: replay.ReasonUnroutable, Messages: 4, Example: "no route"}},
	}
	var out bytes.Buffer
	if err := deadletters.RunText(&out, deadletters.NewRunDocument("replay", result, 1500*time.Millisecond), plain,
		0); err != nil {
		t.Fatal(err)
	}
	want := `1,100  to queue orders
100  to exchange x with key ""
stayed 4  unroutable: no route
note: 1 message was published without the user_id, which only its owner may use, or the CC or BCC header; headers x-msgctl-user-id, x-msgctl-cc and x-msgctl-bcc keep them
note: a connection was lost: at most 2 messages may exist twice at the target
note: 2 of 10 died again
Replayed 1,200 messages from orders.dlq in 1.50s; 4 stayed; 3 did not match.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
}

func TestDLQListOnANarrowTerminal(t *testing.T) {
	doc := deadletters.ListDocument{VHost: "/", Queues: []deadletters.QueueDocument{{
		Name: "a-dead-letter-queue-with-a-long-name", Type: "classic", Role: discover.RoleDeadLetter, Known: true,
		Ready: 1234, OldestMS: 65_000,
		Browse: deadletters.BrowseDocument{Safe: "yes"}, Sources: []deadletters.SourceDocument{{Queue: "orders.created",
			Certain: true},
			{Queue: "orders.paid"}},
	}}, Losing: []deadletters.LosingDocument{{Queue: "lossy", Certain: true, From: "policy \"p\"",
		Reason: "its dead-letter exchange \"gone\" does not exist"}}}
	for _, width := range []int{40, 60, 80} {
		var out bytes.Buffer
		if err := deadletters.ListText(&out, doc, terminal.NewStyler(true), width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if n := terminal.Width(uncoloured(strings.TrimSuffix(line, "\n"))); n > width {
				t.Errorf("width %d: %d columns: %q", width, n, line)
			}
		}
		for _, want := range []string{"1,234", "1m05s", "orders.paid (possibly)", "\x1b[31m"} {
			if !strings.Contains(strings.Join(strings.Fields(out.String()), " "), want) {
				t.Errorf("width %d: no %q in\n%s", width, want, out.String())
			}
		}
	}
}

func uncoloured(s string) string {
	for {
		before, rest, ok := strings.Cut(s, "\x1b[")
		if !ok {
			return s
		}
		_, after, _ := strings.Cut(rest, "m")
		s = before + after
	}
}
