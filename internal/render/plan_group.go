package render

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// changeGroup is a run of changes of one kind in one vhost: a paragraph of the plan.
type changeGroup struct {
	vhost   string
	kind    topology.Kind
	changes []ChangeDocument
}

// groupChanges gathers changes by vhost and kind, cluster-wide objects first, keeping the order
// within a group.
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
	name := plural(g.kind)
	if g.vhost == "" {
		return name
	}
	return fmt.Sprintf("%s in vhost %s", name, terminal.Neutralise(g.vhost))
}

func plural(k topology.Kind) string {
	if stem, ok := strings.CutSuffix(string(k), "policy"); ok {
		return stem + "policies"
	}
	return string(k) + "s"
}

// widestLabel bounds the column of names, so that one very long name does not push all details off
// the screen.
const widestLabel = 60

func (g changeGroup) labelWidth() int {
	width := 0
	for _, c := range g.changes {
		width = max(width, terminal.Width(objectLabel(c.Ref)))
	}
	return min(width, widestLabel)
}

// objectLabel names an object inside its group, where kind and vhost are said already.
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

// createdText is what a line says about a new object behind its name: its type or routing key, then
// what else is set.
func createdText(c ChangeDocument) string {
	var words []string
	if c.Ref.Kind == topology.KindBinding {
		words = append(words, bindingWords(c.Ref)...)
	}
	if c.Action == topology.Create {
		for _, f := range c.Fields {
			words = append(words, createdWord(f))
		}
	}
	return strings.Join(words, ", ")
}

func bindingWords(r topology.Ref) []string {
	var words []string
	if r.Key != "" {
		words = append(words, "key "+formatText(r.Key))
	}
	if r.Arguments != "" {
		words = append(words, terminal.Neutralise(r.Arguments))
	}
	return words
}

func createdWord(f topology.FieldChange) string {
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
