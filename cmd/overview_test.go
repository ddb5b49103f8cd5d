package cmd

import (
	"bytes"
	"strings"
	"testing"
)

// TestOverviewIsFresh holds the help that is written down against the one that the commands make.
func TestOverviewIsFresh(t *testing.T) {
	var out bytes.Buffer
	root := Reference()
	root.SetOut(&out)
	root.SetArgs([]string{"--help"})
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	if out.String() != overview {
		t.Errorf("cmd/overview.txt is out of date: run go run ./dev gen. It should be:\n%s", out.String())
	}
}

func TestAsksForOverview(t *testing.T) {
	for _, args := range []string{"", "--help", "-h", "help"} {
		if !asksForOverview(strings.Fields(args)) {
			t.Errorf("%q asks for no overview", args)
		}
	}
	for _, args := range []string{"dlq", "help dlq", "dlq --help", "--color never", "--help dlq", "__complete"} {
		if asksForOverview(strings.Fields(args)) {
			t.Errorf("%q asks for more than an overview", args)
		}
	}
}
