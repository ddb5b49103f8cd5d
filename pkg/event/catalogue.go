package event

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/tidwall/gjson"

	"github.com/msgctl/msgctl/internal/suggest"
)

// Type is the declaration of one type of events, as a topology file has it.
type Type struct {
	// Name is the eventType: order.created.
	Name string
	// Description is for people.
	Description string
	// VHost and Exchange are where it is published.
	VHost, Exchange string
	// Key is the template of its routing key; nil stands for the name.
	Key *KeyTemplate
	// AggregateType, and AggregateID, the JSON Pointer of the id in the payload. Both "" for events
	// without.
	AggregateType, AggregateID string
	// Version of the payload's form. 0 stands for 1.
	Version int64
	// Format in which it is published; "" stands for FormatEnvelope.
	Format Format
	// Schema of the payload, as JSON; nil when SchemaFile names a file, or when any payload is
	// right.
	Schema json.RawMessage
	// SchemaFile is the slash-separated path of the schema in Files.
	SchemaFile string
	// Files is where SchemaFile and what it refers to are read: nothing outside of it is. nil has
	// no files.
	Files fs.FS
	// Examples of the payload, as JSON.
	Examples []json.RawMessage
	// At says where it is declared, for people: topology.yaml:12:3.
	At string
}

// Catalogue is a set of types. It is safe for concurrent use; schemas are compiled when they are
// first needed.
type Catalogue struct {
	types map[string]*entry
	names []string
}

type entry struct {
	Type
	once    sync.Once
	schema  *jsonschema.Schema
	problem error
}

// NewCatalogue makes a catalogue. Of two types with one name the first counts.
func NewCatalogue(types []Type) *Catalogue {
	c := &Catalogue{types: make(map[string]*entry, len(types))}
	for _, t := range types {
		if c.types[t.Name] != nil {
			continue
		}
		t.Version, t.Format = cmp.Or(t.Version, 1), cmp.Or(t.Format, FormatEnvelope)
		if t.Key == nil {
			t.Key = &KeyTemplate{parts: []keyPart{{text: t.Name}}}
		}
		c.types[t.Name] = &entry{Type: t}
		c.names = append(c.names, t.Name)
	}
	slices.Sort(c.names)
	return c
}

// Names returns the names of all types, sorted. It must not be changed.
func (c *Catalogue) Names() []string { return c.names }

// Type returns a type, or an *UnknownTypeError.
func (c *Catalogue) Type(name string) (*Type, error) {
	e, err := c.entry(name)
	if err != nil {
		return nil, err
	}
	return &e.Type, nil
}

func (c *Catalogue) entry(name string) (*entry, error) {
	if e := c.types[name]; e != nil {
		return e, nil
	}
	return nil, &UnknownTypeError{Name: name, Nearest: suggest.Nearest(name, c.names), Known: c.names}
}

// UnknownTypeError is the error for a type that the catalogue does not have.
type UnknownTypeError struct {
	Name string
	// Nearest is the type that was surely meant, "" when none is near.
	Nearest string
	// Known are all types.
	Known []string
}

// Error names the type and the nearest.
func (e *UnknownTypeError) Error() string {
	switch {
	case e.Nearest != "":
		return fmt.Sprintf("event type %q is not in the catalogue; did you mean %s?", clip(e.Name), e.Nearest)
	case len(e.Known) == 0:
		return fmt.Sprintf("event type %q is not in the catalogue, which is empty", clip(e.Name))
	}
	return fmt.Sprintf("event type %q is not in the catalogue", clip(e.Name))
}

// Validate checks a payload. The violations are sorted by where they are; none means that it is
// right. The error is an *UnknownTypeError, or says why the type's schema cannot be used.
func (c *Catalogue) Validate(name string, payload []byte) ([]Violation, error) {
	e, err := c.entry(name)
	if err != nil {
		return nil, err
	}
	return e.validate(payload)
}

// Check is Validate for a whole event: its version must be the catalogue's, too. The violations'
// pointers are those of the envelope: /payload/orderId.
func (c *Catalogue) Check(v *Envelope) ([]Violation, error) {
	e, err := c.entry(v.EventType)
	if err != nil {
		return nil, err
	}
	var out []Violation
	if v.Version != 0 && v.Version != e.Version {
		out = append(out, Violation{Pointer: "/version", Keyword: "version",
			Message: fmt.Sprintf("the event has version %d, and the catalogue has version %d", v.Version, e.Version)})
	}
	inner, err := e.validate(v.Payload)
	for _, x := range inner {
		x.Pointer = "/payload" + x.Pointer
		out = append(out, x)
	}
	return out, err
}

// Compile compiles all schemas and returns what is wrong with them, by type.
func (c *Catalogue) Compile() map[string]error {
	problems := map[string]error{}
	for _, name := range c.names {
		if err := c.types[name].compile(); err != nil {
			problems[name] = err
		}
	}
	return problems
}

// Complete fills what a draft of an event lacks from its type: aggregate and version, but neither
// id nor timestamp. The payload must be valid.
func (t *Type) Complete(e *Envelope) error {
	e.EventType = cmp.Or(e.EventType, t.Name)
	e.Version = cmp.Or(e.Version, t.Version)
	e.AggregateType = cmp.Or(e.AggregateType, t.AggregateType)
	if e.AggregateID != "" || t.AggregateType == "" {
		return nil
	}
	path, err := splitPointer(t.AggregateID)
	if err != nil {
		return fmt.Errorf("aggregate id of %s: %w", t.Name, err)
	}
	v, ok := find(e.Payload, path)
	switch {
	case ok && v.Type == gjson.String && v.Str != "":
		e.AggregateID = v.Str
	case ok && v.Type == gjson.Number:
		e.AggregateID = v.Raw
	default:
		return &FormatError{t.AggregateID,
			fmt.Sprintf("the payload has no id of the aggregate (%s) there: want a text that is not empty, or a number",
				t.AggregateType)}
	}
	return nil
}
