package dashboard_test

import (
	"encoding/json"
	"testing"

	"github.com/msgctl/msgctl/internal/exporter/dashboard"
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
