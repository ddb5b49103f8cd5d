package plans

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// changeGroup contains the changes to objects of one kind in one vhost.
type changeGroup struct {
	vhost   string
	kind    topology.Kind
	changes []ChangeDocument
}

// groupChanges groups changes by vhost and kind, in the order in which each group first appears.
func groupChanges(changes []ChangeDocument) []changeGroup {
	type key struct {
		vhost string
		kind  topology.Kind
	}
	index := map[key]int{}
	var groups []changeGroup
	for _, c := range changes {
		k := key{c.Ref.VHost, c.Ref.Kind}
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, changeGroup{vhost: k.vhost, kind: k.kind})
		}
		groups[i].changes = append(groups[i].changes, c)
	}
	return groups
}

func (g changeGroup) title() string {
	name := render.KindPlural(g.kind)
	if g.vhost == "" {
		return name
	}
	return fmt.Sprintf("%s in vhost %s", name, terminal.Neutralise(g.vhost))
}

// maxLabel is the maximum width of the column of names, so that one very long name does not push
// all details off the screen.
const maxLabel = 60

func (g changeGroup) labelWidth() int {
	width := 0
	for _, c := range g.changes {
		width = max(width, terminal.Width(objectLabel(c.Ref)))
	}
	return min(width, maxLabel)
}

// objectLabel names an object within its group. The title of the group names the kind and the
// vhost.
func objectLabel(r topology.Ref) string {
	label := formatText(r.Name)
	switch r.Kind {
	case topology.KindBinding:
		label = formatText(r.Parent) + " → " + formatText(r.Name)
		if r.Destination == topology.ToExchange {
			label += " (exchange)"
		}
	case topology.KindTopicPermission:
		label += " on exchange " + formatText(r.Parent)
	case topology.KindParameter, topology.KindUserLimit:
		label = formatText(r.Parent) + " " + label
	}
	return label
}

// details returns what follows the name of an object on its line: the key of a binding, and the
// fields that a new object sets.
func details(c ChangeDocument) string {
	var words []string
	if c.Ref.Kind == topology.KindBinding {
		words = append(words, bindingDetails(c.Ref)...)
	}
	if c.Action == plan.Create {
		for _, f := range c.Fields {
			words = append(words, fieldText(f))
		}
	}
	return strings.Join(words, ", ")
}

func bindingDetails(r topology.Ref) []string {
	var words []string
	if r.Key != "" {
		words = append(words, "key "+formatText(r.Key))
	}
	if r.Arguments != "" {
		words = append(words, terminal.Neutralise(r.Arguments))
	}
	return words
}

func fieldText(f plan.FieldChange) string {
	value := formatValue(f.Want, f.Unit)
	switch v := f.Want.(type) {
	case bool:
		if v {
			return f.Field
		}
		return "not " + f.Field
	case string:
		if f.Field == "type" {
			return value
		}
	}
	return terminal.Neutralise(f.Field) + " " + value
}
