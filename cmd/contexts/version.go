package contexts

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

// VersionOptions are the options of msgctl version.
type VersionOptions struct {
	Deps   *cmdutil.Process
	output cmdutil.OutputFlag
}

// versionDocument is what `version -o json` prints.
type versionDocument struct {
	FormatVersion string `json:"format_version"`
	cmdutil.Build
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// NewVersionCmd is msgctl version.
func NewVersionCmd(d *cmdutil.Process) *cobra.Command {
	opts := &VersionOptions{Deps: d}
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit and the platform",
		GroupID: cmdutil.GroupSettings,
		Args:    cmdutil.Args(),
		RunE:    func(*cobra.Command, []string) error { return RunVersion(opts) },
	}
	opts.output.Register(cmd, "text", "json", "yaml")
	return cmd
}

// RunVersion prints the version.
func RunVersion(opts *VersionOptions) error {
	doc := versionDocument{FormatVersion: "1", Build: opts.Deps.Build.Complete(), Go: runtime.Version(),
		Platform: cmdutil.Platform()}
	if done, err := opts.output.Encode(opts.Deps.Streams.Out, doc); done {
		return err
	}
	out := opts.Deps.Streams.Out
	fmt.Fprintf(out, "msgctl %s (%s, %s)\n", doc.Version, doc.Platform, doc.Go)
	if doc.Commit != "" {
		fmt.Fprintf(out, "commit %s of %s\n", doc.Commit, doc.Date)
	}
	return nil
}
