// Package contexts has the commands about msgctl itself: contexts (named brokers) and the version.
// None of them contacts a broker.
package contexts

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/render"
)

const contextLong = `Manage contexts. A context is a named broker: its URL, vhost, TLS files, the
source of its password, and whether it is protected. Contexts are stored in
~/.config/msgctl/config.yaml, or in the file that MSGCTL_CONFIG names. The
current context is used where neither flags nor the environment name a broker.

The passwordCommand of a context is run only if the file is yours or root's, and
no other user can write it.`

// NewContextCmd is msgctl context.
func NewContextCmd(d *cmdutil.Process) *cobra.Command {
	cmd := cmdutil.NewGroupCmd("context", "Manage named brokers", contextLong)
	cmd.AddCommand(newContextListCmd(d), newContextUseCmd(d), newContextShowCmd(d), newContextAddCmd(d),
		newContextRemoveCmd(d))
	cmd.GroupID = cmdutil.GroupSettings
	return cmd
}

// completeContexts completes the names of contexts as the first argument.
func completeContexts(d *cmdutil.Process) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		file, err := d.Contexts()
		if err != nil || len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return file.Names(), cobra.ShellCompDirectiveNoFileComp
	}
}

type contextListOptions struct {
	proc   *cmdutil.Process
	output cmdutil.OutputFlag
}

// contextDocument is one context in `context ls -o json`. The URL contains no password.
type contextDocument struct {
	Name      string `json:"name"`
	Current   bool   `json:"current"`
	URL       string `json:"url,omitempty"`
	API       string `json:"api,omitempty"`
	VHost     string `json:"vhost,omitempty"`
	Protected bool   `json:"protected"`
	File      string `json:"file,omitempty"`
}

func newContextListCmd(d *cmdutil.Process) *cobra.Command {
	opts := &contextListOptions{proc: d}
	cmd := &cobra.Command{
		Use: "ls", Aliases: []string{"list"},
		Short: "List the contexts",
		Args:  cmdutil.Args(),
		RunE:  func(*cobra.Command, []string) error { return runContextList(opts) },
	}
	opts.output.Register(cmd, "table", "json", "yaml")
	return cmd
}

func runContextList(opts *contextListOptions) error {
	file, err := opts.proc.Contexts()
	if err != nil {
		return err
	}
	opts.proc.Warn(file.Warnings...)
	list := struct {
		FormatVersion string            `json:"format_version"`
		Contexts      []contextDocument `json:"contexts"`
	}{"1", contextDocuments(file)}
	out := opts.proc.Streams.Out
	if done, err := opts.output.Encode(out, list); done {
		return err
	}
	if len(list.Contexts) == 0 {
		fmt.Fprintln(opts.proc.Streams.Err, "no contexts yet: msgctl context add NAME --url amqp://USER@HOST:5672/VHOST")
		return nil
	}
	table := render.Table{Headers: []string{"", "NAME", "URL", "VHOST", "NOTES"}}
	for _, c := range list.Contexts {
		table.Rows = append(table.Rows, []string{mark(c.Current, "*"), c.Name, c.URL, c.VHost,
			mark(c.Protected, "protected")})
	}
	return table.Write(out, opts.proc.Streams.OutWidth())
}

func contextDocuments(file *profile.File) []contextDocument {
	list := []contextDocument{}
	for _, name := range file.Names() {
		c := file.Contexts[name]
		d := contextDocument{Name: name, Current: name == file.Current, URL: redact.Text(c.URL),
			API:   redact.Text(c.API),
			VHost: c.VHost, Protected: c.Protected, File: c.File}
		if u, err := profile.ParseURL(c.URL); err == nil && d.VHost == "" && u.VHost != nil {
			d.VHost = *u.VHost
		}
		list = append(list, d)
	}
	return list
}

func mark(on bool, text string) string {
	if on {
		return text
	}
	return ""
}

type contextNameOptions struct {
	proc *cmdutil.Process
	name string
}

func newContextUseCmd(d *cmdutil.Process) *cobra.Command {
	opts := &contextNameOptions{proc: d}
	return &cobra.Command{
		Use:               "use NAME",
		Short:             "Set the current context",
		Args:              cmdutil.Args("NAME"),
		ValidArgsFunction: completeContexts(d),
		RunE: func(_ *cobra.Command, a []string) error {
			opts.name = a[0]
			return runContextUse(opts)
		},
	}
}

func runContextUse(opts *contextNameOptions) error {
	return opts.change(func(f *profile.File) error { return f.Use(opts.name) }, "using context %s")
}

func newContextRemoveCmd(d *cmdutil.Process) *cobra.Command {
	opts := &contextNameOptions{proc: d}
	return &cobra.Command{
		Use: "rm NAME", Aliases: []string{"remove"},
		Short:             "Delete a context; the broker is not changed",
		Args:              cmdutil.Args("NAME"),
		ValidArgsFunction: completeContexts(d),
		RunE: func(_ *cobra.Command, a []string) error {
			opts.name = a[0]
			return runContextRemove(opts)
		},
	}
}

func runContextRemove(opts *contextNameOptions) error {
	return opts.change(func(f *profile.File) error { return f.Remove(opts.name) }, "removed context %s")
}

// change edits the context file and reports the change on stderr.
func (opts *contextNameOptions) change(edit func(*profile.File) error, done string) error {
	file, err := opts.proc.Contexts()
	if err != nil {
		return err
	}
	if err := edit(file); err != nil {
		return cmdutil.SettingError(err)
	}
	if err := file.Save(); err != nil {
		return err
	}
	opts.proc.Say(done, opts.name)
	return nil
}
