package topology

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

const exportLong = `Write live vhosts as a topology file, to bring an existing broker under version
control, or as RabbitMQ definitions. A plan of that file against the same broker
shows no changes. Without an argument, the connection's vhost is exported.

Users belong to the cluster and are omitted unless --users is given; the output
then contains their password hashes.

A topology file gets a variable in place of each credential in a shovel's or
upstream's URI. Definitions know no variables and hold these credentials, which
a warning says. --secrets=mask writes ******** instead, in either form, and
leaves password hashes out of topology files: such a file is for reading.
Definitions with masked secrets cannot be imported.`

type exportOptions struct {
	proc       *cmdutil.Process
	open       OpenReader
	connection *profile.Flags
	output     cmdutil.OutputFlag
	vhosts     []string
	all, users bool
	name       string
	secrets    cmdutil.OutputFlag
}

// NewExportCmd is msgctl export.
func NewExportCmd(d *cmdutil.Process, open OpenReader) *cobra.Command {
	opts := &exportOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "export [VHOST...]",
		GroupID: cmdutil.GroupTopology,
		Short:   "Write a live vhost as a topology file",
		Long:    exportLong,
		Example: "  msgctl export > topology.yaml\n  msgctl export orders billing > both.yaml\n  msgctl export --all " +
			"--users -o definitions > backup.json",
		Args: cmdutil.Args("[VHOST...]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.vhosts = args
			return runExport(cmd.Context(), opts)
		},
	}
	opts.output.Register(cmd, "yaml", "json", "definitions")
	cmd.Flags().BoolVar(&opts.all, "all", false, "all vhosts")
	cmd.Flags().BoolVar(&opts.users, "users", false, "include users with their password hashes, permissions and limits")
	opts.secrets.RegisterAs(cmd, "secrets", "", "keep", "mask")
	cmd.Flags().Lookup("secrets").Usage = "credentials in the output: keep (in a topology file, variables stand for " +
		"those in URIs) or mask"
	cmd.Flags().StringVar(&opts.name, "name", "", "name of the topology in the file")
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runExport(ctx context.Context, opts *exportOptions) error {
	conn, err := opts.proc.Connection(opts.connection)
	if err != nil {
		return err
	}
	b, err := opts.open(ctx, conn, "export")
	if err != nil {
		return err
	}
	defer b.Close()
	switch {
	case opts.all && len(opts.vhosts) > 0:
		return cmdutil.UsageError("leave one of them out", "export: --all and vhosts by name exclude each other")
	case opts.all:
	case len(opts.vhosts) == 0:
		opts.vhosts = []string{conn.VHost}
	}
	live, err := b.Everything(ctx, opts.vhosts)
	if err != nil {
		return err
	}
	if err := live.MissingVHost(); err != nil {
		return err
	}
	if len(live.ClosedVHosts) > 0 { // a backup without them would look complete
		return refusal.NoVHostAccess("export all vhosts", live.Server.User, live.ClosedVHosts[0])
	}
	warnUnreadable(opts.proc, live)
	warnServerNamed(opts.proc, live, opts.vhosts)
	return opts.write(live.State.Only(opts.vhosts))
}

func (o *exportOptions) write(state *topology.State) error {
	out := o.proc.Streams.Out
	options := export.Options{Name: o.name, Users: o.users, Mask: o.secrets.Value == "mask",
		NeedsVariable: func(name string) {
			o.proc.Warn("a URI's credentials were replaced by the variable " + name + ": set it before you use the file")
		}}
	switch o.output.Value {
	case "definitions":
		o.warnSecrets(state, options)
		return export.WriteDefinitions(out, state, options)
	case "json":
		return export.WriteJSON(out, state, options)
	}
	return export.WriteYAML(out, state, options)
}

// warnSecrets warns that a file contains credentials, and lists whose.
func (o *exportOptions) warnSecrets(state *topology.State, options export.Options) {
	held := export.HasSecrets(state, options)
	if len(held) == 0 || options.Mask {
		return
	}
	what := held[0].Full()
	if n := int64(len(held) - 1); n > 0 {
		what += " and " + terminal.FormatPlural(n, "other object", "other objects")
	}
	o.proc.Warn("the definitions hold the credentials of " + what +
		": keep them where only you can read them, or mask them with --secrets=mask")
}

// warnServerNamed says which queues are not in an export because the broker named them: no file can
// declare them. Exclusive ones are gone with their connections, and are not told.
func warnServerNamed(d *cmdutil.Process, live *topology.Live, vhosts []string) {
	for _, o := range live.Objects() {
		q, ok := o.(*topology.Queue)
		if ok && capability.IsReserved(q.Name) && !q.Exclusive &&
			(len(vhosts) == 0 || slices.Contains(vhosts, q.VHost)) {
			d.Warn(q.Ref().Full() + " is not exported: the broker named it, and no file can declare such a name")
		}
	}
}

// warnUnreadable warns which kinds are missing from an export, and why.
func warnUnreadable(d *cmdutil.Process, live *topology.Live) {
	for _, kind := range topology.Kinds() {
		if why, ok := live.Unreadable[kind]; ok {
			d.Warn(fmt.Sprintf("no %s is exported: %s", kind, why))
		}
	}
}
