package topology

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/terminal"
)

// TestCountsFitTheTerminal checks that the counts of validate are wrapped to the width of the
// terminal.
func TestCountsFitTheTerminal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topology.yaml")
	if err := os.WriteFile(path, []byte(`version: 1
exchanges: { x: { type: topic }, y: {} }
queues: { q: { bindings: [{ exchange: x, key: a }] } }
policies: { p: { pattern: ., definition: { expires: 1h } } }
users: { u: {} }
permissions: { u: { read: .* } }
limits: { maxQueues: 10 }
`), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	streams := terminal.New(strings.NewReader(""), &stdout, &stderr, nil)
	streams.OutTTY, streams.Width = true, 40
	c := NewValidateCmd(&cmdutil.Process{Streams: streams, Env: func(string) (string, bool) { return "", false },
		Colour: terminal.ColourNever})
	c.SetArgs([]string{"-f", path})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err, stdout.String(), stderr.String())
	}
	lines := strings.Split(strings.TrimSuffix(stdout.String(), "\n"), "\n")
	for _, line := range lines {
		if terminal.Width(line) > streams.Width {
			t.Errorf("wider than %d columns: %q", streams.Width, line)
		}
	}
	if len(lines) < 2 || !strings.Contains(stdout.String(), "Valid: ") {
		t.Errorf("not wrapped:\n%s", stdout.String())
	}
}
