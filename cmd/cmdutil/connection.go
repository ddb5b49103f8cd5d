package cmdutil

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/internal/profile"
)

// ConnectionFlags registers the connection's flags on a command; help lists them apart.
func ConnectionFlags(cmd *cobra.Command) *profile.Flags {
	flags := profile.RegisterFlags(cmd.Flags())
	// A map for each: cobra writes into it which flags exclude each other.
	flags.Each(func(f *pflag.Flag) { f.Annotations = map[string][]string{FlagGroup: {"connection"}} })
	return flags
}

// FlagGroup is the annotation of the flags that help lists apart.
const FlagGroup = "msgctl_group"
