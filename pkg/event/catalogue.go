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

// Type is the declaration of one event type, as in a topology file.
type Type struct {
	// Name is the eventType, such as order.created.
	Name string
	// Description is a description for people.
	Description string
	// VHost and Exchange say where events of the type are published.
	VHost, Exchange string
	// Key is the template of the routing key; nil means the name of the type.
	Key *KeyTemplate
	// AggregateType is the type of the aggregate. AggregateID is the JSON Pointer of its id in the
	// payload. Both are "" for events without an aggregate.
	AggregateType, AggregateID string
	// Version is the version of the payload's form. 0 means 1.
	Version int64
	// Format is the format in which events are published; "" means FormatEnvelope.
	Format Format
	// Schema is the JSON Schema of the payload. It is nil when SchemaFile names a file, or when any
	// payload is valid.
	Schema json.RawMessage
	// SchemaFile is the slash-separated path of the schema in Files.
	SchemaFile string
	// Files is the file system from which SchemaFile and the files it refers to are read. Nothing
	// outside it is read. nil means no files.
	Files fs.FS
	// Examples are example payloads, as JSON.
	Examples []json.RawMessage
	// At is the place of the declaration, for users: topology.yaml:12:3.
	At string
}

// Catalogue is a set of types. It is safe for concurrent use. A schema is compiled when it is first
// needed.
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

// NewCatalogue returns a catalogue of the given types. If two types have the same name, the first
// is used.
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

// Names returns the names of all types, sorted. The caller must not change the slice.
func (c *Catalogue) Names() []string { return c.names }

// Type returns the type of that name. The error is an *UnknownTypeError.
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

// UnknownTypeError is the error for a type that is not in the catalogue.
type UnknownTypeError struct {
	Name string
	// Nearest is the type that was most likely meant; "" if none is similar.
	Nearest string
	// Known has the names of all types.
	Known []string
}

// Error names the type and the nearest one.
func (e *UnknownTypeError) Error() string {
	switch {
	case e.Nearest != "":
		return fmt.Sprintf("event type %q is not in the catalogue; did you mean %s?", clip(e.Name), e.Nearest)
	case len(e.Known) == 0:
		return fmt.Sprintf("event type %q is not in the catalogue, which is empty", clip(e.Name))
	}
	return fmt.Sprintf("event type %q is not in the catalogue", clip(e.Name))
}

// Validate checks a payload against the schema of its type. It returns the violations, sorted by
// pointer; none means that the payload is valid. The error is an *UnknownTypeError, or says why the
// schema cannot be used.
func (c *Catalogue) Validate(name string, payload []byte) ([]Violation, error) {
	e, err := c.entry(name)
	if err != nil {
		return nil, err
	}
	return e.validate(payload)
}

// Check validates a whole event as Validate does. In addition, its version must match the
// catalogue's. Pointers start at the envelope: /payload/orderId. Errors are those of Validate.
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

// Compile compiles all schemas and returns the errors, by type.
func (c *Catalogue) Compile() map[string]error {
	problems := map[string]error{}
	for _, name := range c.names {
		if err := c.types[name].compile(); err != nil {
			problems[name] = err
		}
	}
	return problems
}

// Complete fills in aggregate and version of a draft event from its type, but neither id nor
// timestamp. The payload must be valid. The error is a *FormatError if the payload lacks the id of
// the aggregate.
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
