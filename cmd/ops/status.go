// Package ops has the commands for operating a broker: status, doctor, exporter, alerts and
// dashboard. They change nothing on the broker; exporter browses dead-letter queues, which sets the
// redelivered flag.
package ops

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/status"
	"github.com/msgctl/msgctl/pkg/topology"
)

const statusLong = `Show the health of the broker on one screen: nodes and their limits, alarms,
connections, queues by state, dead letters, and the problems found, worst first,
each with its fix.

It covers every vhost that the user may access, or the one of --vhost; others
are named. Nodes and connections need a user with the monitoring tag: without
it, the verdict is unknown at best. Counts and rates are the broker's
statistics, which are up to 5 seconds old.

Errors: a node is down or alarmed, connections are blocked, a queue is
unavailable, dead letters are lost. Warnings: a limit is near, dead letters are
waiting, a queue with messages has no consumer, a migration of a queue was
interrupted.

Exit code 0: no problem at or above --fail-on (default error). 2: at least one,
or the user may not read something that could be one. 1: the broker is
unreachable. 4: authentication failed. With -o nagios, those of a monitoring
plugin: 0 OK, 1 WARNING, 2 CRITICAL (a problem, or the broker is unreachable),
3 UNKNOWN (authentication failed, or the user may not read something).`

type statusOptions struct {
	proc       *cmdutil.Process
	open       OpenHealth
	connection *profile.Flags
	output     cmdutil.OutputFlag
	failOn     cmdutil.SeverityFlag
}

// NewStatusCmd is msgctl status.
func NewStatusCmd(d *cmdutil.Process, open OpenHealth) *cobra.Command {
	opts := &statusOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "status",
		GroupID: cmdutil.GroupWatching,
		Short:   "Show the health of the broker on one screen",
		Long:    statusLong,
		Example: "  msgctl status\n  msgctl status --fail-on warning\n  msgctl status -o nagios\n" +
			"  msgctl status -o prometheus > /var/lib/node_exporter/msgctl.prom\n  msgctl status -o json --vhost " +
			"orders",
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runStatus(cmd.Context(), opts, cmd.Flags().Changed("vhost"))
		},
	}
	opts.output.Register(cmd, "text", "json", "nagios", "prometheus")
	opts.failOn.Value = string(health.Error)
	cmd.Flags().Var(&opts.failOn, "fail-on", "lowest severity that causes exit code 2: error, warning, never")
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runStatus(ctx context.Context, opts *statusOptions, one bool) error {
	doc, err := opts.read(ctx, one)
	if opts.output.Value == "nagios" {
		return opts.nagios(doc, err)
	}
	if err != nil {
		return err
	}
	streams := opts.proc.Streams
	switch opts.output.Value {
	case "json":
		err = render.JSON(streams.Out, doc)
	case "prometheus":
		err = status.Prometheus(streams.Out, doc)
	default:
		err = status.Text(streams.Out, doc, streams.OutStyler(opts.proc.Colour), streams.OutWidth())
	}
	if err == nil && failsOn(doc.Status, len(doc.NotPermitted) > 0, opts.failOn.Value) {
		return cmdutil.ExitWith(cmdutil.ExitPending)
	}
	return err
}

func (o *statusOptions) read(ctx context.Context, one bool) (status.StatusDocument, error) {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return status.StatusDocument{}, err
	}
	in, _, err := inspectBroker(ctx, o.open, "status", conn, one, false)
	if err != nil {
		return status.StatusDocument{}, err
	}
	return status.NewStatusDocument(in), nil
}

// nagios writes the single line of a monitoring plugin; an unknown verdict is UNKNOWN.
func (o *statusOptions) nagios(doc status.StatusDocument, err error) error {
	var usage *cmdutil.ExitError
	if errors.As(err, &usage) && usage.Code == cmdutil.ExitUsage {
		return err
	}
	code, werr := status.Nagios(o.proc.Streams.Out, doc, err, errors.Is(err, topology.ErrUnreachable))
	if werr != nil || code == cmdutil.ExitOK {
		return werr
	}
	return cmdutil.ExitWith(code)
}
