package event

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/msgctl/msgctl/internal/jsonnumber"
)

// schemaRoot is the address under which the loader finds files next to a topology file.
const schemaRoot = "topology:///"

// maxSchemaBytes limits the size of one schema file.
const maxSchemaBytes = 4 << 20

func (e *entry) compile() error {
	e.once.Do(func() {
		e.schema, e.problem = e.Type.compile()
	})
	return e.problem
}

// compile returns the compiled schema of the type, or nil if it has none. It enforces formats.
func (t *Type) compile() (*jsonschema.Schema, error) {
	if t.Schema == nil && t.SchemaFile == "" {
		return nil, nil
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(schemaLoader{t.Files})
	where := schemaRoot + (&url.URL{Path: t.SchemaFile}).EscapedPath()
	if t.Schema != nil {
		where = schemaRoot + "inline.schema.json"
		doc, err := decodeJSON(t.Schema)
		if err != nil {
			return nil, fmt.Errorf("schema of event %s: %w", t.Name, err)
		}
		if err := c.AddResource(where, doc); err != nil {
			return nil, fmt.Errorf("schema of event %s: %w", t.Name, err)
		}
	}
	s, err := c.Compile(where)
	if err != nil {
		return nil, fmt.Errorf("schema of event %s: %w", t.Name, plainSchemaError(err))
	}
	return s, nil
}

// plainSchemaError removes addresses that are internal to this package.
func plainSchemaError(err error) error {
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) {
		return load.Err
	}
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		if v := violationsOf(invalid.Err); len(v) > 0 {
			return fmt.Errorf("%s is no JSON Schema: %s", strings.TrimSuffix(strings.TrimPrefix(invalid.URL, schemaRoot), "#"),
				v[0])
		}
	}
	return errors.New(strings.ReplaceAll(err.Error(), schemaRoot, ""))
}

// schemaLoader reads files of one folder only: no network, and nothing outside the folder.
type schemaLoader struct{ files fs.FS }

// Load implements jsonschema.URLLoader.
func (l schemaLoader) Load(address string) (any, error) {
	rest, ok := strings.CutPrefix(address, schemaRoot)
	if !ok {
		return nil, fmt.Errorf("%s is not read: schemas are files in the folder of the topology file or below it, and are "+
			"never fetched", clip(address))
	}
	name, err := url.PathUnescape(rest)
	if err != nil {
		return nil, fmt.Errorf("%s is not the name of a file", clip(rest))
	}
	name = path.Clean(name)
	if l.files == nil || !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s is not read: schemas are files in the folder of the topology file or below it", clip(name))
	}
	text, err := readBounded(l.files, name)
	if err != nil {
		return nil, err
	}
	doc, err := decodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc, nil
}

func readBounded(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read schema %s: %w", name, plainCause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read schema %s: it is no regular file", name)
	case info.Size() > maxSchemaBytes:
		return nil, fmt.Errorf("read schema %s: %d bytes are more than a schema may have (%d)", name, info.Size(),
			maxSchemaBytes)
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read schema %s: %w", name, plainCause(err))
	}
	return text, nil
}

func plainCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// decodeJSON decodes one JSON value for the validator, with exact numbers.
func decodeJSON(text []byte) (any, error) {
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	if err := jsonnumber.Check(text); err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}

// maxViolations limits how many violations of one payload are reported.
const maxViolations = 100

// Violation is one violation of a schema by a payload.
type Violation struct {
	// Pointer is the JSON Pointer of the invalid part; "" is the payload as a whole.
	Pointer string `json:"pointer"`
	// Keyword is the schema keyword that is violated: required, type, pattern.
	Keyword string `json:"keyword"`
	// Message says what is wrong, without the pointer.
	Message string `json:"message"`
}

// String returns the pointer and the message.
func (v Violation) String() string {
	return cmp.Or(v.Pointer, "the payload") + ": " + v.Message
}

// validate checks a payload against the schema of its type.
func (e *entry) validate(payload []byte) (found []Violation, err error) {
	// If the validator panics, the payload cannot be checked; that must not end a consumer.
	defer func() {
		if p := recover(); p != nil {
			found, err = []Violation{{Keyword: "panic", Message: fmt.Sprintf("the validator cannot check it: %v", p)}}, nil
		}
	}()
	if wrong := checkJSON(payload); wrong != nil {
		return []Violation{{Keyword: "json", Message: wrong.Problem}}, nil
	}
	if err := e.compile(); err != nil || e.schema == nil {
		return nil, err
	}
	if err := jsonnumber.Check(payload); err != nil {
		return []Violation{{Keyword: "number", Message: err.Error()}}, nil
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(payload))
	if err != nil {
		return []Violation{{Keyword: "json", Message: err.Error()}}, nil
	}
	return violationsOf(e.schema.Validate(doc)), nil
}

// violationsOf flattens the validator's result: it leaves out groups and references and keeps their
// causes.
func violationsOf(err error) []Violation {
	var root *jsonschema.ValidationError
	if !errors.As(err, &root) {
		return nil
	}
	var out []Violation
	flatten(root, &out, message.NewPrinter(language.English))
	slices.SortStableFunc(out, func(a, b Violation) int { return cmp.Compare(a.Pointer, b.Pointer) })
	out = slices.Compact(out)
	if more := len(out) - maxViolations; more > 0 {
		out = append(out[:maxViolations], Violation{Keyword: "more", Message: fmt.Sprintf("and %d more", more)})
	}
	return out
}

func flatten(e *jsonschema.ValidationError, out *[]Violation, p *message.Printer) {
	at := joinPointer(e.InstanceLocation)
	switch k := e.ErrorKind.(type) {
	case *kind.AnyOf, *kind.OneOf, *kind.Not, *kind.Contains:
		*out = append(*out, Violation{at, keyword(e), alternatives(e, p)})
		return
	case *kind.Required:
		for _, name := range k.Missing {
			*out = append(*out, Violation{at, "required", fmt.Sprintf("%s is missing", strconv.Quote(clip(name)))})
		}
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			*out = append(*out, Violation{at + "/" + escapePointer(name), "additionalProperties", "the schema does not know it"})
		}
	case *kind.FalseSchema:
		*out = append(*out, Violation{at, "false", "the schema does not allow it"})
	default:
		if len(e.Causes) == 0 {
			*out = append(*out, Violation{at, keyword(e), clipLong(e.ErrorKind.LocalizedString(p))})
		}
	}
	for _, c := range e.Causes {
		flatten(c, out, p)
	}
}

// alternatives lists the alternatives and says why none matches.
func alternatives(e *jsonschema.ValidationError, p *message.Printer) string {
	text := e.ErrorKind.LocalizedString(p)
	var why []string
	for _, c := range e.Causes {
		var inner []Violation
		flatten(c, &inner, p)
		if len(inner) > 0 {
			v := inner[0]
			v.Pointer = strings.TrimPrefix(v.Pointer, joinPointer(e.InstanceLocation))
			why = append(why, strings.TrimPrefix(v.String(), "the payload: "))
		}
		if len(why) == 3 {
			break
		}
	}
	if len(why) > 0 {
		text += " (" + strings.Join(why, "; or ") + ")"
	}
	return clipLong(text)
}

func keyword(e *jsonschema.ValidationError) string {
	path := e.ErrorKind.KeywordPath()
	if len(path) == 0 {
		return "schema"
	}
	return path[0]
}

// clipLong shortens a message, which may quote the payload.
func clipLong(s string) string {
	const most = 500
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
