package spec

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// decoder fills Go values from a tree, by the same struct tags that the JSON Schema is generated
// from. It goes on after a problem, to find them all.
type decoder struct {
	// lenient reports unknown fields as warnings: files of other versions of RabbitMQ have more of
	// them.
	lenient bool
	// extensions takes any value at the top under a name that begins with x-: a place for anchors.
	extensions bool
	object     string
	// lost says that objects could not be read, so that it is not known what is declared.
	lost     bool
	problems diag.Diagnostics
	// errors counts those of problems that are errors.
	errors    int
	suggested map[string]string
}

const extensionPattern = `^x-`

var extension = regexp.MustCompile(extensionPattern)

// nodeDecoder is a type with a form of its own in the file.
type nodeDecoder interface {
	decodeNode(d *decoder, n *source.Node, f field)
}

// locator is a type that remembers where it stands.
type locator interface {
	locate(at diag.Position)
	locateField(name string, at diag.Position)
}

// field is a struct field, or what stands in its place: the name in the file and the bounds of its
// values.
type field struct {
	name string
	// path is name with the fields around it, for messages: deadLetter.key.
	path      string
	object    string
	example   string
	secret    bool
	required  bool
	enum      []string
	min, max  *int64
	minLength int
	minItems  int
	pattern   string
	index     []int
}

func (d *decoder) errorAt(at diag.Position, message, why, fix string) {
	d.report(diag.Diagnostic{Severity: diag.Error, Position: at, Object: d.object, Message: message, Why: why, Fix: fix})
}

func (d *decoder) report(p diag.Diagnostic) {
	if p.Severity == diag.Error {
		d.errors++
	}
	d.problems = append(d.problems, p)
}

// wrongType reports a value of the wrong type. want has an article: an integer.
func (d *decoder) wrongType(n *source.Node, f field, want string) {
	d.errorAt(n.Pos, fmt.Sprintf("%s must be %s, not %s", f.label(), want, f.describe(n)), "", f.fix())
}

// describe names a value, unless it may be a secret.
func (f field) describe(n *source.Node) string {
	if f.secret {
		return n.Kind.String()
	}
	return n.Describe()
}

// label names the field in messages.
func (f field) label() string { return cmp.Or(f.path, f.name, "it") }

// in is the field f inside of outer.
func (f field) in(outer field) field {
	f.path = f.name
	if outer.label() != "it" {
		f.path = outer.label() + "." + f.name
	}
	return f
}

func (f field) fix() string {
	if f.example == "" {
		return ""
	}
	if f.name == "" {
		return "write, for example, " + f.example
	}
	return fmt.Sprintf("write, for example, %s: %s", f.name, f.example)
}

// value decodes n into v, which is settable.
func (d *decoder) value(n *source.Node, v reflect.Value, f field) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem(), f)
		return
	}
	if custom, ok := v.Addr().Interface().(nodeDecoder); ok {
		custom.decodeNode(d, n, f)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, f)
	case reflect.Map:
		d.mapping(n, v, f)
	case reflect.Slice:
		d.list(n, v, f)
	case reflect.String:
		d.text(n, v, f)
	case reflect.Bool:
		d.boolean(n, v, f)
	default:
		d.integer(n, v, f)
	}
}

func (d *decoder) structure(n *source.Node, v reflect.Value, f field) {
	loc, _ := v.Addr().Interface().(locator)
	if loc != nil {
		loc.locate(n.Pos)
	}
	switch n.Kind {
	case source.Null:
	case source.Mapping:
	default:
		d.wrongType(n, f, "a mapping")
		return
	}
	fields := fieldsOf(v.Type())
	for i := range n.Entries {
		e := &n.Entries[i]
		j := slices.IndexFunc(fields, func(f field) bool { return f.name == e.Key })
		if j < 0 && d.extensions && f.name == "" && d.object == "" && extension.MatchString(e.Key) {
			continue
		}
		if j < 0 {
			d.unknown(e, f, fields)
			continue
		}
		before := d.errors
		d.value(e.Value, v.FieldByIndex(fields[j].index), fields[j].in(f))
		scalar := e.Value.Kind != source.Sequence && e.Value.Kind != source.Mapping
		if loc != nil && (!scalar || d.errors == before) {
			loc.locateField(e.Key, e.Value.Pos) // a scalar that could not be read counts as absent
		}
	}
	for _, want := range fields {
		if want.required && n.Get(want.name) == nil {
			d.errorAt(n.Pos, want.in(f).label()+" is missing", "", want.fix())
		}
	}
}

func (d *decoder) unknown(e *source.Entry, in field, fields []field) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	p := diag.Diagnostic{Severity: diag.Error, Position: e.Pos, Object: d.object,
		Message: fmt.Sprintf("unknown field %q", e.Key)}
	if in.label() != "it" {
		p.Message += " in " + in.label()
	}
	best := d.suggestion(e.Key, names)
	d.lost = d.lost || in.label() == "it" && (d.object == "" || strings.HasPrefix(d.object, "vhost ")) && best != "name" &&
		best != "vhost" && best != "version"
	if best != "" {
		p.Fix = fmt.Sprintf("did you mean %s?", best)
	} else {
		slices.Sort(names)
		p.Fix = "known here: " + strings.Join(names, ", ")
	}
	if d.lenient {
		p.Severity, p.Why = diag.Warning, "msgctl does not know it and leaves it out"
	}
	d.report(p)
}

// suggestion is nearestField, remembered: what is wrong once is often wrong a thousand times.
func (d *decoder) suggestion(got string, names []string) string {
	key := got + " " + strings.Join(names, " ")
	best, ok := d.suggested[key]
	if !ok && len(d.suggested) < maxSuggestions {
		if d.suggested == nil {
			d.suggested = map[string]string{}
		}
		best = nearestField(got, names)
		d.suggested[key] = best
	}
	return best
}

func (d *decoder) mapping(n *source.Node, v reflect.Value, f field) {
	if n.Kind == source.Null {
		return
	}
	if n.Kind != source.Mapping {
		d.lost = d.lost || f.object != ""
		d.wrongType(n, f, "a mapping")
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Entries)))
	outer := d.object
	defer func() { d.object = outer }()
	for i := range n.Entries {
		e := &n.Entries[i]
		inner := field{name: e.Key, path: f.label() + "." + e.Key}
		if f.object != "" {
			d.object, inner.name, inner.path = fmt.Sprintf("%s %q", f.object, e.Key), "", ""
		}
		item, before := reflect.New(v.Type().Elem()).Elem(), d.errors
		d.value(e.Value, item, inner)
		if _, isAny := item.Interface().(Any); isAny && d.errors > before {
			continue
		}
		if loc, ok := item.Interface().(locator); ok {
			loc.locate(e.Pos)
		}
		v.SetMapIndex(reflect.ValueOf(e.Key), item)
	}
}

func (d *decoder) list(n *source.Node, v reflect.Value, f field) {
	if n.Kind == source.Null && f.minItems == 0 {
		return
	}
	if n.Kind != source.Sequence {
		d.wrongType(n, f, "a list")
		return
	}
	if len(n.Items) < f.minItems {
		d.errorAt(n.Pos, f.label()+" is an empty list", "", f.fix())
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		d.value(item, v.Index(i), field{path: fmt.Sprintf("%s[%d]", f.label(), i), object: f.object})
	}
}

func (d *decoder) text(n *source.Node, v reflect.Value, f field) {
	f.secret = v.Type() == reflect.TypeFor[topology.Secret]()
	if s, ok := d.str(n, f); ok {
		v.SetString(s)
	}
}

// str returns the text of a string node. A variable may have given it any scalar.
func (d *decoder) str(n *source.Node, f field) (string, bool) {
	scalar := n.Kind == source.Bool || n.Kind == source.Int || n.Kind == source.Float
	switch {
	case n.Kind != source.String && (!scalar || !n.Substituted()):
		if scalar && !f.secret && f.example == "" && len(f.enum) == 0 {
			f.example = strconv.Quote(n.Text)
		}
		d.wrongType(n, f, "a string"+f.listed())
		return "", false
	case len(f.enum) > 0 && !slices.Contains(f.enum, n.Text):
		fix := "write one of " + strings.Join(f.enum, ", ")
		if best := nearestField(n.Text, f.enum); best != "" {
			fix = fmt.Sprintf("did you mean %s? It can be one of %s", best, strings.Join(f.enum, ", "))
		}
		d.errorAt(n.Pos, fmt.Sprintf("%s cannot be %q", f.label(), n.Text), "", fix)
		return "", false
	case len(n.Text) < f.minLength:
		d.errorAt(n.Pos, f.label()+" is empty", "", f.fix())
		return "", false
	case f.pattern != "" && !regexp.MustCompile(f.pattern).MatchString(n.Text):
		d.errorAt(n.Pos, fmt.Sprintf("%s cannot be %q", f.label(), n.Text), "", "it must match "+f.pattern)
		return "", false
	}
	return n.Text, true
}

func (f field) listed() string {
	if len(f.enum) == 0 {
		return ""
	}
	return " (one of " + strings.Join(f.enum, ", ") + ")"
}

func (d *decoder) boolean(n *source.Node, v reflect.Value, f field) {
	b, ok := n.Value().(bool)
	if n.Kind != source.Bool || !ok {
		d.wrongType(n, f, "true or false")
		return
	}
	v.SetBool(b)
}

func (d *decoder) integer(n *source.Node, v reflect.Value, f field) {
	i, ok := n.Value().(int64)
	if !ok {
		d.wrongType(n, f, "an integer")
		return
	}
	if d.bounded(n, i, f) {
		v.SetInt(i)
	}
}

func (d *decoder) bounded(n *source.Node, i int64, f field) bool {
	switch {
	case len(f.enum) > 0 && !slices.Contains(f.enum, strconv.FormatInt(i, 10)):
		d.errorAt(n.Pos, fmt.Sprintf("%s cannot be %d", f.label(), i), "", "write "+strings.Join(f.enum, " or "))
	case f.min != nil && i < *f.min:
		d.errorAt(n.Pos, fmt.Sprintf("%s cannot be %d: the minimum is %d", f.label(), i, *f.min), "", f.fix())
	case f.max != nil && i > *f.max:
		d.errorAt(n.Pos, fmt.Sprintf("%s cannot be %d: the maximum is %d", f.label(), i, *f.max), "", f.fix())
	default:
		return true
	}
	return false
}
