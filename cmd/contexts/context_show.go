package contexts

import (
	"sort"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
)

type contextShowOptions struct {
	proc   *cmdutil.Process
	flags  *profile.Flags
	output cmdutil.OutputFlag
}

// connectionDocument shows the settings in effect, without a password.
type connectionDocument struct {
	FormatVersion string            `json:"format_version"`
	Context       string            `json:"context,omitempty"`
	Protected     bool              `json:"protected"`
	File          string            `json:"file,omitempty"`
	Settings      map[string]string `json:"settings"`
	Sources       map[string]string `json:"sources"`
}

func newContextShowCmd(d *cmdutil.Process) *cobra.Command {
	opts := &contextShowOptions{proc: d}
	cmd := &cobra.Command{
		Use:   "show [NAME]",
		Short: "Show the connection settings and their sources",
		Long: `Show the connection that a command would use, with the source of each setting:
a flag, an environment variable, a context or the default. NAME works like
--context NAME. The broker is not contacted.`,
		Args:              cmdutil.Args("[NAME]"),
		ValidArgsFunction: completeContexts(d),
		RunE: func(cmd *cobra.Command, a []string) error {
			if len(a) == 1 {
				if err := cmd.Flags().Set("context", a[0]); err != nil {
					return err
				}
			}
			return runContextShow(opts)
		},
	}
	opts.flags = cmdutil.ConnectionFlags(cmd)
	opts.output.Register(cmd, "table", "json", "yaml")
	return cmd
}

func runContextShow(opts *contextShowOptions) error {
	c, err := opts.proc.Connection(opts.flags)
	if err != nil {
		return err
	}
	doc := connectionDocument{FormatVersion: "1", Context: c.Context, Protected: c.Protected(), File: c.File,
		Settings: settingsOf(c), Sources: c.Sources}
	if done, err := opts.output.Encode(opts.proc.Streams.Out, doc); done {
		return err
	}
	table := render.Table{Headers: []string{"SETTING", "VALUE", "FROM"}}
	if c.Context != "" {
		table.Rows = append(table.Rows, []string{"context", c.Context, mark(c.ProtectedBy == c.Context, "protected")})
	}
	if c.Protected() && c.ProtectedBy != c.Context {
		table.Rows = append(table.Rows, []string{"protected", "yes", "context " + c.ProtectedBy})
	}
	names := make([]string, 0, len(doc.Settings))
	for name := range doc.Settings {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		table.Rows = append(table.Rows, []string{name, doc.Settings[name], c.Sources[name]})
	}
	return table.Write(opts.proc.Streams.Out, opts.proc.Streams.OutWidth())
}

func settingsOf(c *profile.Connection) map[string]string {
	all := map[string]string{
		"url": c.URL(), "api": c.API, "vhost": c.VHost, "user": c.User, "password": "(hidden)",
		"timeout": units.FormatDuration(c.Timeout), "heartbeat": units.FormatDuration(c.Heartbeat),
		"reconnect-delay":    units.FormatDuration(c.ReconnectDelay),
		"reconnect-attempts": terminal.FormatCount(int64(c.ReconnectAttempts)),
		"tls-ca":             c.TLS.CA, "tls-cert": c.TLS.Cert, "tls-key": c.TLS.Key, "tls-server-name": c.TLS.ServerName,
		"insecure": mark(c.TLS.Insecure, "true"),
	}
	if c.Sources["password"] == "" {
		all["password"] = ""
	}
	for name, value := range all {
		if value == "" {
			delete(all, name)
		}
	}
	return all
}
