package topology

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	picture "github.com/msgctl/msgctl/internal/render/graph"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

// drawFile runs graph on a topology of that many queues, each bound to an exchange of its own name
// from a list of as many exchanges as there are names.
func drawFile(t *testing.T, names []string, args ...string) (out, errs string, err error) {
	t.Helper()
	var file strings.Builder
	file.WriteString("exchanges: { events: { type: topic } }\nqueues:\n")
	for _, n := range names {
		fmt.Fprintf(&file, "  %s: { bindings: [{ exchange: events, key: %s }] }\n", n, n)
	}
	path := filepath.Join(t.TempDir(), "topology.yaml")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &stderr, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	c := NewGraphCmd(p, func(context.Context, *profile.Connection, string) (subject.Reader, error) {
		return nil, errors.New("no broker is needed")
	})
	c.SetArgs(append([]string{"-f", path}, args...))
	c.SilenceErrors, c.SilenceUsage = true, true
	err = c.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

// TestLargePicturesAreFolded: beyond some hundred objects groups are drawn, unless each is asked
// for. Mermaid gets no picture that it would refuse.
func TestLargePicturesAreFolded(t *testing.T) {
	var small, large []string
	for i := range 1000 {
		large = append(large, fmt.Sprintf("team%d.worker-%d", i/10, i%10))
	}
	small = large[:100]
	for _, format := range []string{"svg", "html", "dot", "mermaid"} {
		if out, errs, err := drawFile(t, small, "-o", format); err != nil || errs != "" || !strings.Contains(out,
			"team3.worker-7") {
			t.Errorf("%s of 100 queues: %v, %q", format, err, errs)
		}
		out, errs, err := drawFile(t, large, "-o", format)
		if err != nil || !strings.Contains(errs, "1,001 objects are drawn as ") || len(out) > 200_000 {
			t.Errorf("%s of 1,000 queues: %v, %d bytes, %q", format, err, len(out), errs)
		}
		if format == "mermaid" {
			continue
		}
		if out, errs, err := drawFile(t, large, "-o", format, "--all"); err != nil || errs != "" ||
			!strings.Contains(out, "team93.worker-7") {
			t.Errorf("%s --all: %v, %q", format, err, errs)
		}
	}
	if out, _, err := drawFile(t, large, "-o", "json"); err != nil || strings.Count(out, `"kind": "queue"`) != 1000 {
		t.Errorf("json does not have all: %v", err)
	}
	out, _, err := drawFile(t, large, "--all")
	var exit *cmdutil.ExitError
	if out != "" || !errors.As(err, &exit) || exit.Code != cmdutil.ExitFailed || !strings.Contains(err.Error(),
		"1,000 edges") || exit.Advice == "" {
		t.Errorf("Mermaid with 1,000 edges: %v, %d bytes", err, len(out))
	}
}

// TestMermaidIsFoldedToItsLimits: some hundred objects with long names are more text than Mermaid
// reads.
func TestMermaidIsFoldedToItsLimits(t *testing.T) {
	var names []string
	for i := range 390 {
		names = append(names, fmt.Sprintf("a-department-with-a-name.a-team-with-a-name.%d.%s", i, strings.Repeat("q", 60)))
	}
	out, errs, err := drawFile(t, names)
	if err != nil || len(out) == 0 || len(out) > picture.MermaidText ||
		!strings.Contains(errs, "391 objects are drawn as") {
		t.Errorf("%v, %d bytes, %q", err, len(out), errs)
	}
}
