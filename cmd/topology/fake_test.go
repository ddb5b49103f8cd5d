package topology

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// fake is a broker in memory, with what the commands asked of it.
type fake struct {
	*topologytest.Broker
	conn   *profile.Connection
	noAPI  bool
	read   []string // the vhosts that Everything was asked for; nil is all of them
	locked []string
	tested string               // the vhost that was to be created for tests
	gaps   func(*topology.Live) // what Everything could not read
}

func (f *fake) Live(context.Context, *topology.State) (*topology.Live, error) {
	live := f.Broker.Live()
	if !live.Has((&topology.VHost{Name: f.conn.VHost}).Ref()) {
		live.MissingVHosts = append(live.MissingVHosts, f.conn.VHost)
	}
	return live, nil
}

func (f *fake) Everything(_ context.Context, vhosts []string) (*topology.Live, error) {
	f.read = vhosts
	live := f.Broker.Live()
	if f.gaps != nil {
		f.gaps(live)
	}
	return live, nil
}

func (f *fake) Refine(context.Context, *topology.Live, []topology.Ref) error { return nil }

func (f *fake) Lock(_ context.Context, _, name string) (func(), error) {
	f.locked = append(f.locked, name)
	return func() {}, nil
}

func (f *fake) TestVHost(_ context.Context, vhost string) (TestVHost, error) {
	f.tested = vhost
	return nil, errors.New("no vhosts for tests here")
}

func (f *fake) Close() {}

// invocation is one run of a command.
type invocation struct {
	*fake
	code           int
	stdout, stderr string
}

// run runs the command of that name with a fake broker, in a directory with this topology.yaml.
func run(t *testing.T, b *topologytest.Broker, text string, args ...string) invocation {
	t.Helper()
	return runIn(t, &fake{Broker: b}, map[string]string{"topology.yaml": text}, args...)
}

// runIn runs it in a directory with these files.
func runIn(t *testing.T, f *fake, files map[string]string, args ...string) invocation {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stdout, stderr strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &stderr, nil),
		Env: func(string) (string, bool) { return "", false }, Colour: terminal.ColourNever}
	change := func(_ context.Context, conn *profile.Connection, _ string, noAPI bool) (Broker, error) {
		f.conn, f.noAPI = conn, noAPI
		return f, nil
	}
	read := func(_ context.Context, conn *profile.Connection, _ string) (subject.Reader, error) {
		f.conn = conn
		return f, nil
	}
	root := &cobra.Command{Use: "msgctl", SilenceErrors: true, SilenceUsage: true}
	root.SetFlagErrorFunc(cmdutil.FlagError)
	root.AddGroup(&cobra.Group{ID: cmdutil.GroupTopology})
	root.AddCommand(NewValidateCmd(p), NewLintCmd(p, read), NewRouteCmd(p, read), NewGraphCmd(p, read),
		NewExportCmd(p, read), NewPlanCmd(p, change), NewApplyCmd(p, change), NewDestroyCmd(p, change),
		NewTestCmd(p, func(_ context.Context, conn *profile.Connection, _ string) (TestVHostBroker, error) {
			f.conn = conn
			return f, nil
		}))
	root.SetArgs(args)
	code := p.Report(t.Context(), root.ExecuteContext(t.Context()))
	return invocation{f, code, stdout.String(), stderr.String()}
}
