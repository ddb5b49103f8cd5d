// Package schema makes the JSON Schema of topology files, for editors, of the types that package
// spec reads them by.
package schema

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"reflect"
	"strings"

	"github.com/invopop/jsonschema"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// ID is the name of the JSON Schema of topology files.
const ID = "https://github.com/msgctl/msgctl/schema/topology.schema.json"

// Generate returns the JSON Schema (2020-12) of a topology file, made of the types that the parser
// reads by. It accepts and rejects the structure that the parser does, with one liberty: wherever a
// variable can stand, any text with ${ in it may. What spans several fields (references, types of
// queues) only the parser knows. It fails only if the comments of the types cannot be read.
func Generate() ([]byte, error) {
	comments, err := readComments()
	if err != nil {
		return nil, fmt.Errorf("generate schema: %w", err)
	}
	r := &jsonschema.Reflector{
		Anonymous: true, RequiredFromJSONSchemaTags: true, ExpandedStruct: true, Mapper: unionSchema,
		LookupComment: func(t reflect.Type, field string) string { return comments[t.Name()+"."+field] },
	}
	s := r.Reflect(&spec.Spec{})
	s.ID = ID
	s.Title = "msgctl topology"
	s.Definitions["Variable"] = &jsonschema.Schema{Type: "string", Pattern: `\$\{`,
		Description: "A variable: ${NAME} or ${NAME:-default}."}
	s.PatternProperties = map[string]*jsonschema.Schema{decode.ExtensionPattern: jsonschema.TrueSchema}
	a := schemaAdapter{defs: s.Definitions, done: map[*jsonschema.Schema]bool{}}
	a.adapt(s, reflect.TypeFor[spec.Spec]())
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("generate schema: %w", err)
	}
	return append(text, '\n'), nil
}

func variableSchema() *jsonschema.Schema { return &jsonschema.Schema{Ref: "#/$defs/Variable"} }

func nullSchema() *jsonschema.Schema { return &jsonschema.Schema{Type: "null"} }

func anyOf(list ...*jsonschema.Schema) *jsonschema.Schema { return &jsonschema.Schema{AnyOf: list} }

// unionSchema describes the types that have a form of their own in the file: those that
// decode themselves.
func unionSchema(t reflect.Type) *jsonschema.Schema {
	text := func(pattern string) *jsonschema.Schema { return &jsonschema.Schema{Type: "string", Pattern: pattern} }
	integer := func(least string) *jsonschema.Schema {
		return &jsonschema.Schema{Type: "integer", Minimum: json.Number(least)}
	}
	switch t {
	case reflect.TypeFor[decode.Duration]():
		return anyOf(integer("0"), text(units.DurationPattern), variableSchema())
	case reflect.TypeFor[decode.Size]():
		return anyOf(integer("0"), text(units.SizePattern), variableSchema())
	case reflect.TypeFor[decode.Age]():
		return anyOf(text(decode.AgePattern), text(decode.AgeDurationPattern), variableSchema())
	case reflect.TypeFor[decode.Percent]():
		return anyOf(text(decode.PercentPattern), variableSchema())
	case reflect.TypeFor[decode.Share]():
		return anyOf(text(decode.SharePattern), &jsonschema.Schema{Const: "off"}, variableSchema())
	case reflect.TypeFor[decode.Threshold]():
		return anyOf(integer("0"), &jsonschema.Schema{Const: "off"}, variableSchema())
	case reflect.TypeFor[decode.DeliveryLimit]():
		return anyOf(integer("-1"), &jsonschema.Schema{Const: "unlimited"}, variableSchema())
	case reflect.TypeFor[decode.Strings]():
		return anyOf(text(""), &jsonschema.Schema{Type: "array", Items: text("")}, nullSchema())
	case reflect.TypeFor[decode.Any]():
		return jsonschema.TrueSchema
	case reflect.TypeFor[decode.Password]():
		return text(decode.PasswordPattern)
	case reflect.TypeFor[topology.Secret]():
		return text("")
	case reflect.TypeFor[spec.EventSchema]():
		return anyOf(text(`\S`), &jsonschema.Schema{Type: "object"}, &jsonschema.Schema{Type: "boolean"})
	}
	return nil
}

type schemaAdapter struct {
	defs jsonschema.Definitions
	done map[*jsonschema.Schema]bool
}

// adapt adds to the schema of a struct, and of all below it, what the parser takes besides. It
// takes variables in place of numbers, flags and fixed words, and nothing at all in place of
// mappings and lists that need no member.
func (a schemaAdapter) adapt(s *jsonschema.Schema, t reflect.Type) {
	if a.done[s] {
		return
	}
	a.done[s] = true
	for _, f := range decode.FieldsOf(t) {
		p, ok := s.Properties.Get(f.Name)
		if !ok {
			continue
		}
		description := p.Description
		p.Description = ""
		q := a.value(p, t.FieldByIndex(f.Index).Type, f)
		q.Description = description
		s.Properties.Set(f.Name, q)
	}
	if t == reflect.TypeFor[spec.DeadLetter]() {
		inner := *s
		*s = jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string", MinLength: ptr(uint64(1))}, &inner}}
	}
}

func (a schemaAdapter) value(p *jsonschema.Schema, t reflect.Type, f decode.Field) *jsonschema.Schema {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if unionSchema(t) != nil {
		return p
	}
	switch t.Kind() {
	case reflect.Int64, reflect.Bool:
		return anyOf(p, variableSchema())
	case reflect.String:
		if len(f.Enum) > 0 || f.Pattern != "" {
			return anyOf(p, variableSchema())
		}
		return p
	case reflect.Slice:
		p.Items = a.value(p.Items, t.Elem(), decode.Field{})
		if f.MinItems > 0 {
			return p
		}
		return anyOf(p, nullSchema())
	case reflect.Map:
		p.AdditionalProperties = a.value(p.AdditionalProperties, t.Elem(), decode.Field{})
		return anyOf(p, nullSchema())
	case reflect.Struct:
		return a.structure(p, t)
	}
	return p
}

func (a schemaAdapter) structure(p *jsonschema.Schema, t reflect.Type) *jsonschema.Schema {
	if def := a.defs[strings.TrimPrefix(p.Ref, "#/$defs/")]; def != nil && def.Properties != nil {
		a.adapt(def, t)
	}
	ref := &jsonschema.Schema{Ref: p.Ref}
	for _, f := range decode.FieldsOf(t) {
		if f.Required {
			return ref
		}
	}
	if t == reflect.TypeFor[spec.DeadLetter]() {
		return ref
	}
	return anyOf(ref, nullSchema())
}

func ptr[T any](v T) *T { return &v }

// readComments returns the comments of types ("Queue.") and fields ("Queue.MessageTTL").
func readComments() (map[string]string, error) {
	comments := map[string]string{}
	sources := spec.TypeSources()
	entries, err := fs.ReadDir(sources, ".")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		src, err := fs.ReadFile(sources, e.Name())
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), e.Name(), src, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			if decl, ok := d.(*ast.GenDecl); ok && decl.Tok == token.TYPE {
				commentsOf(decl, comments)
			}
		}
	}
	return comments, nil
}

func commentsOf(decl *ast.GenDecl, comments map[string]string) {
	for _, s := range decl.Specs {
		ts := s.(*ast.TypeSpec)
		comments[ts.Name.Name+"."] = sentence(decl.Doc, ts.Name.Name)
		st, ok := ts.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range st.Fields.List {
			for _, name := range f.Names {
				comments[ts.Name.Name+"."+name.Name] = sentence(f.Doc, name.Name)
			}
		}
	}
}

// sentence is a comment without the Go name that it begins with, where the rest is one without it.
func sentence(doc *ast.CommentGroup, name string) string {
	text := strings.Join(strings.Fields(doc.Text()), " ")
	for _, opening := range []string{name + " is ", name + " are ", name + ": "} {
		if rest, ok := strings.CutPrefix(text, opening); ok && rest != "" {
			return strings.ToUpper(rest[:1]) + rest[1:]
		}
	}
	return text
}
