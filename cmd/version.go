package cmd

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

type versionOptions struct {
	deps   *deps
	output outputFormat
}

// versionDocument is what `version -o json` prints.
type versionDocument struct {
	FormatVersion string `json:"format_version"`
	Build
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func newVersionCmd(d *deps) *cobra.Command {
	opts := &versionOptions{deps: d}
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "Print the version, the commit and the platform",
		GroupID: groupSettings,
		Args:    args(),
		RunE:    func(*cobra.Command, []string) error { return runVersion(opts) },
	}
	opts.output.register(cmd, "text", "json", "yaml")
	return cmd
}

func runVersion(opts *versionOptions) error {
	doc := versionDocument{FormatVersion: "1", Build: opts.deps.build.complete(), Go: runtime.Version(),
		Platform: platform()}
	if done, err := opts.output.encode(opts.deps.streams.Out, doc); done {
		return err
	}
	out := opts.deps.streams.Out
	fmt.Fprintf(out, "msgctl %s (%s, %s)\n", doc.Version, doc.Platform, doc.Go)
	if doc.Commit != "" {
		fmt.Fprintf(out, "commit %s of %s\n", doc.Commit, doc.Date)
	}
	return nil
}
