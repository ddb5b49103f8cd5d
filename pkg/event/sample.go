package event

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// maxSampleDepth limits the nesting of a generated payload: schemas may refer to themselves.
const maxSampleDepth = 12

// Sample returns a valid payload of a type: its first valid example or, if there is none, one
// generated from the schema. The error is an *UnknownTypeError, or says why no payload can be
// generated.
func (c *Catalogue) Sample(name string) (json.RawMessage, error) {
	e, err := c.entry(name)
	if err != nil {
		return nil, err
	}
	for _, x := range e.Examples {
		if v, err := e.validate(x); err == nil && len(v) == 0 {
			return x, nil
		}
	}
	return e.generate()
}

// Generate returns a valid payload generated from the type's schema, without its examples. The same
// schema always gives the same payload. The error is an *UnknownTypeError, or says why no payload
// can be generated.
func (c *Catalogue) Generate(name string) (json.RawMessage, error) {
	e, err := c.entry(name)
	if err != nil {
		return nil, err
	}
	return e.generate()
}

func (e *entry) generate() (json.RawMessage, error) {
	if err := e.compile(); err != nil {
		return nil, err
	}
	if e.schema == nil {
		return json.RawMessage(`{}`), nil
	}
	var why []Violation
	for _, whole := range []bool{true, false} { // with optional members, and without
		g := generator{whole: whole}
		v, ok := g.value([]*jsonschema.Schema{e.schema}, 0)
		if !ok {
			continue
		}
		text, err := jsonline.Append(nil, v)
		if err != nil {
			return nil, fmt.Errorf("make up a payload of %s: %w", e.Name, err)
		}
		if why, err = e.validate(text); err == nil && len(why) == 0 {
			return text, nil
		}
	}
	err := errors.New("no valid payload could be made up from its schema: add one to its examples")
	if len(why) > 0 {
		err = fmt.Errorf("%w (what was tried breaks %s)", err, why[0])
	}
	return nil, fmt.Errorf("event %s: %w", e.Name, err)
}

// generator generates values. It considers the common keywords only; the validator decides whether
// the result is valid.
type generator struct {
	// whole adds members that are not required.
	whole bool
	steps int
}

// maxSampleSteps limits the work for schemas that branch without end.
const maxSampleSteps = 20000

// value returns a value that all schemas allow, or false if it found none.
func (g *generator) value(schemas []*jsonschema.Schema, depth int) (any, bool) {
	if g.steps++; g.steps > maxSampleSteps || depth > maxSampleDepth {
		return nil, false
	}
	all, ok := conjunction(schemas)
	if !ok {
		return nil, false
	}
	if v, ok := given(all); ok {
		return v, true
	}
	for _, s := range all { // the first alternative that works out
		options := s.OneOf
		if len(options) == 0 {
			options = s.AnyOf
		}
		if len(options) > 0 {
			return g.alternative(all, s, options, depth)
		}
	}
	return g.plain(all, depth)
}

func (g *generator) alternative(all []*jsonschema.Schema, of *jsonschema.Schema, options []*jsonschema.Schema,
	depth int) (any, bool) {
	bare := *of
	bare.OneOf, bare.AnyOf = nil, nil
	rest := append([]*jsonschema.Schema{&bare},
		slices.DeleteFunc(slices.Clone(all), func(s *jsonschema.Schema) bool { return s == of })...)
	for _, o := range options {
		v, ok := g.value(append(slices.Clone(rest), o), depth+1)
		if ok && of.Validate(v) == nil {
			return v, true
		}
	}
	return nil, false
}

// conjunction follows references and allOf. It returns schemas that must all hold, or false if that
// is impossible.
func conjunction(schemas []*jsonschema.Schema) ([]*jsonschema.Schema, bool) {
	var all []*jsonschema.Schema
	for todo := slices.Clone(schemas); len(todo) > 0; todo = todo[1:] {
		s := todo[0]
		if slices.Contains(all, s) {
			continue
		}
		if s.Bool != nil && !*s.Bool {
			return nil, false
		}
		all = append(all, s)
		if s.Ref != nil {
			todo = append(todo, s.Ref)
		}
		todo = append(todo, s.AllOf...)
	}
	return all, true
}

// given returns a value that the schemas contain: const, enum, default, examples.
func given(all []*jsonschema.Schema) (any, bool) {
	var options []any
	for _, s := range all {
		if s.Const != nil {
			options = append(options, *s.Const)
		}
		if s.Enum != nil {
			options = append(options, s.Enum.Values...)
		}
	}
	for _, s := range all {
		options = append(options, s.Examples...)
		if s.Default != nil {
			options = append(options, *s.Default)
		}
	}
	for _, o := range options {
		if !slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return s.Validate(o) != nil }) {
			return o, true
		}
	}
	return nil, false
}

// plain returns a value of the first type that all schemas allow.
func (g *generator) plain(all []*jsonschema.Schema, depth int) (any, bool) {
	switch typeOf(all) {
	case "object":
		return g.object(all, depth)
	case "array":
		return g.array(all, depth)
	case "string":
		return stringFor(all), true
	case "integer":
		return number(all, true), true
	case "number":
		return number(all, false), true
	case "boolean":
		return true, true
	}
	return nil, true
}

// typeOf chooses a type. If the schemas name none, their keywords imply one.
func typeOf(all []*jsonschema.Schema) string {
	for _, name := range []string{"object", "array", "string", "number", "integer", "boolean", "null"} {
		named, allowed := false, true
		for _, s := range all {
			if s.Types == nil || s.Types.IsEmpty() {
				continue
			}
			named = true
			names := s.Types.ToStrings()
			allowed = allowed && (slices.Contains(names, name) || name == "integer" && slices.Contains(names, "number"))
		}
		if named && allowed {
			return name
		}
	}
	for _, s := range all {
		switch {
		case s.MinLength != nil || s.MaxLength != nil || s.Pattern != nil || s.Format != nil:
			return "string"
		case s.Minimum != nil || s.Maximum != nil || s.MultipleOf != nil || s.ExclusiveMinimum != nil ||
			s.ExclusiveMaximum != nil:
			return "number"
		case s.Items2020 != nil || s.PrefixItems != nil || s.MinItems != nil:
			return "array"
		}
	}
	return "object"
}

// members returns what schemas that must all hold say about the members of an object.
func members(all []*jsonschema.Schema) (properties map[string][]*jsonschema.Schema, required map[string]bool) {
	properties, required = map[string][]*jsonschema.Schema{}, map[string]bool{}
	for _, s := range all {
		for name, p := range s.Properties {
			properties[name] = append(properties[name], p)
		}
		for _, name := range s.Required {
			required[name] = true
		}
	}
	return properties, required
}

func (g *generator) object(all []*jsonschema.Schema, depth int) (any, bool) {
	properties, required := members(all)
	for _, s := range all {
		for _, names := range s.DependentRequired {
			for _, name := range names {
				required[name] = true
			}
		}
	}
	out := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if !required[name] && !g.whole {
			continue
		}
		v, ok := g.value(append(properties[name], patternSchemas(all, name)...), depth+1)
		switch {
		case ok:
			out[name] = v
		case required[name]:
			return nil, false
		}
	}
	for name := range required {
		if _, there := out[name]; there || properties[name] != nil {
			continue
		}
		v, ok := g.value(append(additional(all), patternSchemas(all, name)...), depth+1)
		if !ok {
			return nil, false
		}
		out[name] = v
	}
	return out, g.fill(out, all, depth)
}

// fill adds members until there are minProperties.
func (g *generator) fill(out map[string]any, all []*jsonschema.Schema, depth int) bool {
	for _, s := range all {
		for i := 1; s.MinProperties != nil && len(out) < *s.MinProperties; i++ {
			v, ok := g.value(additional(all), depth+1)
			if !ok || i > 100 {
				return false
			}
			out[fmt.Sprintf("member%d", i)] = v
		}
	}
	return true
}

func patternSchemas(all []*jsonschema.Schema, name string) (list []*jsonschema.Schema) {
	for _, s := range all {
		for pattern, p := range s.PatternProperties {
			if pattern.MatchString(name) {
				list = append(list, p)
			}
		}
	}
	return list
}

func additional(all []*jsonschema.Schema) (list []*jsonschema.Schema) {
	for _, s := range all {
		if p, ok := s.AdditionalProperties.(*jsonschema.Schema); ok {
			list = append(list, p)
		}
	}
	return list
}

// arrayFacts is what schemas that must all hold say about an array.
type arrayFacts struct {
	least                   int
	prefix, items, contains []*jsonschema.Schema
}

func arrayOf(all []*jsonschema.Schema) (a arrayFacts) {
	for _, s := range all {
		if s.MinItems != nil {
			a.least = max(a.least, *s.MinItems)
		}
		if len(s.PrefixItems) > len(a.prefix) {
			a.prefix = s.PrefixItems
		}
		if s.Items2020 != nil {
			a.items = append(a.items, s.Items2020)
		}
		if s.Contains != nil {
			a.contains = append(a.contains, s.Contains)
		}
	}
	return a
}

// item returns the schemas for the i-th item: after the prefix, one item for each contains.
func (a *arrayFacts) item(i int) []*jsonschema.Schema {
	if i < len(a.prefix) {
		return a.prefix[i : i+1]
	}
	of := slices.Clone(a.items)
	if k := i - len(a.prefix); k < len(a.contains) {
		of = append(of, a.contains[k])
	}
	return of
}

func (g *generator) array(all []*jsonschema.Schema, depth int) (any, bool) {
	a := arrayOf(all)
	n := max(a.least, len(a.contains))
	if g.whole {
		n = max(n, len(a.prefix), 1)
	}
	if n > 1000 {
		return nil, false
	}
	out := []any{}
	for i := range n {
		v, ok := g.value(a.item(i), depth+1)
		if !ok {
			return out, i > 0 || len(a.contains) == 0 && n <= 1
		}
		out = append(out, v)
	}
	return distinct(out, all), true
}

// distinct changes equal items where the schema requires unique ones.
func distinct(list []any, all []*jsonschema.Schema) []any {
	if !slices.ContainsFunc(all, func(s *jsonschema.Schema) bool { return s.UniqueItems }) {
		return list
	}
	for i := range list {
		switch x := list[i].(type) {
		case string:
			if i > 0 {
				list[i] = fmt.Sprintf("%s%d", x, i+1)
			}
		case json.Number:
			if r, ok := new(big.Rat).SetString(x.String()); ok {
				list[i] = decimal(r.Add(r, big.NewRat(int64(i), 1)))
			}
		}
	}
	return list
}
