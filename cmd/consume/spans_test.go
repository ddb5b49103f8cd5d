package consume

import (
	"testing"

	"github.com/msgctl/msgctl/internal/telemetry"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/consume/runner"
	"github.com/msgctl/msgctl/pkg/message"
)

// TestWithoutTracingNothingIsPaid: what is called for each message allocates nothing.
func TestWithoutTracingNothingIsPaid(t *testing.T) {
	end := &runner.End{Attempt: &handle.Attempt{Message: &message.Message{}}}
	w := &consumeWatch{metrics: telemetry.NewConsumerMetrics("q"), shown: newShownProgress(terminal.Silent{})}
	if n := testing.AllocsPerRun(100, func() {
		end.Begun = w.Begin(end.Attempt)
		endProcess(end)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
