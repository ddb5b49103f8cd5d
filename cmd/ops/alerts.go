package ops

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/exporter/alert"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const alertsLong = `Print alerting rules for Prometheus, made from the topology file: queues that
are nearly full (of their own limits, which arguments or policies set) or
without consumers, dead letters, more and more dead letters, dead letters that
are lost, drift, and an exporter that tells nothing. Each alert says what to
type next. It needs no broker.

The thresholds are in the file, under alerts: at the top for all queues, in a
queue for that one:

    alerts: { for: 5m, nearlyFull: 80%, full: 95%, deadLetters: 0, growth: 10, consumers: 1 }   # the defaults
    queues:
      nightly.batch: { alerts: { consumers: 0 } }      # read once a day
      known.failures: { alerts: { deadLetters: 500, growth: off } }

The rules ask for the metrics of msgctl exporter. With --source rabbitmq they
ask for those of the broker's own exporter (the plugin rabbitmq_prometheus, at
/metrics/detailed?family=queue_coarse_metrics&family=queue_metrics&family=queue_consumer_count),
which knows neither drift nor whose dead letters are lost.`

type alertsOptions struct {
	proc       *cmdutil.Process
	connection *profile.Flags
	files      cmdutil.FileFlag
	source     cmdutil.OutputFlag
	output     cmdutil.OutputFlag
}

// NewAlertsCmd is msgctl alerts.
func NewAlertsCmd(d *cmdutil.Process) *cobra.Command {
	opts := &alertsOptions{proc: d}
	cmd := &cobra.Command{
		Use:     "alerts",
		Short:   "Print alerting rules for Prometheus from the topology file",
		Long:    alertsLong,
		GroupID: cmdutil.GroupWatching,
		Example: "  msgctl alerts -f topology.yaml > /etc/prometheus/rules/orders.yaml\n  msgctl alerts --source " +
			"rabbitmq\n  msgctl alerts | promtool check rules",
		Args: cmdutil.Args(),
		RunE: func(*cobra.Command, []string) error { return runAlerts(opts) },
	}
	opts.files.Register(cmd)
	opts.output.Register(cmd, "yaml", "json")
	opts.source.RegisterAs(cmd, "source", "", string(alert.Exporter), string(alert.RabbitMQ))
	cmd.Flags().Lookup("source").Usage = "whose metrics the rules ask for: exporter (msgctl exporter) or rabbitmq (the " +
		"broker's own)"
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func runAlerts(opts *alertsOptions) error {
	conn, err := opts.proc.Connection(opts.connection)
	if err != nil {
		return err
	}
	names, err := opts.files.Names(opts.proc, conn.File)
	if err != nil {
		return err
	}
	declared, state, err := opts.proc.ReadSound(names, cmdutil.ChooseVHost(conn))
	if err != nil {
		return err
	}
	o := alert.Options{State: state, Source: alert.Source(opts.source.Value), Files: filesText(names)}
	o.File, o.Queues = declared.AlertSettings()
	text, err := alert.YAML("msgctl "+groupName(declared, state.VHosts()), alert.Rules(o))
	if err != nil {
		return err
	}
	if opts.output.Value == "json" {
		var rules any
		if err := yaml.Unmarshal(text, &rules); err != nil {
			return fmt.Errorf("write the rules as JSON: %w", err)
		}
		return render.JSON(opts.proc.Streams.Out, rules)
	}
	_, err = fmt.Fprintf(opts.proc.Streams.Out,
		"# Made by msgctl alerts; do not edit: change alerts: in the topology file, and make it again.\n%s", text)
	return err
}

// filesText names the files as a command would.
func filesText(names []string) string {
	parts := make([]string, len(names))
	for i, n := range names {
		parts[i] = "-f " + shell.Quote(n)
	}
	return strings.Join(parts, " ")
}

// groupName tells the rules of one topology from those of others.
func groupName(s *spec.Spec, vhosts []string) string {
	return strings.TrimSpace(s.Name + " " + strings.Join(vhosts, " "))
}
