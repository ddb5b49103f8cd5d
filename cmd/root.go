package cmd

import (
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/terminal"
)

const rootLong = `msgctl keeps a RabbitMQ topology in git: exchanges, queues, bindings, policies, users and permissions
are declared in a file, compared with the live broker, and changed only as the plan says. It publishes typed domain
events, and it puts dead letters back where they belong.`

const rootExample = `  msgctl validate -f topology.yaml      is the file right? (no broker needed)
  msgctl test -f topology.yaml          does every message arrive? (no broker needed)
  msgctl lint -f topology.yaml          will it lose messages? (no broker needed)
  msgctl plan -f topology.yaml          what would change?
  msgctl apply -f topology.yaml         change it
  msgctl export > topology.yaml         a live broker as a file
  msgctl publish order.created < o.json an event of the file, checked and confirmed
  msgctl tail 'order.#'                 watch events go by, and take none away
  msgctl consume orders --exec ./handle give each message to a program, with retries
  msgctl dlq ls                         where are dead letters, and who loses some?
  msgctl dlq replay                     put them back where they died
  msgctl status                         can the broker do its work?`

func newRootCmd(d *deps) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "msgctl",
		Short:   "Keep a RabbitMQ topology in git",
		Long:    rootLong,
		Example: rootExample,

		Args: cobra.ArbitraryArgs, // so that an unknown command gets our error, not cobra's
		RunE: func(cmd *cobra.Command, args []string) error {
			if asked, _ := cmd.Flags().GetBool("version"); asked {
				return runVersion(&versionOptions{deps: d})
			}
			return helpOrUnknown(cmd, args)
		},
		PersistentPreRun: func(*cobra.Command, []string) {
			if d.onStart != nil {
				d.onStart()
			}
		},

		SilenceErrors:              true, // report shows them
		SilenceUsage:               true,
		SuggestionsMinimumDistance: 2,
	}
	cmd.PersistentFlags().Var(&d.colour, "color",
		"colour: auto, always or never; NO_COLOR and CLICOLOR_FORCE are heeded too")
	cmd.Flags().Bool("version", false, "print the version")
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetUsageFunc(writeUsage)
	cmd.SetHelpFunc(writeHelp)
	cmd.AddGroup(
		&cobra.Group{ID: groupTopology, Title: "Topology:"},
		&cobra.Group{ID: groupEvents, Title: "Events:"},
		&cobra.Group{ID: groupDeadLetters, Title: "Dead letters:"},
		&cobra.Group{ID: groupWatching, Title: "Watching:"},
		&cobra.Group{ID: groupSettings, Title: "Settings and help:"},
	)
	cmd.SetHelpCommandGroupID(groupSettings)
	cmd.SetCompletionCommandGroupID(groupSettings)
	cmd.SetHelpCommand(newHelpCmd())
	cmd.AddCommand(newValidateCmd(d), newLintCmd(d), newRouteCmd(d), newTestCmd(d), newGraphCmd(d))
	cmd.AddCommand(newPlanCmd(d), newApplyCmd(d), newDestroyCmd(d), newExportCmd(d))
	cmd.AddCommand(newPublishCmd(d), newTailCmd(d), newConsumeCmd(d), newEventsCmd(d))
	cmd.AddCommand(newDLQCmd(d))
	cmd.AddCommand(newStatusCmd(d), newDoctorCmd(d), newExporterCmd(d), newAlertsCmd(d), newDashboardCmd(d))
	cmd.AddCommand(newContextCmd(d), newVersionCmd(d), newExitCodesTopic(), newEnvironmentTopic())
	addCompletion(cmd)
	return cmd
}

// Reference returns all commands, for programs that generate documentation and completions. They
// cannot be run.
func Reference() *cobra.Command {
	return newRootCmd(&deps{streams: terminal.New(strings.NewReader(""), io.Discard, io.Discard, nil),
		colour: terminal.ColourAuto})
}

// addCompletion adds cobra's command and gives it our errors.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short, c.Args, c.RunE = "Print a completion script for your shell", cobra.ArbitraryArgs, helpOrUnknown
		}
	}
}
