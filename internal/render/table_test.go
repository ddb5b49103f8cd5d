package render

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/terminal"
)

func TestTableAlignsAndFits(t *testing.T) {
	table := Table{
		Headers: []string{"NAME", "URL", "NOTE"},
		Rows: [][]string{
			{"production", "amqps://rabbit.example.com:5671/orders",
				"protected, with a remark that is long enough to be wrapped somewhere"},
			{"x", "amqp://localhost", "\x1b[31mred"},
		},
	}
	for _, width := range []int{0, 60, 100} {
		var b strings.Builder
		if err := table.Write(&b, width); err != nil {
			t.Fatal(err)
		}
		t.Logf("width %d:\n%s", width, b.String())
		if strings.Contains(b.String(), "\x1b") {
			t.Errorf("width %d: an escape sequence of a cell reached the output", width)
		}
		for line := range strings.Lines(b.String()) {
			if got := terminal.Width(strings.TrimRight(line, " \n")); width > 0 && got > width {
				t.Errorf("width %d: line of %d columns: %q", width, got, line)
			}
		}
	}
}
