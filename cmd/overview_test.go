package cmd

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/terminal"
)

// TestOverviewSaysTheSame holds the quick help against that of the whole tree of commands.
func TestOverviewSaysTheSame(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"-h"}, {"help"}} {
		if !asksForOverview(args) {
			t.Errorf("%q asks for no overview", args)
		}
		quick, whole := overview(t, true, args), overview(t, false, args)
		if quick != whole || !strings.Contains(quick, "dlq") {
			t.Errorf("%q: quick help:\n%s\nthe whole tree's:\n%s", args, quick, whole)
		}
	}
	for _, args := range [][]string{{"dlq"}, {"help", "dlq"}, {"dlq", "--help"}, {"--color", "never"}, {"--help", "dlq"}, {"__complete", ""}} {
		if asksForOverview(args) {
			t.Errorf("%q asks for more than an overview", args)
		}
	}
}

func overview(t *testing.T, quick bool, args []string) string {
	t.Helper()
	var out bytes.Buffer
	d := &deps{streams: terminal.New(strings.NewReader(""), &out, io.Discard, nil), colour: terminal.ColourAuto, overview: quick}
	root := newRootCmd(d)
	root.SetArgs(args)
	root.SetOut(&out)
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
