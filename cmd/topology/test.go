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

const testLong = `Run the tests that stand in a topology file under tests: publish a message, let
it die perhaps, and see in which queues it is. Without --live that is a
simulation, which takes milliseconds and needs no broker. With --live the
topology is declared in a vhost of its own on a broker, messages are published
there, rejected, expired, pushed out and returned for real, and the vhost is
deleted at the end, also when the command is interrupted. That needs an
administrator's login.

--coverage tells which bindings, dead-letter paths and events no test exercises.

Exit code 0: all tests passed. 2: some failed.`

const testExample = `  msgctl test
  msgctl test -f base.yaml -f production.yaml --run 'rejected'
  msgctl test -o junit > report.xml
  msgctl test --coverage
  msgctl test --live --url amqp://admin@localhost`

type testOptions struct {
	proc       *cmdutil.Process
	open       OpenLab
	connection *profile.Flags
	source     sourceOptions
	output     cmdutil.OutputFlag
	coverage   bool
	run        string
}

// NewTestCmd is msgctl test.
func NewTestCmd(d *cmdutil.Process, open OpenLab) *cobra.Command {
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
	opts.source.register(cmd, "run the tests on a broker, in a vhost of their own")
	opts.output.Register(cmd, "text", "junit", "json", "tap")
	cmd.Flags().BoolVar(&opts.coverage, "coverage", false, "tell what no test exercises")
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
		return nil, cmdutil.UsageError("see the names: msgctl test", "no test has a name that matches %q", o.run)
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
	return checks.TestText(streams.Out, doc, streams.OutStyler(o.proc.Colour))
}
