package tail

import (
	"context"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// empty is a broker that has nothing.
type empty struct{ Broker }

func (empty) Everything(context.Context, []string) (*topology.Live, error) {
	return &topology.Live{}, nil
}

func (empty) Close() {}

func TestTailNamesWhatIsMissing(t *testing.T) {
	t.Chdir(t.TempDir())
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &strings.Builder{}, &strings.Builder{}, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	c := NewCmd(p, func(context.Context, *profile.Connection, string) (Broker, error) { return empty{}, nil })
	c.SetArgs([]string{"--exchange", "orders"})
	c.SilenceErrors, c.SilenceUsage = true, true
	if err := c.ExecuteContext(t.Context()); err == nil ||
		!strings.Contains(err.Error(), `exchange "orders" does not exist`) {
		t.Errorf("%v", err)
	}
}
