package ops

import (
	"context"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/profile"
)

const exporterLong = `Serve Prometheus metrics that the broker's own exporter does not have: the depth
of each dead-letter queue, the age of its first message, why and where the
messages died, queues that lose their dead letters, drift from the topology
file, and lint findings. Run one per cluster as a service. docs/monitoring.md
lists the metrics; msgctl alerts and msgctl dashboard use them.

A scrape sends no request to the broker; it returns the result of the last
collection. A collection needs the same few requests however many queues there
are: two lists per vhost at each --interval, all lists at each
--topology-interval.

The content of dead-letter queues is sampled. At each --interval, at most
--browse-queues queues are browsed, in turn, where browsing only sets the
redelivered flag (as in dlq ls): the first --sample messages of a classic queue
or stream, and the first message of a quorum queue, whose order more could
change. The time and size of each sample are metrics too. --browse-queues 0
browses none.

While the broker is unreachable, msgctl_up is 0 and the other metrics are
absent; every interval tries again, whatever --reconnect-attempts says. Without
a topology file there are no drift metrics. Ctrl-C or SIGTERM ends the
collection, requeues its messages and exits with code 0.`

// exporterOptions are the flags of exporter.
type exporterOptions struct {
	proc       *cmdutil.Process
	open       OpenExporter
	cmd        *cobra.Command
	connection *profile.Flags
	files      cmdutil.FileFlag

	listen           string
	interval, reread time.Duration
	browseQueues     int
	sample           int64
	match            string
	allVHosts, once  bool
	log              cmdutil.LogFlags
}

// NewExporterCmd is msgctl exporter.
func NewExporterCmd(d *cmdutil.Process, open OpenExporter) *cobra.Command {
	opts := &exporterOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "exporter",
		Short:   "Serve Prometheus metrics of dead letters, drift and lint",
		Long:    exporterLong,
		GroupID: cmdutil.GroupWatching,
		Example: `  msgctl exporter -f topology.yaml
  msgctl exporter --listen 0.0.0.0:9465 --interval 1m
  msgctl exporter --all-vhosts --browse-queues 0
  msgctl exporter --once > /var/lib/node_exporter/msgctl.prom`,
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.cmd = cmd
			return runExporter(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.listen, "listen", "127.0.0.1:9465",
		"serve /metrics, /healthz and /readyz on this `ADDRESS`; 0.0.0.0:9465 is all of the machine's")
	flags.DurationVar(&opts.interval, "interval", 30*time.Second, "interval at which queues are counted")
	flags.DurationVar(&opts.reread, "topology-interval", 2*time.Minute,
		"interval at which the broker and the topology file are read again and compared")
	flags.IntVar(&opts.browseQueues, "browse-queues", 5,
		"maximum dead-letter queues to browse at each interval; 0 browses none")
	flags.Int64Var(&opts.sample, "sample", 20, "messages to read of each browsed queue, at most 1000")
	flags.StringVar(&opts.match, "match", "",
		"also treat queues whose name matches this `REGEXP` as dead-letter queues")
	flags.BoolVarP(&opts.allVHosts, "all-vhosts", "A", false,
		"monitor every vhost that the user may access, without a topology file")
	flags.BoolVar(&opts.once, "once", false, "collect once, print the metrics and exit")
	opts.log.Register(cmd, "debug, info, warn or error")
	opts.files.Register(cmd)
	opts.connection = cmdutil.ReaderFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("all-vhosts", "vhost")
	cmd.MarkFlagsMutuallyExclusive("all-vhosts", "file")
	return cmd
}

// maxSample limits how many messages one sample holds in memory.
const maxSample = 1000

// check refuses wrong flags before anything is read.
func (o *exporterOptions) check() error {
	switch {
	case o.interval < time.Second:
		return cmdutil.UsageError("--interval 30s", "exporter: flag --interval: %s is too short: it must be 1s or more",
			o.interval)
	case o.reread < o.interval:
		return cmdutil.UsageError("--topology-interval 2m",
			"exporter: flag --topology-interval: %s is shorter than --interval (%s)",
			o.reread, o.interval)
	case o.browseQueues < 0:
		return cmdutil.UsageError("--browse-queues 0", "exporter: flag --browse-queues: %d is negative; 0 browses none",
			o.browseQueues)
	case o.sample < 1 || o.sample > maxSample:
		return cmdutil.UsageError("--sample 20",
			"exporter: flag --sample: must be between 1 and %d; --browse-queues 0 browses no queue",
			maxSample)
	}
	if err := o.log.Check(o.cmd); err != nil {
		return err
	}
	if _, _, err := net.SplitHostPort(o.listen); err != nil {
		return cmdutil.UsageError("--listen :9465", "exporter: flag --listen: want HOST:PORT or :PORT, not %q", o.listen)
	}
	return nil
}

func runExporter(ctx context.Context, opts *exporterOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	o, err := opts.prepare()
	if err != nil {
		return err
	}
	if opts.once {
		return exporter.Once(ctx, o, opts.proc.Streams.Out)
	}
	return exporter.Serve(ctx, o, opts.listen)
}
