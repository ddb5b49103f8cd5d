package exporter_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/exporter"
	"github.com/msgctl/msgctl/internal/exporter/dashboard"
	"github.com/msgctl/msgctl/internal/promtest"
	"github.com/msgctl/msgctl/internal/telemetry"
)

// served are the metrics that exporter and consume serve, with their labels.
func served(t *testing.T) map[string][]string {
	all := promtest.Labels(t, append(exporter.Collectors(), telemetry.NewConsumerMetrics("q").Registry)...)
	for name, labels := range maps.Clone(all) {
		if strings.HasSuffix(name, "_seconds") { // a histogram, perhaps
			all[name+"_bucket"] = append([]string{"le"}, labels...)
		}
	}
	return all
}

var (
	selector = regexp.MustCompile(`([a-z_]{8,})(\{[^}]*\})?`)
	label    = regexp.MustCompile(`(\w+)(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`by \(([^)]*)\)`)
)

// TestDashboardQueries: each query is PromQL, and asks for what is really served.
func TestDashboardQueries(t *testing.T) {
	metrics := served(t)
	rules := "groups:\n  - name: g\n    rules:\n"
	n := 0
	for _, p := range dashboard.New().Panels {
		for _, q := range p.Targets {
			expr := q.Expr
			for _, v := range []string{"$vhost", "$queue", "$consumer"} {
				expr = strings.ReplaceAll(expr, v, ".*")
			}
			expr = strings.ReplaceAll(expr, "$__rate_interval", "1m")
			rules += fmt.Sprintf("      - { record: %q, expr: %q }\n", fmt.Sprintf("r:%d", n), expr)
			n++
			known := false
			for _, m := range selector.FindAllStringSubmatch(q.Expr, -1) {
				labels, ok := metrics[m[1]]
				if !ok {
					if strings.HasPrefix(m[1], "msgctl") || strings.HasPrefix(m[1], "message") || strings.HasPrefix(m[1], "broker") {
						t.Errorf("%s: nobody serves %s", p.Title, m[1])
					}
					continue
				}
				known = true
				used := label.FindAllStringSubmatch(m[2], -1)
				for _, g := range grouping.FindAllStringSubmatch(q.Expr, -1) {
					for _, name := range strings.Split(g[1], ", ") {
						used = append(used, []string{"", name})
					}
				}
				for _, u := range used {
					if !slices.Contains(labels, u[1]) {
						t.Errorf("%s: %s has no label %s", p.Title, m[1], u[1])
					}
				}
			}
			if !known {
				t.Errorf("%s: %q asks for no metric", p.Title, q.Expr)
			}
			if strings.Contains(expr, "$") {
				t.Errorf("%s: a variable is left in %q", p.Title, expr)
			}
		}
	}
	promtest.CheckRules(t, []byte(rules))
}
