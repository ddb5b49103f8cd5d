package cmdutil

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/internal/profile"
)

// ConnectionFlags registers the connection's flags on a command; help lists them apart.
func ConnectionFlags(cmd *cobra.Command) *profile.Flags {
	flags := profile.RegisterFlags(cmd.Flags())
	group := map[string][]string{FlagGroup: {"connection"}} // one for all: a map for each is a good part of a start
	flags.Each(func(f *pflag.Flag) { f.Annotations = group })
	return flags
}

const FlagGroup = "msgctl_group"
