package topology

import (
	"context"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

// reader is a broker that has one queue.
type reader struct{ subject.Reader }

func (reader) Everything(_ context.Context, vhosts []string) (*topology.Live, error) {
	live := &topology.Live{}
	if err := live.Add(&topology.Queue{VHost: vhosts[0], Name: "work", Type: topology.Quorum, Durable: true},
		diag.Position{}); err != nil {
		return nil, err
	}
	return live, nil
}

func (reader) Close() {}

func TestExport(t *testing.T) {
	var stdout, stderr strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &stderr, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	asked := ""
	c := NewExportCmd(p, func(_ context.Context, conn *profile.Connection, _ string) (subject.Reader, error) {
		asked = conn.VHost
		return reader{}, nil
	})
	c.SetArgs([]string{"--vhost", "orders"})
	if err := c.ExecuteContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	if asked != "orders" || !strings.Contains(stdout.String(), "queues:\n  work: {}") {
		t.Errorf("vhost %q, stdout:\n%s", asked, stdout.String())
	}
}
