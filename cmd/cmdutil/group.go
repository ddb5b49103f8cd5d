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

// NewGroupCmd returns a command that only has subcommands.
func NewGroupCmd(name, short, long string, sub ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: name, Short: short, Long: long, Args: cobra.ArbitraryArgs, RunE: HelpOrUnknown}
	cmd.AddCommand(sub...)
	return cmd
}

// HelpOrUnknown shows the help of a command group, or the error about an unknown subcommand.
func HelpOrUnknown(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	return UnknownCommand(cmd, args[0])
}

// UnknownCommand returns a usage error that suggests the nearest commands.
func UnknownCommand(parent *cobra.Command, name string) error {
	hint := "see: " + parent.CommandPath() + " --help"
	if near := parent.SuggestionsFor(name); len(near) > 0 {
		hint = "did you mean: " + parent.CommandPath() + " " + strings.Join(near, ", or "+parent.CommandPath()+" ")
	}
	return UsageError(hint, "unknown command %q", parent.CommandPath()+" "+name)
}
