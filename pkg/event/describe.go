package event

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// maxFields limits how many fields of a schema are described.
const maxFields = 200

// Field is one member of a payload, as described by its schema.
type Field struct {
	// Path is the path of the member, with [] for the items of an array: items[].price.
	Path string `json:"path"`
	// Type is the JSON type, or several separated by |; "" for any.
	Type     string `json:"type,omitempty"`
	Required bool   `json:"required"`
	// Rule summarises the schema's other constraints: format email, 1 of EUR, USD.
	Rule        string `json:"rule,omitempty"`
	Description string `json:"description,omitempty"`
}

// Fields describes the payload of a type: its properties and those of nested objects and array
// items, with required ones first. Alternatives (oneOf, anyOf, if) are not followed. The result is
// empty if the type has no schema. The error is an *UnknownTypeError, or says why the schema cannot
// be used.
func (c *Catalogue) Fields(name string) ([]Field, error) {
	e, err := c.entry(name)
	if err != nil {
		return nil, err
	}
	if err := e.compile(); err != nil || e.schema == nil {
		return nil, err
	}
	d := describer{}
	d.members([]*jsonschema.Schema{e.schema}, "", 0)
	return d.fields, nil
}

type describer struct{ fields []Field }

func (d *describer) members(schemas []*jsonschema.Schema, prefix string, depth int) {
	all, ok := conjunction(schemas)
	if !ok || depth > maxSampleDepth {
		return
	}
	properties, required := members(all)
	for name := range required { // required, but not described
		properties[name] = append([]*jsonschema.Schema{}, properties[name]...)
	}
	names := slices.Sorted(maps.Keys(properties))
	for _, wanted := range []bool{true, false} { // required members come first
		for _, name := range names {
			if required[name] == wanted {
				d.field(properties[name], prefix+name, wanted, depth)
			}
		}
	}
}

func (d *describer) field(schemas []*jsonschema.Schema, path string, required bool, depth int) {
	all, ok := conjunction(schemas)
	if !ok || len(d.fields) >= maxFields {
		return
	}
	f := Field{Path: path, Required: required}
	var rules []string
	var items []*jsonschema.Schema
	for _, s := range all {
		if s.Types != nil && !s.Types.IsEmpty() && f.Type == "" {
			f.Type = strings.Join(s.Types.ToStrings(), "|")
		}
		f.Description = cmp.Or(f.Description, s.Description)
		rules = append(rules, rulesOf(s)...)
		if s.Items2020 != nil {
			items = append(items, s.Items2020)
		}
	}
	f.Rule = clip(strings.Join(rules, ", "))
	d.fields = append(d.fields, f)
	d.members(schemas, path+".", depth+1)
	if len(items) > 0 {
		d.members(items, path+"[].", depth+1)
	}
}

func rulesOf(s *jsonschema.Schema) (rules []string) {
	add := func(format string, args ...any) { rules = append(rules, fmt.Sprintf(format, args...)) }
	if s.Const != nil {
		add("%s", shortJSON(*s.Const))
	}
	if s.Enum != nil {
		var values []string
		for _, v := range s.Enum.Values {
			values = append(values, shortJSON(v))
		}
		add("one of %s", strings.Join(values, ", "))
	}
	if s.Format != nil {
		add("format %s", s.Format.Name)
	}
	if s.Pattern != nil {
		add("matches %s", s.Pattern)
	}
	for _, b := range []struct {
		words, noun string
		n           *int
	}{{"at least", "character", s.MinLength}, {"at most", "character", s.MaxLength}, {"at least", "item", s.MinItems},
		{"at most", "item", s.MaxItems}} {
		switch {
		case b.n == nil:
		case *b.n == 1 && b.n != s.MaxLength && b.n != s.MaxItems:
			add("not empty")
		case *b.n == 1:
			add("%s 1 %s", b.words, b.noun)
		default:
			add("%s %d %ss", b.words, *b.n, b.noun)
		}
	}
	for _, b := range []struct {
		sign string
		n    *big.Rat
	}{{"≥", s.Minimum}, {">", s.ExclusiveMinimum}, {"≤", s.Maximum}, {"<", s.ExclusiveMaximum}} {
		if b.n != nil {
			add("%s %s", b.sign, decimal(b.n))
		}
	}
	return rules
}

func shortJSON(v any) string {
	if s, ok := v.(string); ok {
		return clip(s)
	}
	text, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return clip(string(text))
}
