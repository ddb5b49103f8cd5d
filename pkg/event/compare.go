package event

import (
	"fmt"
	"maps"
	"slices"
)

// Values of Change.Breaks.
const (
	// BreaksConsumers means that a consumer written for the old form may get events that it does
	// not understand, or no events at all.
	BreaksConsumers = "consumers"
	// BreaksProducers means that events of the old form may be refused, including old events that
	// are replayed.
	BreaksProducers = "producers"
)

// Change is one difference between two catalogues.
type Change struct {
	Type string `json:"type"`
	// Path is what changed: a field of the payload (items[].price), or version, exchange, key,
	// aggregate or format of the declaration. It is "" for the event as a whole.
	Path string `json:"path,omitempty"`
	// What describes the change.
	What string `json:"what"`
	// Breaks is BreaksConsumers or BreaksProducers; "" if the change breaks neither.
	Breaks string `json:"breaks,omitempty"`
	// Why explains why the change breaks them, or why it does not.
	Why string `json:"why,omitempty"`
}

// Compare returns the changes from one catalogue to another, ordered by type. The error says which
// schemas cannot be used.
func Compare(from, to *Catalogue) ([]Change, error) {
	c := comparison{steps: new(int)}
	names := append(slices.Clone(from.names), to.names...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		before, after := from.types[name], to.types[name]
		c.event = name
		switch {
		case after == nil:
			c.add("", "the event is gone", BreaksConsumers, "whoever waits for it waits for ever")
		case before == nil:
			c.add("", "the event is new", "", "nobody knows it yet")
		default:
			if err := c.types(before, after); err != nil {
				return nil, err
			}
		}
	}
	return c.changes, nil
}

// comparison collects changes.
type comparison struct {
	event   string
	changes []Change
	seen    map[pair]bool
	// later holds the pending comparisons of fields. Shallow fields come first, so the shortest
	// path is reported for a schema that refers to itself.
	later []func()
	steps *int
}

func (c *comparison) drain() {
	for len(c.later) > 0 {
		next := c.later[0]
		c.later = c.later[1:]
		next()
	}
}

func (c *comparison) add(path, what, breaks, why string) {
	c.changes = append(c.changes, Change{c.event, path, what, breaks, why})
}

func (c *comparison) types(a, b *entry) error {
	c.declaration("exchange", a.Exchange, b.Exchange, "bindings of the old exchange do not get it any more")
	c.declaration("key", a.Key.String(), b.Key.String(), "bindings with the old key may not match any more")
	c.declaration("format", string(a.Format), string(b.Format), "it is written in another form")
	c.declaration("aggregate", a.AggregateType, b.AggregateType, "aggregateType has another value")
	c.declaration("aggregate", a.AggregateID, b.AggregateID, "aggregateId comes from another field")
	switch {
	case b.Version < a.Version:
		c.add("version", fmt.Sprintf("%d → %d", a.Version, b.Version), BreaksConsumers,
			"versions only grow: consumers cannot tell the forms apart")
	case b.Version > a.Version:
		c.add("version", fmt.Sprintf("%d → %d", a.Version, b.Version), "", "consumers can tell the new form by it")
	}
	if err := a.compile(); err != nil {
		return err
	}
	if err := b.compile(); err != nil {
		return err
	}
	switch {
	case a.schema == nil && b.schema == nil:
	case a.schema == nil:
		c.add("", "it has a schema now", BreaksProducers, "any payload was right before")
	case b.schema == nil:
		c.add("", "its schema is gone", BreaksConsumers, "any payload is right now")
	default:
		c.seen = map[pair]bool{}
		c.schemas("", a.schema, b.schema, 0)
		c.drain()
	}
	return nil
}

func (c *comparison) declaration(path, before, after, why string) {
	if before != after {
		c.add(path, fmt.Sprintf("%q → %q", before, after), BreaksConsumers, why)
	}
}

// difference returns the keys in a that are not in b, sorted.
func difference[V any](a, b map[string]V) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if _, ok := b[name]; !ok {
			list = append(list, name)
		}
	}
	return list
}
