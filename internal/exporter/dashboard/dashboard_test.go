package dashboard_test

import (
	"encoding/json"
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

// TestModel: what Grafana asks of a dashboard, and does not say when it is missing.
func TestModel(t *testing.T) {
	d := dashboard.New()
	text, err := d.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var again map[string]any
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if again["schemaVersion"] != 39.0 || again["uid"] == "" || again["title"] == "" || again["id"] != nil {
		t.Errorf("schemaVersion %v, uid %v, title %v, id %v", again["schemaVersion"], again["uid"], again["title"],
			again["id"])
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range d.Panels {
		g := p.GridPos
		if ids[p.ID] || p.ID <= 0 {
			t.Errorf("%s: id %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		if g.X < 0 || g.W <= 0 || g.H <= 0 || g.X+g.W > 24 {
			t.Errorf("%s: does not fit into 24 columns: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies over %s at %d,%d", p.Title, other, x, y)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
		if p.Title == "" || p.Type != "row" && (len(p.Targets) == 0 || p.Datasource == nil ||
			p.Datasource.UID != "${datasource}") {
			t.Errorf("%q: %s without title, query or data source", p.Title, p.Type)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.Datasource.UID != "${datasource}" {
				t.Errorf("%s: query %s", p.Title, q.RefID)
			}
			refs[q.RefID] = true
		}
	}
}

// served are the metrics that exporter and consume serve, with their labels.
func served(t *testing.T) map[string][]string {
	all := promtest.Labels(t, slices.Concat(exporter.Collectors(), telemetry.ConsumerCollectors())...)
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

// TestQueries: each query is PromQL, and asks for what is really served.
func TestQueries(t *testing.T) {
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
