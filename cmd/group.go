package cmd

import (
	"strings"

	"github.com/spf13/cobra"
)

// The groups in which --help lists commands.
const (
	groupTopology    = "topology"
	groupEvents      = "events"
	groupDeadLetters = "dead letters"
	groupWatching    = "watching"
	groupSettings    = "settings"
)

// newGroupCmd is a command that only holds others.
func newGroupCmd(name, short, long string, sub ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: helpOrUnknown}
	cmd.AddCommand(sub...)
	return cmd
}

// helpOrUnknown runs where a subcommand was expected.
func helpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return unknownCommand(cmd, args[0])
}

func unknownCommand(parent *cobra.Command, name string) error {
	hint := "see: " + parent.CommandPath() + " --help"
	if near := parent.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean: " + parent.CommandPath() + " " + strings.Join(near, ", or "+parent.CommandPath()+" ")
	}
	return usageError(hint, "unknown command %q", parent.CommandPath()+" "+name)
}
