package ops

import (
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/exporter/dashboard"
)

const dashboardLong = `Print a dashboard for Grafana that shows what msgctl exporter and msgctl consume
--metrics tell: depth, growth and age of dead letters, why and where they died,
drift, lint findings, consumers, and the exporter's own health. Import it under
Dashboards, New, Import, or put it where Grafana is provisioned from. It asks
for the Prometheus data source at its top, and has vhosts and queues to choose
from.`

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
