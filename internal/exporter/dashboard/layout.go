package dashboard

// columns is how wide Grafana's grid is.
const columns = 24

// builder lays panels out from left to right, in rows.
type builder struct {
	panels     []Panel
	x, y, high int
}

// row begins a new part of the dashboard.
func (b *builder) row(title string) {
	b.wrap()
	open := false
	b.place(Panel{Type: "row", Title: title, Collapsed: &open, Panels: []Panel{}}, columns, 1)
	b.wrap()
}

func (b *builder) wrap() { b.x, b.y, b.high = 0, b.y+b.high, 0 }

func (b *builder) place(p Panel, w, h int) {
	if b.x+w > columns {
		b.wrap()
	}
	p.ID, p.GridPos = len(b.panels)+1, GridPos{X: b.x, Y: b.y, W: w, H: h}
	b.panels = append(b.panels, p)
	b.x, b.high = b.x+w, max(b.high, h)
}

// query is an expression and how its lines are called.
type query struct{ expr, legend string }

func targets(queries []query, instant bool) []Target {
	list := make([]Target, len(queries))
	for i, q := range queries {
		list[i] = Target{RefID: string(rune('A' + i)), Expr: q.expr, LegendFormat: q.legend, Instant: instant,
			Range: !instant, Datasource: source()}
	}
	return list
}

// stat is one number, coloured from a value on.
func (b *builder) stat(title, description, unit string, steps []thresholdStep, expr string) {
	b.place(Panel{
		Type: "stat", Title: title, Description: description, Datasource: source(), Targets: targets([]query{{expr: expr}},
			true),
		FieldConfig: &fieldConfig{Defaults: fieldDefaults{Unit: unit, Thresholds: &thresholds{"absolute", steps},
			Mappings: []any{}, NoValue: "–"}, Overrides: []any{}},
		Options: map[string]any{
			"colorMode": "background", "graphMode": "none", "justifyMode": "auto", "textMode": "value", "wideLayout": true,
			"orientation": "auto", "showPercentChange": false, "percentChangeColorMode": "standard",
			"reduceOptions": map[string]any{"calcs": []string{"lastNotNull"}, "fields": "", "values": false},
		},
	}, columns/6, 4)
}

// lines is a graph over time.
func (b *builder) lines(title, description, unit string, queries ...query) {
	zero := 0.0
	b.place(Panel{
		Type: "timeseries", Title: title, Description: description, Datasource: source(), Targets: targets(queries, false),
		FieldConfig: &fieldConfig{Defaults: fieldDefaults{Unit: unit, Min: &zero, Mappings: []any{},
			Custom: map[string]any{"lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}}, Overrides: []any{}},
		Options: map[string]any{
			"legend":  map[string]any{"calcs": []string{}, "displayMode": "list", "placement": "bottom", "showLegend": true},
			"tooltip": map[string]any{"mode": "multi", "sort": "desc"},
		},
	}, columns/2, 8)
}

// table has a row for each time series.
func (b *builder) table(title, description, expr string) {
	list := targets([]query{{expr: expr}}, true)
	list[0].Format = "table"
	b.place(Panel{
		Type: "table", Title: title, Description: description, Datasource: source(), Targets: list,
		FieldConfig: &fieldConfig{Defaults: fieldDefaults{Mappings: []any{}}, Overrides: []any{}},
		Options:     map[string]any{"frameIndex": 0, "showHeader": true, "cellHeight": "sm"},
	}, columns/2, 8)
}

// from colours green, and from a value on otherwise.
func from(value float64, color string) []thresholdStep {
	return []thresholdStep{{Color: "green"}, {Color: color, Value: &value}}
}

// until colours red, and green from a value on.
func until(value float64) []thresholdStep {
	return []thresholdStep{{Color: "red"}, {Color: "green", Value: &value}}
}
