package event

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// pair is two schemas that have been compared. Recording them ends recursion.
type pair struct{ a, b *jsonschema.Schema }

func (c *comparison) schemas(path string, a, b *jsonschema.Schema, depth int) {
	if c.seen[pair{a, b}] || depth > maxSampleDepth*4 {
		return
	}
	c.seen[pair{a, b}] = true
	c.facts(path, factsOf([]*jsonschema.Schema{a}), factsOf([]*jsonschema.Schema{b}), depth)
}

// lists defers a comparison of all schemas of a with all of b.
func (c *comparison) lists(path string, a, b []*jsonschema.Schema, depth int) {
	c.later = append(c.later, func() {
		switch {
		case len(a) == 1 && len(b) == 1:
			c.schemas(path, a[0], b[0], depth)
		case depth <= maxSampleDepth*4:
			c.facts(path, factsOf(a), factsOf(b), depth)
		}
	})
}

func (c *comparison) facts(path string, a, b *facts, depth int) {
	if *c.steps++; *c.steps > maxSampleSteps {
		return // schemas that refer to themselves in many ways
	}
	switch {
	case a.never && b.never:
		return
	case a.never || b.never:
		c.opened(path, a.never, "nothing was allowed there", "nothing is allowed there any more")
		return
	}
	c.sets(path, "type", a.types, b.types)
	c.sets(path, "value", a.values, b.values)
	c.rules(path, "pattern", a.patterns, b.patterns)
	c.rules(path, "format", a.formats, b.formats)
	c.bounds(path, a.parts, b.parts)
	c.members(path, a, b, depth)
	if len(a.items)+len(b.items) > 0 {
		c.lists(path+"[]", a.items, b.items, depth+1)
	}
	c.flag(path, "its items must differ", a.unique, b.unique)
	for _, k := range structures() {
		c.structure(path, k, a.parts, b.parts, depth)
	}
}

// opened reports that something became possible (wider) or impossible.
func (c *comparison) opened(path string, wider bool, before, after string) {
	if wider {
		c.add(path, before+", and something is now", BreaksConsumers, "consumers never saw it there")
	} else {
		c.add(path, after, BreaksProducers, "what was right before is refused now")
	}
}

// sets compares sets of allowed values: nil allows any.
func (c *comparison) sets(path, what string, a, b map[string]bool) {
	switch {
	case a == nil && b == nil:
	case a == nil:
		c.add(path, fmt.Sprintf("%s is restricted to %s", what, strings.Join(slices.Sorted(maps.Keys(b)), ", ")),
			BreaksProducers, "any other was right before")
	case b == nil:
		c.add(path, fmt.Sprintf("%s may be anything, and was one of %s", what,
			strings.Join(slices.Sorted(maps.Keys(a)), ", ")), BreaksConsumers, "consumers never saw another")
	default:
		gone, come := difference(a, b), difference(b, a)
		if what == "type" { // every integer is a number
			gone, come = withoutInteger(gone, b), withoutInteger(come, a)
		}
		if len(gone) > 0 {
			c.add(path, fmt.Sprintf("%s %s is not allowed any more", what, strings.Join(gone, ", ")), BreaksProducers,
				"what was right before is refused now")
		}
		if len(come) > 0 {
			c.add(path, fmt.Sprintf("%s %s is allowed now", what, strings.Join(come, ", ")), BreaksConsumers,
				"consumers never saw it there")
		}
	}
}

func withoutInteger(list []string, other map[string]bool) []string {
	if !other["number"] {
		return list
	}
	return slices.DeleteFunc(list, func(s string) bool { return s == "integer" })
}

// rules compares patterns and formats: each additional one restricts further.
func (c *comparison) rules(path, what string, a, b map[string]bool) {
	for _, r := range difference(b, a) {
		c.add(path, fmt.Sprintf("%s %s is wanted now", what, r), BreaksProducers, "what was right before may be refused now")
	}
	for _, r := range difference(a, b) {
		c.add(path, fmt.Sprintf("%s %s is not wanted any more", what, r), "",
			"every payload that was right still is; consumers may get texts of another form")
	}
}

func (c *comparison) flag(path, what string, a, b bool) {
	switch {
	case b && !a:
		c.add(path, what+" now", BreaksProducers, "what was right before may be refused now")
	case a && !b:
		c.add(path, "it is no longer so that "+what, "", "every payload that was right still is")
	}
}

func (c *comparison) members(path string, a, b *facts, depth int) {
	dot := path + "."
	if path == "" {
		dot = ""
	}
	for _, name := range difference(a.properties, b.properties) {
		if b.closed {
			c.add(dot+name, "the field is gone", BreaksProducers,
				"producers that still send it are refused, and consumers that read it find nothing")
		} else {
			c.add(dot+name, "the field is gone", BreaksConsumers,
				"consumers that read it find nothing, or something of any form")
		}
	}
	for _, name := range difference(b.properties, a.properties) {
		switch {
		case b.required[name]:
			c.add(dot+name, "the field is new and required", BreaksProducers, "producers that do not send it yet are refused")
		case !a.closed:
			c.add(dot+name, "the field is new and optional", "",
				"consumers ignore what they do not know; whoever sent one of that name before must keep to its form now")
		default:
			c.add(dot+name, "the field is new and optional", "", "consumers ignore what they do not know")
		}
	}
	c.required(dot, a, b)
	for _, name := range slices.Sorted(maps.Keys(a.properties)) {
		if b.properties[name] != nil {
			c.lists(dot+name, a.properties[name], b.properties[name], depth+1)
		}
	}
	switch {
	case b.closed && !a.closed:
		c.add(path, "fields that the schema does not know are refused now", BreaksProducers,
			"producers that send one are refused")
	case a.closed && !b.closed:
		c.add(path, "fields that the schema does not know are allowed now", "", "consumers ignore what they do not know")
	}
}

// required compares the required fields, unless the change was already reported with the field.
func (c *comparison) required(dot string, a, b *facts) {
	for _, name := range difference(b.required, a.required) {
		if b.properties[name] == nil || a.properties[name] != nil {
			c.add(dot+name, "the field is required now", BreaksProducers, "producers that do not send it are refused")
		}
	}
	for _, name := range difference(a.required, b.required) {
		if a.properties[name] == nil || b.properties[name] != nil {
			c.add(dot+name, "the field is optional now", BreaksConsumers, "consumers that rely on it may not find it")
		}
	}
}

func (c *comparison) bounds(path string, a, b []*jsonschema.Schema) {
	for _, k := range limits() {
		before, after := tightest(a, k), tightest(b, k)
		switch {
		case before == nil && after == nil, before != nil && after != nil && before.Cmp(after) == 0:
		case before == nil, after != nil && after.Cmp(before) == k.sign:
			c.add(path, fmt.Sprintf("%s is %s now%s", k.name, decimal(after), was(before)), BreaksProducers,
				"what was right before may be refused now")
		case after == nil:
			c.add(path, fmt.Sprintf("%s %s is gone", k.name, decimal(before)), "",
				"every payload that was right still is; consumers may get values beyond it")
		default:
			c.add(path, fmt.Sprintf("%s is %s now%s", k.name, decimal(after), was(before)), "",
				"every payload that was right still is; consumers may get values beyond it")
		}
	}
	c.multiples(path, a, b)
}

func (c *comparison) multiples(path string, a, b []*jsonschema.Schema) {
	of := bound{"multipleOf", 1, func(s *jsonschema.Schema) *big.Rat { return s.MultipleOf }}
	before, after := tightest(a, of), tightest(b, of)
	switch {
	case before == nil && after == nil, before != nil && after != nil && before.Cmp(after) == 0:
	case after == nil, before != nil && new(big.Rat).Quo(before, after).IsInt():
		c.add(path, "multipleOf is looser now", "", "every payload that was right still is")
	default:
		c.add(path, fmt.Sprintf("multipleOf is %s now%s", decimal(after), was(before)), BreaksProducers,
			"what was right before may be refused now")
	}
}

func was(r *big.Rat) string {
	if r == nil {
		return ""
	}
	return ", it was " + string(decimal(r))
}

// structure compares, one by one, the subschemas of a keyword. If their number or nesting differs,
// the change cannot be judged and counts as breaking.
func (c *comparison) structure(path string, k structure, a, b []*jsonschema.Schema, depth int) {
	var before, after []*jsonschema.Schema
	for _, s := range a {
		before = append(before, k.of(s)...)
	}
	for _, s := range b {
		after = append(after, k.of(s)...)
	}
	if len(before) != len(after) {
		c.add(path, fmt.Sprintf("%s has %d parts, and had %d", k.name, len(after), len(before)), BreaksProducers,
			"what was valid before may be refused now; check it")
		return
	}
	negated := k.name == "not" || k.name == "if"
	for i := range before {
		below := comparison{event: c.event, seen: c.seen, steps: c.steps}
		below.schemas(fmt.Sprintf("%s(%s %d)", path, k.name, i+1), before[i], after[i], depth+1)
		below.drain()
		for _, x := range below.changes {
			if negated { // what is looser below is stricter above
				x.Breaks, x.Why = BreaksProducers, "it stands below "+k.name+": what was right before may be refused now; look "+
					"at it"
			}
			c.changes = append(c.changes, x)
		}
	}
}
