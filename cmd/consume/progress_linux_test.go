package consume_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestProgressOnATerminal: on a terminal the last line shows how the run goes, in place, and is gone
// at the end; what is logged stands above it. A pipe gets none of it.
func TestProgressOnATerminal(t *testing.T) {
	b := rabbittest.Any(t)
	c := cmdtest.NewFixture(t, b)
	p := cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API)
	c.Declare("work", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"})
	c.Declare("dlq", nil)
	c.Publish("work", 5)
	handler := `test "$(cat)" != 3`
	r := p.StartOnTerminal(80, "consume", "work", "--exec", handler)
	if !r.AwaitText("consume  4 handled, 1 dead-lettered") {
		t.Errorf("no progress on the terminal: %q", r.Stdout.String())
	}
	r.Type("\x03")
	p.Wait(r.Running).Want(t, cmdutil.ExitInterrupted, "4 handled, 1 dead-lettered")
	const clear = "\r\x1b[K"
	screen := strings.Split(r.Stdout.String(), "\n")
	drawn := 0
	for _, line := range screen {
		line = strings.TrimSuffix(line, "\r")
		drawn += strings.Count(line, clear+"consume  ")
		if i := strings.LastIndex(line, clear); i >= 0 && strings.HasPrefix(line[i+len(clear):], "consume  ") &&
			!strings.HasSuffix(line, "^C") {
			t.Errorf("progress stays on the screen: %q", line)
		}
	}
	if drawn == 0 {
		t.Errorf("progress was not drawn in place: %q", r.Stdout.String())
	}
	c.Publish("work", 5)
	piped := p.Run("consume", "work", "--exec", handler, "--limit", "5")
	piped.Want(t, cmdutil.ExitPartly, "4 handled, 1 dead-lettered")
	if strings.Contains(piped.Stderr, "consume  ") || strings.Contains(piped.Stderr, "\x1b") {
		t.Errorf("a pipe got progress: %q", piped.Stderr)
	}
}
