package events

import (
	"os"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/terminal"
)

func TestList(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.WriteFile("topology.yaml",
		[]byte("version: 1\nexchanges: { x: {} }\nevents: { done: { exchange: x } }\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &strings.Builder{}, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	c := newEventsListCmd(p)
	c.SetArgs([]string{"-o", "json"})
	if err := c.ExecuteContext(t.Context()); err != nil || !strings.Contains(stdout.String(), `"done"`) {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}
