package decode

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

// Decoder fills Go values from a tree. It continues after a problem, to find them all. It is not
// safe for concurrent use.
type Decoder struct {
	// Lenient reports unknown fields as warnings: files of other versions of RabbitMQ have more of
	// them.
	Lenient bool
	// Extensions takes any value at the top under a name that begins with x-: a place for anchors.
	Extensions bool
	// Partial says that some of the text could not be read: what is missing may be in it.
	Partial bool
	// Object names what is decoded, for messages. "" is the file itself.
	Object string
	// Lost says that objects could not be read, so that it is not known what is declared.
	Lost     bool
	Problems diag.Diagnostics
	// errors counts those of Problems that are errors.
	errors    int
	suggested map[string]string
	// corrections counts those that were looked for, up to MaxSuggestions.
	corrections int
}

// MaxSuggestions bounds the search for what was meant: each compares every name, and a file can be
// wrong in thousands of places.
const MaxSuggestions = 50

// ExtensionPattern is a regular expression of the names that Extensions takes.
const ExtensionPattern = `^x-`

var extension = regexp.MustCompile(ExtensionPattern)

// NodeDecoder is a type with a form of its own in the file.
type NodeDecoder interface {
	// DecodeNode sets the value from n. It reports problems to d.
	DecodeNode(d *Decoder, n *source.Node, f Field)
}

// locator is a type that remembers where it stands: see Located.
type locator interface {
	locate(at diag.Position)
	locateField(name string, at diag.Position)
}

// Field is a struct field, or what stands in its place, with the bounds of its values. Zero values
// bound nothing.
type Field struct {
	// Name is that in the file, and Path the name with the fields around it, for messages:
	// deadLetter.key.
	Name, Path string
	// Example is a value that messages propose.
	Example string
	// Required fields cannot be left out.
	Required bool
	// Enum lists the words that the field can have, and Pattern is a regular expression of them.
	Enum    []string
	Pattern string
	// MinItems is the least length of a list.
	MinItems int
	// Index is that of reflect.Type.FieldByIndex.
	Index  []int
	object string
	// entry is the key of an object in a mapping by name.
	entry     string
	secret    bool
	min, max  *int64
	minLength int
}

// ErrorAt reports an error of the object that is decoded.
func (d *Decoder) ErrorAt(at diag.Position, message, why, fix string) {
	d.report(diag.Diagnostic{Severity: diag.Error, Position: at, Object: d.Object, Message: message, Why: why, Fix: fix})
}

func (d *Decoder) report(p diag.Diagnostic) {
	if p.Severity == diag.Error {
		d.errors++
	}
	d.Problems = append(d.Problems, p)
}

// WrongType reports a value of the wrong type. want has an article: an integer.
func (d *Decoder) WrongType(n *source.Node, f Field, want string) {
	d.ErrorAt(n.Pos, fmt.Sprintf("%s must be %s, not %s", f.Label(), want, f.describe(n)), "",
		cmp.Or(d.removal(n, f), f.Fix()))
}

// describe names a value, unless it may be a secret.
func (f Field) describe(n *source.Node) string {
	if f.secret {
		return n.Kind.String()
	}
	return n.Describe()
}

// Label names the field in messages.
func (f Field) Label() string { return cmp.Or(f.Path, f.Name, "it") }

// in is the field f inside of outer.
func (f Field) in(outer Field) Field {
	f.Path = f.Name
	if outer.Label() != "it" {
		f.Path = outer.Label() + "." + f.Name
	}
	return f
}

// Fix proposes the example, "" when there is none.
func (f Field) Fix() string {
	if f.Example == "" {
		return ""
	}
	if f.Name == "" {
		return "write, for example, " + f.Example
	}
	return fmt.Sprintf("write, for example, %s: %s", f.Name, f.Example)
}

// Value decodes n into v, which is settable.
func (d *Decoder) Value(n *source.Node, v reflect.Value, f Field) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.Value(n, v.Elem(), f)
		return
	}
	if n.Unset && !takesText(v) {
		d.errors++ // it was reported where the variable is
		return
	}
	if custom, ok := v.Addr().Interface().(NodeDecoder); ok {
		custom.DecodeNode(d, n, f)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.Structure(n, v, f)
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

// takesText reports whether any text may stand in a field, so that one with a variable in it that
// has no value is as good as another.
func takesText(v reflect.Value) bool {
	return v.Type() == reflect.TypeFor[Strings]() || v.Kind() == reflect.String && v.Type().PkgPath() == ""
}

// Structure decodes a mapping into the struct v.
func (d *Decoder) Structure(n *source.Node, v reflect.Value, f Field) {
	loc, _ := v.Addr().Interface().(locator)
	if loc != nil {
		loc.locate(n.Pos)
	}
	switch n.Kind {
	case source.Null:
	case source.Mapping:
	default:
		d.wrongKind(n, v, f, "a mapping")
		return
	}
	fields := FieldsOf(v.Type())
	for i := range n.Entries {
		e := &n.Entries[i]
		j := slices.IndexFunc(fields, func(f Field) bool { return f.Name == e.Key })
		if j < 0 && d.Extensions && f.Name == "" && d.Object == "" && extension.MatchString(e.Key) {
			continue
		}
		if j < 0 {
			d.unknown(e, f, fields, v.Type())
			continue
		}
		before := d.errors
		d.Value(e.Value, v.FieldByIndex(fields[j].Index), fields[j].in(f))
		scalar := e.Value.Kind != source.Sequence && e.Value.Kind != source.Mapping
		got := v.FieldByIndex(fields[j].Index)
		unread := scalar || got.Kind() == reflect.Map && got.Len() == 0
		hidden := e.Value.Hidden && got.Kind() == reflect.String && got.Len() == 0
		if loc != nil && !hidden && (!unread || d.errors == before) {
			loc.locateField(e.Key, e.Value.Pos) // what could not be read, or has no value, counts as absent
		}
	}
	for _, want := range fields {
		if want.Required && !d.Partial && n.Get(want.Name) == nil {
			d.ErrorAt(n.Pos, want.in(f).Label()+" is missing", "", want.Fix())
		}
	}
}

func (d *Decoder) unknown(e *source.Entry, in Field, fields []Field, t reflect.Type) {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	p := diag.Diagnostic{Severity: diag.Error, Position: e.Pos, Object: d.Object,
		Message: fmt.Sprintf("unknown field %q", e.Key)}
	if in.Label() != "it" {
		p.Message += " in " + in.Label()
	}
	best := d.suggestion(e.Key, names)
	d.Lost = d.Lost || in.Label() == "it" && (d.Object == "" || strings.HasPrefix(d.Object, "vhost ")) && best != "name" &&
		best != "vhost" && best != "version"
	if elsewhere := oftenGuessed(e.Key, names); elsewhere != "" {
		p.Fix = elsewhere
	} else if best != "" {
		p.Fix = fmt.Sprintf("did you mean %s?", best)
	} else if section := sectionOf(e.Key, fields, t); section != "" {
		p.Fix = fmt.Sprintf("it is a field of each of the %s: write %s: { NAME: { %s: … } }", section, section, e.Key)
	} else {
		slices.Sort(names)
		p.Fix = "known here: " + strings.Join(names, ", ")
	}
	if d.Lenient {
		p.Severity, p.Why = diag.Warning, "msgctl does not know it and leaves it out"
	}
	d.report(p)
}

// suggestion is nearestField, remembered: what is wrong once is often wrong a thousand times.
func (d *Decoder) suggestion(got string, names []string) string {
	key := got + " " + strings.Join(names, " ")
	best, ok := d.suggested[key]
	if !ok && len(d.suggested) < MaxSuggestions {
		if d.suggested == nil {
			d.suggested = map[string]string{}
		}
		best = NearestField(got, names)
		d.suggested[key] = best
	}
	return best
}

func (d *Decoder) mapping(n *source.Node, v reflect.Value, f Field) {
	if n.Kind == source.Null {
		return
	}
	if n.Kind != source.Mapping {
		d.Lost = d.Lost || f.object != ""
		d.wrongKind(n, v, f, "a mapping")
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.Entries)))
	outer := d.Object
	defer func() { d.Object = outer }()
	for i := range n.Entries {
		e := &n.Entries[i]
		inner := Field{Name: e.Key, Path: f.Label() + "." + e.Key}
		if f.object != "" {
			d.misspeltVariable(e)
			d.Object, inner = fmt.Sprintf("%s %q", f.object, e.Key), Field{entry: e.Key}
		}
		item, before := reflect.New(v.Type().Elem()).Elem(), d.errors
		d.Value(e.Value, item, inner)
		if _, isAny := item.Interface().(Any); isAny && d.errors > before {
			continue
		}
		if loc, ok := item.Interface().(locator); ok {
			loc.locate(e.Pos)
		}
		v.SetMapIndex(reflect.ValueOf(e.Key), item)
	}
}

func (d *Decoder) list(n *source.Node, v reflect.Value, f Field) {
	if n.Kind == source.Null && f.MinItems == 0 {
		return
	}
	if n.Kind != source.Sequence {
		d.wrongKind(n, v, f, "a list")
		return
	}
	if len(n.Items) < f.MinItems {
		d.ErrorAt(n.Pos, f.Label()+" is an empty list", "", f.Fix())
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Items), len(n.Items)))
	for i, item := range n.Items {
		d.Value(item, v.Index(i), Field{Path: fmt.Sprintf("%s[%d]", f.Label(), i), object: f.object})
	}
}

func (d *Decoder) text(n *source.Node, v reflect.Value, f Field) {
	f.secret = v.Type() == reflect.TypeFor[topology.Secret]()
	if f.secret && n.Hidden {
		return // as if it were not there
	}
	if s, ok := d.Str(n, f); ok {
		v.SetString(s)
	}
}

// Str returns the text of a string node. A variable may have given it any scalar.
func (d *Decoder) Str(n *source.Node, f Field) (string, bool) {
	scalar := n.Kind == source.Bool || n.Kind == source.Int || n.Kind == source.Float
	switch {
	case n.Kind != source.String && (!scalar || !n.Substituted()):
		if scalar && !f.secret && f.Example == "" && len(f.Enum) == 0 {
			f.Example = strconv.Quote(n.Text)
		}
		d.wrongKind(n, reflect.ValueOf(""), f, "a string"+f.listed())
		return "", false
	case n.Unset && (len(f.Enum) > 0 || f.Pattern != ""):
		d.errors++
		return "", false
	case len(f.Enum) > 0 && !slices.Contains(f.Enum, n.Text):
		fix := "write one of " + strings.Join(f.Enum, ", ")
		if best := NearestField(n.Text, f.Enum); best != "" {
			fix = fmt.Sprintf("did you mean %s? It can be one of %s", best, strings.Join(f.Enum, ", "))
		}
		d.ErrorAt(n.Pos, fmt.Sprintf("%s cannot be %q", f.Label(), n.Text), "", fix)
		return "", false
	case len(n.Text) < f.minLength:
		d.ErrorAt(n.Pos, f.Label()+" is empty", "", f.Fix())
		return "", false
	case f.Pattern != "" && !regexp.MustCompile(f.Pattern).MatchString(n.Text):
		d.ErrorAt(n.Pos, fmt.Sprintf("%s cannot be %q", f.Label(), n.Text), "", "it must match "+f.Pattern)
		return "", false
	}
	return n.Text, true
}

func (f Field) listed() string {
	if len(f.Enum) == 0 {
		return ""
	}
	return " (one of " + strings.Join(f.Enum, ", ") + ")"
}

func (d *Decoder) boolean(n *source.Node, v reflect.Value, f Field) {
	b, ok := n.Value().(bool)
	if n.Kind != source.Bool || !ok {
		d.wrongKind(n, v, f, "true or false")
		return
	}
	v.SetBool(b)
}

func (d *Decoder) integer(n *source.Node, v reflect.Value, f Field) {
	i, ok := n.Value().(int64)
	if !ok {
		d.wrongKind(n, v, f, "an integer")
		return
	}
	if d.bounded(n, i, f) {
		v.SetInt(i)
	}
}

func (d *Decoder) bounded(n *source.Node, i int64, f Field) bool {
	switch {
	case len(f.Enum) > 0 && !slices.Contains(f.Enum, strconv.FormatInt(i, 10)):
		d.ErrorAt(n.Pos, fmt.Sprintf("%s cannot be %d", f.Label(), i), "", "write "+strings.Join(f.Enum, " or "))
	case f.min != nil && i < *f.min:
		d.ErrorAt(n.Pos, fmt.Sprintf("%s cannot be %d: the minimum is %d", f.Label(), i, *f.min), "", f.Fix())
	case f.max != nil && i > *f.max:
		d.ErrorAt(n.Pos, fmt.Sprintf("%s cannot be %d: the maximum is %d", f.Label(), i, *f.max), "", f.Fix())
	default:
		return true
	}
	return false
}
