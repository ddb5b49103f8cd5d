package cmdutil

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
)

// VHostChoice decides which vhost topology files are for. The zero value leaves it to the files.
type VHostChoice struct {
	fallback, override string
	// source names where the fallback came from, "" for the default.
	source string
}

// ChooseVHost lets --vhost override the files. Without it, the connection's vhost applies to files
// that name none; if a flag, variable or context named it, files must not name another.
func ChooseVHost(conn *profile.Connection) VHostChoice {
	choice := VHostChoice{fallback: conn.VHost}
	switch source := conn.Sources["vhost"]; source {
	case "flag --vhost":
		choice.override = conn.VHost
	case "default":
	default:
		choice.source = source
	}
	return choice
}

var errOtherVHost = errors.New("the topology file is for another vhost")

// check refuses files for another vhost than the one named for the connection.
func (c VHostChoice) check(state *topology.State) error {
	if c.source == "" || state == nil {
		return nil
	}
	vhosts := state.VHosts()
	if len(vhosts) != 1 || vhosts[0] == c.fallback {
		return nil
	}
	return UsageError("--vhost "+shell.Quote(vhosts[0])+"   uses the vhost of the file\n"+
		"--vhost "+shell.Quote(c.fallback)+"   uses this vhost instead of the file's",
		"%w: it names %q, and %s names %q", errOtherVHost, vhosts[0], c.source, c.fallback)
}

// ConnectionFlags registers the connection flags on a command; help lists them separately.
func ConnectionFlags(cmd *cobra.Command) *profile.Flags {
	return grouped(profile.RegisterFlags(cmd.Flags()))
}

// ReaderFlags is ConnectionFlags for a command that reads messages.
func ReaderFlags(cmd *cobra.Command) *profile.Flags {
	flags := profile.RegisterFlags(cmd.Flags())
	flags.RegisterMaxMessage()
	return grouped(flags)
}

func grouped(flags *profile.Flags) *profile.Flags {
	// One map per flag: cobra records flag groups in it.
	flags.Each(func(f *pflag.Flag) { f.Annotations = map[string][]string{FlagGroup: {"connection"}} })
	return flags
}

// FlagGroup is the annotation of the flags that help lists separately.
const FlagGroup = "msgctl_group"
