package ops

import (
	"context"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// idle is a broker on which nothing happens.
type idle struct{ HealthBroker }

func (idle) Health(context.Context, bool) (*health.Facts, error) {
	return &health.Facts{VHosts: []string{"/"}}, nil
}

func (idle) Everything(context.Context, []string) (*topology.Live, error) {
	return &topology.Live{}, nil
}

func (idle) Close() {}

func TestStatus(t *testing.T) {
	var stdout strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &strings.Builder{}, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	c := NewStatusCmd(p, func(context.Context, *profile.Connection, string) (HealthBroker, error) { return idle{}, nil })
	c.SetArgs([]string{"-o", "json", "--fail-on", "never"})
	if err := c.ExecuteContext(t.Context()); err != nil || !strings.Contains(stdout.String(), `"verdict"`) {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}
