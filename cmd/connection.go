package cmd

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/internal/profile"
)

// connectionFlags registers the connection's flags on a command; help lists them apart.
func connectionFlags(cmd *cobra.Command) *profile.Flags {
	flags := profile.RegisterFlags(cmd.Flags())
	group := map[string][]string{flagGroup: {"connection"}} // one for all: a map for each is a good part of a start
	flags.Each(func(f *pflag.Flag) { f.Annotations = group })
	return flags
}

const flagGroup = "msgctl_group"
