package ops_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestPrometheus lets a real Prometheus scrape an exporter and a consumer, with the rules that
// msgctl makes of the same file: the samples arrive, and the alerts about what is wrong, and only
// those, fire. One line is enough: what the exporter tells of each, exporter.txtar shows.
func TestPrometheus(t *testing.T) {
	b := rabbittest.Any(t)
	c := cmdtest.NewFixture(t, b)
	t.Cleanup(func() { cmdtest.RemoveRecords(t, b, c.VHost.Name) })
	p := cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API)
	file := cmdtest.WriteFile(t, fmt.Sprintf(`version: 1
name: scraped
vhost: %q
alerts: { for: 1s }
exchanges: { dlx: {} }
queues:
  work: { type: classic, deadLetter: { exchange: dlx, key: dead }, maxLength: 1000 }
  idle: { type: classic, deadLetter: { exchange: dlx, key: dead }, alerts: { consumers: 0 } }
  full: { type: classic, deadLetter: { exchange: dlx, key: dead }, maxLength: 10, alerts: { consumers: 0, full: off } }
  dlq:  { type: classic, bindings: [{ exchange: dlx, key: dead }] }
`, c.VHost.Name))
	p.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitOK)
	rules := p.Run("alerts", "-f", file)
	rules.Want(t, cmdutil.ExitOK)
	promtest.CheckRules(t, []byte(rules.Stdout))
	c.Publish("work", 5)
	c.Publish("full", 9)
	watching := watch(c, p, "-f", file)
	consuming := cmdtest.NewEndpoint(c, p.Start("consume", "work", "--exec", `test "$(cat)" != 3`, "--metrics",
		"127.0.0.1:0",
		"--log-format", "json"))
	prometheus := promtest.Start(t, []byte(rules.Stdout), watching.Address, consuming.Address)

	is := func(expr, want string) {
		t.Helper()
		prometheus.Await(fmt.Sprintf("%s does not become %s", expr, want),
			func() bool { return slices.Equal(prometheus.Query(expr), []string{want}) })
	}
	is(`up{job="job0"}`, "1")
	is(`up{job="job1"}`, "1")
	is("msgctl_up", "1")
	is(`msgctl_dlq_messages_ready{queue="dlq"}`, "1")
	is(`msgctl_dlq_sampled_deaths{queue="dlq",source_queue="work"}`, "1")
	is(`messages_consumed_total{queue="work",status="handled"}`, "4")
	is(`message_processing_duration_seconds_count{queue="work"}`, "5")
	is(`msgctl_queue_consumers{queue="work"}`, "1")
	fires := func(name, queue string) promtest.Alert {
		t.Helper()
		var found promtest.Alert
		prometheus.Await(name+" does not fire", func() bool {
			for _, a := range prometheus.Alerts(name) {
				if a.Labels["queue"] == queue && a.State == "firing" {
					found = a
					return true
				}
			}
			return false
		})
		return found
	}
	alert := fires("MsgctlDeadLetters", "dlq")
	if alert.Labels["severity"] != "warning" || alert.Labels["vhost"] != c.VHost.Name ||
		alert.Annotations["summary"] != "1 dead letter in queue dlq in vhost "+c.VHost.Name ||
		!strings.Contains(alert.Annotations["description"], "msgctl dlq inspect 'dlq' --vhost "+c.VHost.Name) {
		t.Errorf("%+v", alert)
	}
	fires("MsgctlQueueFull", "full")

	// Somebody undoes the binding: now dead letters are lost, and the broker is not as the file
	// says.
	c.Check(c.Ch.QueueUnbind("dlq", "dead", "dlx", nil))
	fires("MsgctlDeadLettersLost", "idle")
	fires("MsgctlTopologyDrift", "")
	for _, quiet := range []string{"MsgctlNotWatched", "MsgctlQueueWithoutConsumers", "MsgctlDeadLettersGrowing"} {
		if a := slices.DeleteFunc(prometheus.Alerts(quiet),
			func(a promtest.Alert) bool { return a.State != "firing" }); len(a) > 0 {
			t.Errorf("%s fires: %+v", quiet, a)
		}
	}
	_ = watching.Run.Cmd.Process.Kill()
	fires("MsgctlNotWatched", "")
	is(`up{job="job0"}`, "0")
}
