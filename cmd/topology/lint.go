package topology

import (
	"cmp"
	"context"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

const lintLong = `Find design faults that a broker accepts silently and that lose messages or have
no effect: dead letters that reach no queue, policies that one key disables for
a queue type, bindings that cannot match, queues that drop messages. Every
finding states the effect at run time and the fix; docs/lint.md describes each
rule. No broker is needed. --broker selects the RabbitMQ version to check
against.

With --live, lint also reads the broker and reports drift, waiting dead letters,
queues without consumers or near their limit, and objects that no topology owns;
and, in the vhosts of the files, the errors of what only the broker has. Without
a file, --live checks the broker's vhost.

A comment suppresses a rule. It may stand at the end of a line or on the line
above, and applies to that line and everything indented below it:

    # msgctl:ignore limit-without-dead-letters only the newest prices count

A file .msgctl.yaml in this directory or a parent changes severities and
suppresses findings by object name:

    lint:
      failOn: warning
      rules: { queue-unfed: off }
      ignore:
        - rule: exchange-without-bindings
          object: "events.*"
          reason: consumers bind their own queues

Exit code 0: no finding at or above --fail-on. 2: at least one.`

type lintOptions struct {
	proc       *cmdutil.Process
	open       OpenReader
	connection *profile.Flags
	source     sourceOptions
	output     cmdutil.OutputFlag
	failOn     cmdutil.SeverityFlag
	config     string
	rules      bool
}

// NewLintCmd is msgctl lint.
func NewLintCmd(d *cmdutil.Process, open OpenReader) *cobra.Command {
	opts := &lintOptions{proc: d, open: open, source: sourceOptions{both: true}}
	cmd := &cobra.Command{
		Use:     "lint",
		GroupID: cmdutil.GroupTopology,
		Short:   "Find design faults that lose messages or have no effect",
		Long:    lintLong,
		Example: "  msgctl lint -f topology.yaml\n  msgctl lint -f definitions.json --broker 3.10 --fail-on warning\n" +
			"  msgctl lint --live\n  msgctl lint -o sarif > lint.sarif\n  msgctl lint --rules",
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runLint(cmd.Context(), opts) },
	}
	opts.source.register(cmd, "check the broker too: drift, queue depths, consumers, owners")
	opts.output.Register(cmd, "text", "json", "sarif", "github")
	cmd.Flags().Var(&opts.failOn, "fail-on",
		"lowest severity that causes exit code 2: error, warning, note or never (default: the configuration's, or error)")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(cmdutil.Severities(),
		cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().StringVar(&opts.config, "config", "",
		"configuration file (default: "+subject.ConfigName+" in this directory or a parent)")
	cmd.Flags().BoolVar(&opts.rules, "rules", false, "list the rules and exit")
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runLint(ctx context.Context, opts *lintOptions) error {
	streams := opts.proc.Streams
	if opts.rules && opts.output.Value == "json" {
		return render.JSON(streams.Out, ruleDocuments())
	}
	if opts.rules {
		return checks.LintRules(streams.Out, lint.Rules(), streams.OutStyler(opts.proc.Colour), streams.OutWidth())
	}
	config, err := opts.proc.ReadLintConfig(opts.config)
	if err != nil {
		return err
	}
	if opts.source.broker.value == "" && config.Broker != "" {
		opts.source.broker.value = config.Broker
	}
	in, err := opts.source.read(ctx, opts.proc, opts.open, "lint", opts.connection)
	if err != nil {
		return err
	}
	list := config.Apply(in.WithComments(in.Findings()))
	doc := checks.NewLintDocument(list, in.Version, in.State.Len())
	if err := opts.show(doc); err != nil {
		return err
	}
	failOn := lint.Severity(cmp.Or(opts.failOn.Value, string(config.FailOn), string(lint.Error)))
	if worst := lint.Worst(list); failOn != cmdutil.Never && worst != lint.Off && worst.AtLeast(failOn) {
		return cmdutil.ExitWith(cmdutil.ExitPending)
	}
	return nil
}

type ruleDocument struct {
	ID          string        `json:"id"`
	Severity    lint.Severity `json:"severity"`
	Title       string        `json:"title"`
	Consequence string        `json:"consequence"`
	Fix         string        `json:"fix"`
}

// rulesDocument is what `lint --rules -o json` prints.
type rulesDocument struct {
	FormatVersion string         `json:"format_version"`
	Rules         []ruleDocument `json:"rules"`
}

func ruleDocuments() rulesDocument {
	doc := rulesDocument{FormatVersion: "1"}
	for _, r := range lint.Rules() {
		doc.Rules = append(doc.Rules, ruleDocument{r.ID, r.Severity, r.Title, r.Consequence, r.Fix})
	}
	return doc
}

func (o *lintOptions) show(doc checks.LintDocument) error {
	streams := o.proc.Streams
	switch o.output.Value {
	case "json":
		return render.JSON(streams.Out, doc)
	case "sarif":
		return checks.LintSARIF(streams.Out, doc, o.proc.Build.Version)
	case "github":
		return checks.LintGitHub(streams.Out, doc)
	}
	return checks.LintText(streams.Out, doc, streams.OutStyler(o.proc.Colour), streams.OutWidth())
}
