package publish

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
)

func TestDryRunAsksNoBroker(t *testing.T) {
	t.Chdir(t.TempDir())
	var stdout strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &strings.Builder{}, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	c := NewCmd(p, func(context.Context, *profile.Connection, string) (Broker, error) {
		return nil, errors.New("a broker was asked for")
	})
	c.SetArgs([]string{"--exchange", "logs", "--key", "app.info", "--data", "hello", "--dry-run", "-o", "json"})
	if err := c.ExecuteContext(t.Context()); err != nil || !strings.Contains(stdout.String(), `"app.info"`) {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}
