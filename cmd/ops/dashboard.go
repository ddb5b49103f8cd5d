package ops

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/exporter/dashboard"
)

const dashboardLong = `Print a Grafana dashboard for the metrics of msgctl exporter and msgctl consume
--metrics: depth, growth and age of dead letters, why and where they died,
drift, lint findings, consumers, and the health of the exporter. Import it under
Dashboards, New, Import, or provision it. Its variables select the Prometheus
data source, vhosts and queues.`

// NewDashboardCmd is msgctl dashboard.
func NewDashboardCmd(d *cmdutil.Process) *cobra.Command {
	return &cobra.Command{
		Use:     "dashboard",
		Short:   "Print a Grafana dashboard for the metrics of exporter and consume",
		Long:    dashboardLong,
		GroupID: cmdutil.GroupWatching,
		Example: "  msgctl dashboard > /var/lib/grafana/dashboards/msgctl.json",
		Args:    cmdutil.Args(),
		RunE: func(*cobra.Command, []string) error {
			text, err := dashboard.New().JSON()
			if err == nil {
				_, err = d.Streams.Out.Write(text)
			}
			return err
		},
	}
}
