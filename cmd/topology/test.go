package topology

import (
	"context"
	"fmt"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/routetest"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const testLong = `Run the routing tests of a topology file (its section "tests"): publish a
message, optionally let it die, and check which queues hold it.

Without --live the tests run in a simulation, which takes milliseconds and needs
no broker. With --live they run on a broker: the topology is declared in a
temporary vhost, messages are really published, rejected, expired, dropped and
requeued, and the vhost is deleted at the end, even when the command is
interrupted. --live needs a user with the administrator tag.

--coverage lists the bindings, dead-letter paths and events that no test
exercises.

Exit code 0: all tests passed. 2: some failed.`

const testExample = `  msgctl test
  msgctl test -f base.yaml -f production.yaml --run 'rejected'
  msgctl test -o junit > report.xml
  msgctl test --coverage
  msgctl test --live --url amqp://admin@localhost`

type testOptions struct {
	proc       *cmdutil.Process
	open       OpenTestVHost
	connection *profile.Flags
	source     sourceOptions
	output     cmdutil.OutputFlag
	coverage   bool
	run        string
}

// NewTestCmd is msgctl test.
func NewTestCmd(d *cmdutil.Process, open OpenTestVHost) *cobra.Command {
	opts := &testOptions{proc: d, open: open, source: sourceOptions{both: true}}
	cmd := &cobra.Command{
		Use:     "test",
		GroupID: cmdutil.GroupTopology,
		Short:   "Run the routing tests of a topology file",
		Long:    testLong,
		Example: testExample,
		Args:    cmdutil.Args(),
		RunE:    func(cmd *cobra.Command, _ []string) error { return runTest(cmd.Context(), opts) },
	}
	opts.source.register(cmd, "run the tests on a broker, in a temporary vhost")
	opts.output.Register(cmd, "text", "junit", "json", "tap")
	cmd.Flags().BoolVar(&opts.coverage, "coverage", false, "list what no test exercises")
	cmd.Flags().StringVar(&opts.run, "run", "", "only tests whose name matches this regular expression")
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runTest(ctx context.Context, opts *testOptions) error {
	only, err := regexp.Compile(opts.run)
	if err != nil {
		return cmdutil.UsageError("--run 'order|payment'", "--run: %v", err)
	}
	names, err := opts.source.files.Names(opts.proc, "")
	if err != nil {
		return err
	}
	declared, state, err := opts.proc.ReadSound(names, cmdutil.VHostChoice{})
	if err != nil {
		return err
	}
	suite := routetest.NewSuite(declared, state, opts.source.broker.value)
	if len(suite.Cases) == 0 {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("the files have no tests"),
			Advice: "write tests: [{ name: ..., publish: { event: ... }, expect: [...] }]; see examples/topology.yaml"}
	}
	start := time.Now()
	results, err := opts.results(ctx, suite, declared, state, only)
	if err != nil {
		return err
	}
	doc := checks.NewTestReport(results, opts.source.live, time.Since(start))
	if opts.coverage {
		c := suite.Coverage(results)
		doc.Coverage = &checks.Coverage{Bindings: c.Bindings, DeadLetters: c.DeadLetters, Events: c.Events}
	}
	if err := opts.show(doc); err != nil {
		return err
	}
	if doc.Failed > 0 {
		return cmdutil.ExitWith(cmdutil.ExitPending)
	}
	return nil
}

func (o *testOptions) results(ctx context.Context, suite *routetest.Suite, declared *spec.Spec, state *topology.State,
	only *regexp.Regexp) ([]routetest.Result, error) {
	var cases []routetest.Case
	for _, c := range suite.Cases {
		if only.MatchString(c.Name) {
			cases = append(cases, c)
		}
	}
	if len(cases) == 0 {
		return nil, cmdutil.UsageError("msgctl test lists the names", "no test has a name that matches %q", o.run)
	}
	if o.source.live {
		return o.onBroker(ctx, declared, state, cases)
	}
	results := make([]routetest.Result, len(cases))
	for i, c := range cases {
		results[i] = suite.Run(c)
	}
	return results, nil
}

func (o *testOptions) show(doc checks.TestReport) error {
	streams := o.proc.Streams
	switch o.output.Value {
	case "junit":
		return checks.TestJUnit(streams.Out, doc)
	case "tap":
		return checks.TestTAP(streams.Out, doc)
	}
	if done, err := o.output.Encode(streams.Out, doc); done {
		return err
	}
	return checks.TestText(streams.Out, doc, streams.OutStyler(o.proc.Colour), streams.OutWidth())
}
