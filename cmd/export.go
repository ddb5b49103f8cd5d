package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const exportLong = `Write live vhosts as a topology file that plan finds equal to the broker, or as RabbitMQ definitions. Without an argument it
is the connection's vhost.

Users belong to the cluster and are left out unless --users asks for them; then their password hashes are in the output.`

type exportOptions struct {
	deps       *deps
	connection *profile.Flags
	format     outputFormat
	vhosts     []string
	all, users bool
	name       string
}

func newExportCmd(d *deps) *cobra.Command {
	opts := &exportOptions{deps: d}
	cmd := &cobra.Command{
		Use:     "export [VHOST...]",
		GroupID: groupTopology,
		Short:   "Write a live vhost as a topology file",
		Long:    exportLong,
		Example: "  msgctl export > topology.yaml\n  msgctl export orders billing > both.yaml\n  msgctl export --all " +
			"--users --format definitions > backup.json",
		Args: args("[VHOST...]"),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.vhosts = args
			return runExport(cmd.Context(), opts)
		},
	}
	opts.format.registerAs(cmd, "format", "", "yaml", "definitions")
	cmd.Flags().BoolVar(&opts.all, "all", false, "all vhosts")
	cmd.Flags().BoolVar(&opts.users, "users", false, "users with their password hashes, permissions and limits too")
	cmd.Flags().StringVar(&opts.name, "name", "", "the topology's name in the file")
	opts.connection = connectionFlags(cmd)
	return cmd
}

func runExport(ctx context.Context, opts *exportOptions) error {
	conn, err := opts.deps.connection(opts.connection)
	if err != nil {
		return err
	}
	b, err := openBroker(ctx, opts.deps, conn, "export", false)
	if err != nil {
		return err
	}
	defer b.Close()
	switch {
	case opts.all && len(opts.vhosts) > 0:
		return usageError("leave one of them out", "export: --all and vhosts by name exclude each other")
	case opts.all:
	case len(opts.vhosts) == 0:
		opts.vhosts = []string{conn.VHost}
	}
	live, err := b.Everything(ctx, opts.vhosts)
	if err != nil {
		return err
	}
	if err := missing(live); err != nil {
		return err
	}
	warnUnreadable(opts.deps, live)
	return opts.write(live.State.Only(opts.vhosts))
}

func (o *exportOptions) write(state *topology.State) error {
	out := o.deps.streams.Out
	options := spec.WriteOptions{Name: o.name, Users: o.users, NeedsVariable: func(name string) {
		o.deps.warn("set the variable " + name + " to use the file: the credentials in that URI are not written")
	}}
	if o.format.value == "definitions" {
		return spec.WriteDefinitions(out, state, options)
	}
	return spec.WriteYAML(out, state, options)
}

// warnUnreadable says which kinds are not in an export, and why.
func warnUnreadable(d *deps, live *topology.Live) {
	for _, kind := range topology.Kinds() {
		if why, ok := live.Unreadable[kind]; ok {
			d.warn(fmt.Sprintf("every %s is left out: %s", kind, why))
		}
	}
}
