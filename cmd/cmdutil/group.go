package cmdutil

import (
	"strings"

	"github.com/spf13/cobra"
)

// The groups in which --help lists commands.
const (
	GroupTopology    = "topology"
	GroupEvents      = "events"
	GroupDeadLetters = "dead letters"
	GroupWatching    = "watching"
	GroupSettings    = "settings"
)

// NewGroupCmd is a command that only holds others.
func NewGroupCmd(name, short, long string, sub ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: HelpOrUnknown}
	cmd.AddCommand(sub...)
	return cmd
}

// HelpOrUnknown runs where a subcommand was expected.
func HelpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return UnknownCommand(cmd, args[0])
}

// UnknownCommand is wrong usage that says which command was meant.
func UnknownCommand(parent *cobra.Command, name string) error {
	hint := "see: " + parent.CommandPath() + " --help"
	if near := parent.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean: " + parent.CommandPath() + " " + strings.Join(near, ", or "+parent.CommandPath()+" ")
	}
	return UsageError(hint, "unknown command %q", parent.CommandPath()+" "+name)
}
