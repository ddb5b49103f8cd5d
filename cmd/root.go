package cmd

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/cmd/consume"
	"github.com/msgctl/msgctl/cmd/contexts"
	"github.com/msgctl/msgctl/cmd/dlq"
	"github.com/msgctl/msgctl/cmd/events"
	"github.com/msgctl/msgctl/cmd/ops"
	"github.com/msgctl/msgctl/cmd/publish"
	"github.com/msgctl/msgctl/cmd/queue"
	"github.com/msgctl/msgctl/cmd/tail"
	"github.com/msgctl/msgctl/cmd/topology"
	"github.com/msgctl/msgctl/internal/terminal"
)

const rootLong = `msgctl keeps a RabbitMQ topology in git. Exchanges, queues, bindings, policies,
users and permissions are declared in a file and compared with the live broker;
only what the plan shows is changed. msgctl also publishes typed domain events,
consumes queues, and replays dead letters to the queues where they died.`

const rootExample = `  msgctl validate -f topology.yaml         check the file (no broker needed)
  msgctl test -f topology.yaml             run its tests (no broker needed)
  msgctl lint -f topology.yaml             find message loss (no broker needed)
  msgctl plan -f topology.yaml             show what would change
  msgctl apply -f topology.yaml            change it
  msgctl export > topology.yaml            write a live vhost as a file
  msgctl publish order.created < o.json    publish a checked, confirmed event
  msgctl tail 'order.#'                    watch events without consuming them
  msgctl consume orders --exec ./handle    run a handler, with retries
  msgctl dlq ls                            list dead-letter queues
  msgctl dlq replay orders.dlq --dry-run   show where its messages would go
  msgctl status                            check that the broker is healthy`

func (p *app) newRootCmd() *cobra.Command {
	d := p.proc
	cmd := &cobra.Command{
		Use:     "msgctl",
		Short:   "Keep a RabbitMQ topology in git",
		Long:    rootLong,
		Example: rootExample,

		Args: cobra.ArbitraryArgs, // so that an unknown command gets our error instead of cobra's
		RunE: func(cmd *cobra.Command, args []string) error {
			if asked, _ := cmd.Flags().GetBool("version"); asked {
				return contexts.RunVersion(&contexts.VersionOptions{Deps: d})
			}
			return cmdutil.HelpOrUnknown(cmd, args)
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			p.onStart()
			if err := cmdutil.CheckExclusive(cmd); err != nil { // otherwise cobra does, and it would not be a usage error
				return err
			}
			if !showsMessages(cmd) {
				d.HideSecrets()
			}
			return cmdutil.CheckNewFiles(cmd)
		},

		SilenceErrors:              true, // Report shows them
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	cmd.PersistentFlags().Var(&d.Colour, "color",
		"colour: auto, always or never; NO_COLOR and CLICOLOR_FORCE also apply")
	cmd.Flags().Bool("version", false, "print the version")
	cmd.SetFlagErrorFunc(cmdutil.FlagError)
	setUsageTemplate(cmd)
	cmd.AddGroup(
		&cobra.Group{ID: cmdutil.GroupTopology, Title: "Topology:"},
		&cobra.Group{ID: cmdutil.GroupEvents, Title: "Events:"},
		&cobra.Group{ID: cmdutil.GroupDeadLetters, Title: "Dead letters:"},
		&cobra.Group{ID: cmdutil.GroupWatching, Title: "Watching:"},
		&cobra.Group{ID: cmdutil.GroupSettings, Title: "Settings and help:"},
	)
	cmd.SetHelpCommandGroupID(cmdutil.GroupSettings)
	cmd.SetCompletionCommandGroupID(cmdutil.GroupSettings)
	cmd.SetHelpCommand(newHelpCmd())
	p.addCommands(cmd)
	addCompletion(cmd)
	return cmd
}

// showsMessages reports whether a command's results are messages or definitions, which must not be
// changed.
func showsMessages(cmd *cobra.Command) bool {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return slices.Contains([]string{"export", "publish", "tail", "consume", "dlq"}, cmd.Name())
}

// addCommands adds each command to its group.
func (p *app) addCommands(root *cobra.Command) {
	d, b := p.proc, &p.brokers
	root.AddCommand(
		topology.NewValidateCmd(d),
		topology.NewLintCmd(d, b.openReader),
		topology.NewRouteCmd(d, b.openReader),
		topology.NewTestCmd(d, b.openTestVHost),
		topology.NewGraphCmd(d, b.openReader),
		topology.NewPlanCmd(d, b.openWriter),
		topology.NewApplyCmd(d, b.openWriter),
		topology.NewDestroyCmd(d, b.openWriter),
		topology.NewExportCmd(d, b.openReader),
		queue.NewCmd(d, b.openQueue),

		publish.NewCmd(d, b.openPublisher),
		tail.NewCmd(d, b.openTail),
		consume.NewCmd(d, b.openConsumer),
		events.NewCmd(d),

		dlq.NewCmd(d, b.openDeadLetters),

		ops.NewStatusCmd(d, b.openHealth),
		ops.NewDoctorCmd(d, b.openHealth),
		ops.NewExporterCmd(d, b.openExporter),
		ops.NewAlertsCmd(d),
		ops.NewDashboardCmd(d),

		contexts.NewContextCmd(d),
		contexts.NewVersionCmd(d),
		newExitCodesTopic(),
		newEnvironmentTopic(),
	)
}

// Reference returns all commands, for programs that generate documentation and completions. The
// commands cannot be run.
func Reference() *cobra.Command {
	p := &app{proc: &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), io.Discard, io.Discard, nil),
		Colour: terminal.ColourAuto}, onStart: func() {}}
	return p.newRootCmd()
}

// addCompletion adds cobra's completion command with our usage errors.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short, c.Args, c.RunE = "Print a completion script for your shell", cobra.ArbitraryArgs, cmdutil.HelpOrUnknown
			for _, shell := range c.Commands() {
				shell.Args = cmdutil.Args()
			}
		}
	}
}
