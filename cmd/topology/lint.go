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

const lintLong = `Find faults that a broker takes without a word and that then lose messages or do
nothing: dead letters that reach no queue, policies that one key disables,
bindings that cannot match, queues that drop what they hold. Every finding says
what happens at run time and how to mend it; docs/lint.md has a page on each
rule. It needs no broker. --broker judges for one version.

With --live it also looks at the broker: drift, waiting dead letters, queues
without consumers or near their limit, objects that no topology owns. Without
files it is the broker's vhost that is judged.

A comment lets a finding pass, at the end of a line or above one, for it and all
that is indented below:

    # msgctl:ignore limit-without-dead-letters only the newest prices count

A file .msgctl.yaml here, or in a directory above, changes severities, and lets
findings pass by the object's name:

    lint:
      failOn: warning
      rules: { queue-unfed: off }
      ignore: [{ rule: exchange-without-bindings, object: "events.*", reason: consumers bind their own queues }]

Exit code 0: nothing at or above --fail-on. 2: there are findings.`

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
		Short:   "Find what would lose messages or do nothing",
		Long:    lintLong,
		Example: "  msgctl lint -f topology.yaml\n  msgctl lint -f definitions.json --broker 3.10 --fail-on warning\n" +
			"  msgctl lint --live\n  msgctl lint -o sarif > lint.sarif\n  msgctl lint --rules",
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runLint(cmd.Context(), opts) },
	}
	opts.source.register(cmd, "look at the broker too: drift, depths, consumers, owners")
	opts.output.Register(cmd, "text", "json", "sarif", "github")
	cmd.Flags().Var(&opts.failOn, "fail-on",
		"least severity that makes exit code 2: error, warning, note, never (default error, or the configuration's)")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(cmdutil.Severities(),
		cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().StringVar(&opts.config, "config", "", "configuration file (default "+subject.ConfigName+" here or above)")
	cmd.Flags().BoolVar(&opts.rules, "rules", false, "list the rules and look at nothing")
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
	config, err := cmdutil.ReadLintConfig(opts.config)
	if err != nil {
		return err
	}
	if opts.source.broker.value == "" && config.Broker != "" {
		if err := opts.source.broker.Set(config.Broker); err != nil {
			return cmdutil.UsageError("", "lint: configuration: broker: %w", err)
		}
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
