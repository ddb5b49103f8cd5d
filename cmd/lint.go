package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/checks"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

const lintLong = `Find faults that a broker takes without a word and that then lose messages or do nothing: dead letters that reach no queue, policies
that one key disables, bindings that cannot match, queues that drop what they hold. Every finding says what happens at run
time and how to mend it; docs/lint.md has a page on each rule. It needs no broker. --broker judges for one version.

With --live it also looks at the broker: drift, waiting dead letters, queues without consumers or near their limit, objects that
no topology owns. Without files it is the broker's vhost that is judged.

A comment lets a finding pass, at the end of a line or above one, for it and all that is indented below:

    # msgctl:ignore limit-without-dead-letters only the newest prices count

A file .msgctl.yaml here, or in a directory above, changes severities, and lets findings pass by the object's name:

    lint:
      failOn: warning
      rules: { queue-unfed: off }
      ignore: [{ rule: exchange-without-bindings, object: "events.*", reason: consumers bind their own queues }]

Exit code 0: nothing at or above --fail-on. 2: there are findings.`

type lintOptions struct {
	deps       *deps
	connection *profile.Flags
	source     sourceOptions
	format     outputFormat
	failOn     severityFlag
	config     string
	rules      bool
}

func newLintCmd(d *deps) *cobra.Command {
	opts := &lintOptions{deps: d, source: sourceOptions{both: true}}
	cmd := &cobra.Command{
		Use:     "lint",
		GroupID: groupTopology,
		Short:   "Find what would lose messages or do nothing",
		Long:    lintLong,
		Example: "  msgctl lint -f topology.yaml\n  msgctl lint -f definitions.json --broker 3.10 --fail-on warning\n" +
			"  msgctl lint --live\n  msgctl lint --format sarif > lint.sarif\n  msgctl lint --rules",
		Args: args(),
		RunE: func(cmd *cobra.Command, _ []string) error { return runLint(cmd.Context(), opts) },
	}
	opts.source.register(cmd, "look at the broker too: drift, depths, consumers, owners")
	opts.format.registerAs(cmd, "format", "", "text", "json", "sarif", "github")
	cmd.Flags().Var(&opts.failOn, "fail-on",
		"least severity that makes exit code 2: error, warning, note, never (default error, or the configuration's)")
	_ = cmd.RegisterFlagCompletionFunc("fail-on", cobra.FixedCompletions(severities(), cobra.ShellCompDirectiveNoFileComp))
	cmd.Flags().StringVar(&opts.config, "config", "", "configuration file (default "+configName+" here or above)")
	cmd.Flags().BoolVar(&opts.rules, "rules", false, "list the rules and look at nothing")
	opts.connection = connectionFlags(cmd)
	return cmd
}

func runLint(ctx context.Context, opts *lintOptions) error {
	streams := opts.deps.streams
	if opts.rules {
		return checks.LintRules(streams.Out, lint.Rules(), streams.OutStyler(opts.deps.colour), streams.OutWidth())
	}
	config, err := opts.readConfig()
	if err != nil {
		return err
	}
	if opts.source.broker.value == "" && config.Broker != "" {
		if err := opts.source.broker.Set(config.Broker); err != nil {
			return usageError("", "lint: configuration: broker: %w", err)
		}
	}
	in, err := opts.source.read(ctx, opts.deps, "lint", opts.connection)
	if err != nil {
		return err
	}
	list := config.Apply(in.ignore(in.lint()))
	doc := checks.NewLintDocument(list, in.version, in.state.Len())
	if err := opts.show(doc); err != nil {
		return err
	}
	failOn := lint.Severity(cmp.Or(opts.failOn.value, string(config.FailOn), string(lint.Error)))
	if worst := lint.Worst(list); failOn != never && worst != lint.Off && worst.AtLeast(failOn) {
		return exitWith(exitPending)
	}
	return nil
}

func (o *lintOptions) show(doc checks.LintDocument) error {
	streams := o.deps.streams
	switch o.format.value {
	case "json":
		return render.JSON(streams.Out, doc)
	case "sarif":
		return checks.LintSARIF(streams.Out, doc, o.deps.build.Version)
	case "github":
		return checks.LintGitHub(streams.Out, doc)
	}
	return checks.LintText(streams.Out, doc, streams.OutStyler(o.deps.colour), streams.OutWidth())
}

// ignore applies the comments of the files. In a file that cannot be read they have no finding to
// be about yet.
func (in *lintInput) ignore(list []lint.Finding) []lint.Finding {
	if in.unread {
		return list
	}
	var comments []*lint.Ignore
	for _, i := range in.inputs {
		if source.FormatOf(i.Name, i.Data) == source.YAML {
			comments = append(comments, lint.Ignores(i.Name, i.Data)...)
		}
	}
	return lint.ApplyIgnores(list, comments)
}

const configName = ".msgctl.yaml"

// readConfig reads the file that --config names, or the nearest one here or above, up to the
// repository's root. None is an empty one.
func (o *lintOptions) readConfig() (lint.Config, error) {
	name := o.config
	if name == "" {
		if name = nearestConfig(); name == "" {
			return lint.Config{}, nil
		}
	}
	file, err := os.Open(name)
	if err != nil {
		return lint.Config{}, usageError("", "lint: read the configuration: %w", err)
	}
	defer func() { _ = file.Close() }()
	const most = 1 << 20
	data, err := io.ReadAll(io.LimitReader(file, most+1))
	if err != nil {
		return lint.Config{}, fmt.Errorf("lint: read the configuration: %w", err)
	}
	config, err := lint.ParseConfig(name, data)
	if err != nil {
		return lint.Config{}, usageError("see: msgctl lint --help; msgctl lint --rules lists all rules", "lint: %w", err)
	}
	return config, nil
}

func nearestConfig() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if name := filepath.Join(dir, configName); exists(name) {
			return name
		}
		up := filepath.Dir(dir)
		if up == dir || exists(filepath.Join(dir, ".git")) {
			return ""
		}
		dir = up
	}
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return !errors.Is(err, fs.ErrNotExist)
}
