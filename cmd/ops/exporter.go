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

const exporterLong = `Serve metrics that the broker's own exporter cannot tell, for Prometheus: how
deep each dead-letter queue is, since when its first message is dead, why and
where the messages died, whose dead letters reach nothing, whether the broker is
still as the topology file says, and what lint finds. docs/monitoring.md lists
them; msgctl alerts and msgctl dashboard use them.

A scrape asks the broker nothing: it gets what the last collection found. A
collection needs the same few requests however many queues there are: two lists
of a vhost at each --interval, all lists at each --topology-interval.

What messages say is sampled: at each --interval at most --looks queues are
looked into, each in its turn, where that does no more than set the flag
redelivered (as in dlq ls); the first --sample messages of a classic queue or a
stream, the first one of a quorum queue, whose order a look at more could
change. When a sample was taken, and of how many messages, are metrics too.
--looks 0 looks into none.

While the broker cannot be reached msgctl_up is 0, and what was found before
goes away; each interval tries again (--reconnect-attempts is not heeded).
Without a topology file there is no drift. Ctrl-C or SIGTERM ends the look under
way, gives its messages back, and exits with 0.`

// exporterOptions are the flags of exporter.
type exporterOptions struct {
	proc       *cmdutil.Process
	open       OpenExporter
	cmd        *cobra.Command
	connection *profile.Flags
	files      cmdutil.FileFlag

	listen           string
	interval, reread time.Duration
	looks            int
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
		Short:   "Serve metrics of dead letters, drift and lint for Prometheus",
		Long:    exporterLong,
		GroupID: cmdutil.GroupWatching,
		Example: `  msgctl exporter -f topology.yaml
  msgctl exporter --listen 127.0.0.1:9465 --interval 1m
  msgctl exporter --all-vhosts --looks 0
  msgctl exporter --once > /var/lib/node_exporter/msgctl.prom`,
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			opts.cmd = cmd
			return runExporter(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.listen, "listen", ":9465", "serve /metrics, /healthz and /readyz on this address")
	flags.DurationVar(&opts.interval, "interval", 30*time.Second, "how often queues are counted")
	flags.DurationVar(&opts.reread, "topology-interval", 2*time.Minute,
		"how often everything is read and compared with the topology file, which is read again too")
	flags.IntVar(&opts.looks, "looks", 5, "look into so many dead-letter queues at each interval; 0 looks into none")
	flags.Int64Var(&opts.sample, "sample", 20, "look at so many messages of each, at most 1000")
	flags.StringVar(&opts.match, "match", "",
		"take queues whose name matches a regular expression for dead-letter queues, too")
	flags.BoolVarP(&opts.allVHosts, "all-vhosts", "A", false,
		"watch every vhost that you may see, without a topology file")
	flags.BoolVar(&opts.once, "once", false, "collect once, print the metrics and end")
	opts.log.Register(cmd, "debug, info, warn or error")
	opts.files.Register(cmd)
	opts.connection = cmdutil.ConnectionFlags(cmd)
	cmd.MarkFlagsMutuallyExclusive("all-vhosts", "vhost")
	cmd.MarkFlagsMutuallyExclusive("all-vhosts", "file")
	return cmd
}

// maxSample bounds what one look holds.
const maxSample = 1000

// check finds mistakes in the flags before anything is read.
func (o *exporterOptions) check() error {
	switch {
	case o.interval < time.Second:
		return cmdutil.UsageError("--interval 30s", "exporter: flag --interval: %s is too short: it must be 1s or more",
			o.interval)
	case o.reread < o.interval:
		return cmdutil.UsageError("--topology-interval 2m",
			"exporter: flag --topology-interval: %s is shorter than --interval (%s)",
			o.reread, o.interval)
	case o.looks < 0:
		return cmdutil.UsageError("--looks 0", "exporter: flag --looks: %d is negative; 0 looks into no queue", o.looks)
	case o.sample < 1 || o.sample > maxSample:
		return cmdutil.UsageError("--sample 20",
			"exporter: flag --sample: it goes from 1 to %d; --looks 0 looks into no queue",
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
