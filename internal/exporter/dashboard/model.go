// Package dashboard makes a dashboard for Grafana of the metrics of msgctl exporter and msgctl
// consume. It is pure.
package dashboard

import "encoding/json"

// schemaVersion is that of Grafana 10.2 and later, which read it as it is; newer ones migrate it.
const schemaVersion = 39

// Dashboard is what Grafana imports, as far as it is used here.
type Dashboard struct {
	UID           string         `json:"uid"`
	Title         string         `json:"title"`
	Description   string         `json:"description"`
	Tags          []string       `json:"tags"`
	SchemaVersion int            `json:"schemaVersion"`
	Version       int            `json:"version"`
	Editable      bool           `json:"editable"`
	Refresh       string         `json:"refresh"`
	Timezone      string         `json:"timezone"`
	GraphTooltip  int            `json:"graphTooltip"`
	Time          timeRange      `json:"time"`
	Templating    list[variable] `json:"templating"`
	Annotations   list[any]      `json:"annotations"`
	Panels        []Panel        `json:"panels"`
}

type timeRange struct {
	From string `json:"from"`
	To   string `json:"to"`
}

type list[T any] struct {
	List []T `json:"list"`
}

// variable is a choice at the top of the dashboard.
type variable struct {
	Name       string      `json:"name"`
	Label      string      `json:"label"`
	Type       string      `json:"type"`
	Query      any         `json:"query"`
	Datasource *datasource `json:"datasource,omitempty"`
	Refresh    int         `json:"refresh"`
	Multi      bool        `json:"multi"`
	IncludeAll bool        `json:"includeAll"`
	AllValue   string      `json:"allValue,omitempty"`
	Sort       int         `json:"sort,omitempty"`
	Hide       int         `json:"hide"`
	Regex      string      `json:"regex"`
	Options    []any       `json:"options"`
	Current    choice      `json:"current"`
}

// choice is what a variable is at first: texts, or lists of them.
type choice struct {
	Text  any `json:"text"`
	Value any `json:"value"`
}

type datasource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// source is what the variable datasource names.
func source() *datasource { return &datasource{Type: "prometheus", UID: "${datasource}"} }

// Panel is one picture, or a heading over some. Panels is an empty list in a heading: those under
// it follow in the dashboard's own list.
type Panel struct {
	ID          int            `json:"id"`
	Type        string         `json:"type"`
	Title       string         `json:"title"`
	Description string         `json:"description,omitempty"`
	GridPos     GridPos        `json:"gridPos"`
	Datasource  *datasource    `json:"datasource,omitempty"`
	Targets     []Target       `json:"targets,omitempty"`
	FieldConfig *fieldConfig   `json:"fieldConfig,omitempty"`
	Options     map[string]any `json:"options,omitempty"`
	Collapsed   *bool          `json:"collapsed,omitempty"`
	Panels      any            `json:"panels,omitempty"`
}

// GridPos is where a panel is, in 24 columns.
type GridPos struct {
	X int `json:"x"`
	Y int `json:"y"`
	W int `json:"w"`
	H int `json:"h"`
}

// Target is one query.
type Target struct {
	RefID        string      `json:"refId"`
	Expr         string      `json:"expr"`
	LegendFormat string      `json:"legendFormat,omitempty"`
	Instant      bool        `json:"instant,omitempty"`
	Range        bool        `json:"range,omitempty"`
	Format       string      `json:"format,omitempty"`
	Datasource   *datasource `json:"datasource"`
}

type fieldConfig struct {
	Defaults  fieldDefaults `json:"defaults"`
	Overrides []any         `json:"overrides"`
}

type fieldDefaults struct {
	Unit       string         `json:"unit,omitempty"`
	Min        *float64       `json:"min,omitempty"`
	Thresholds *thresholds    `json:"thresholds,omitempty"`
	Mappings   []any          `json:"mappings"`
	Custom     map[string]any `json:"custom,omitempty"`
	NoValue    string         `json:"noValue,omitempty"`
}

type thresholds struct {
	Mode  string          `json:"mode"`
	Steps []thresholdStep `json:"steps"`
}

// thresholdStep colours what is at Value or above; the first has none.
type thresholdStep struct {
	Color string   `json:"color"`
	Value *float64 `json:"value"`
}

// JSON is the text that Grafana imports.
func (d Dashboard) JSON() ([]byte, error) {
	text, err := json.MarshalIndent(d, "", "  ")
	return append(text, '\n'), err
}
