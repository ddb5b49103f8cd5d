package decode

import (
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// Guesser is a type of the file that knows what was probably meant where a value of another kind
// stands in its place.
type Guesser interface {
	// Instead returns the key and the value to write, "" for a value that says nothing. key is that
	// of the file, "" in a list.
	Instead(key string, n *source.Node) (rightKey, value string)
}

// These bound the text of a correction, which shows the form and need not repeat the file.
const (
	mostEntries = 4
	mostFields  = 20
	mostDepth   = 4
	mostRunes   = 60
)

// correct proposes what to write instead of n, a value of the wrong kind for the type t. It is the
// field's example where n does not tell.
func (f Field) correct(n *source.Node, t reflect.Type) string {
	key, value := f.instead(n, t)
	switch {
	case value == "":
		return f.Fix()
	case key == "":
		return "write " + value
	}
	return "write " + plain(key) + ": " + value
}

func (f Field) instead(n *source.Node, t reflect.Type) (key, value string) {
	key = f.Name
	if f.entry != "" {
		key = f.entry
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if g, ok := reflect.New(t).Interface().(Guesser); ok {
		if right, value := g.Instead(key, n); value != "" {
			return right, value
		}
	}
	switch t.Kind() {
	case reflect.Map:
		if f.object == "" {
			return key, merged(n, func(string) bool { return true })
		}
		return key, asObjects(n, t.Elem())
	case reflect.Struct:
		return key, asStructure(n, t)
	case reflect.Slice:
		return key, asList(n, t.Elem())
	case reflect.Bool:
		return key, asBoolean(n)
	case reflect.String:
		return asText(key, n)
	}
	if _, err := strconv.ParseInt(n.Text, 10, 64); err == nil && n.Kind == source.String {
		return key, n.Text
	}
	return key, ""
}

// asObjects makes a mapping by name of a list of objects, or of one name.
func asObjects(n *source.Node, t reflect.Type) string {
	items := n.Items
	if n.Kind == source.String {
		items = []*source.Node{n}
	}
	var entries []string
	for _, item := range items[:min(len(items), mostEntries+1)] {
		entry := asObject(item, t)
		if entry == "" {
			return ""
		}
		entries = append(entries, entry)
	}
	return braces(entries)
}

// asObject is an entry of a mapping by name: that of the name alone, of an object with its name
// inside, or of a mapping with one key.
func asObject(n *source.Node, t reflect.Type) string {
	if n.Kind == source.String {
		return plain(raw(n)) + ": {}"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if n.Kind != source.Mapping || t.Kind() != reflect.Struct || len(n.Entries) == 0 || len(n.Entries) > mostFields {
		return ""
	}
	fields := FieldsOf(t)
	for _, nameKey := range []string{"name", "user", "username"} {
		name := n.Get(nameKey)
		if name == nil || name.Kind != source.String || knows(fields, nameKey) {
			continue
		}
		var rest []string
		for _, e := range n.Entries {
			if e.Key != nameKey {
				rest = append(rest, entry(e, fields, mostDepth))
			}
		}
		return plain(raw(name)) + ": " + braces(rest)
	}
	if e := n.Entries[0]; len(n.Entries) == 1 && !knows(fields, e.Key) &&
		(e.Value.Kind == source.Mapping || e.Value.Kind == source.Null) {
		return plain(e.Key) + ": " + flow(e.Value, fields, mostDepth)
	}
	return ""
}

// asStructure takes the dashes from a list of the fields of one object.
func asStructure(n *source.Node, t reflect.Type) string {
	fields := FieldsOf(t)
	return merged(n, func(key string) bool { return nearest(key, fields) != "" })
}

// merged makes one mapping of a list of mappings, "" where a key is repeated or not known.
func merged(n *source.Node, known func(key string) bool) string {
	var entries []string
	seen := map[string]bool{}
	for _, item := range n.Items {
		for _, e := range item.Entries {
			if len(entries) > mostFields || seen[e.Key] || !known(e.Key) {
				return ""
			}
			seen[e.Key] = true
			entries = append(entries, entry(e, nil, mostDepth))
		}
	}
	if len(entries) == 0 {
		return ""
	}
	return braces(entries)
}

// asList puts what should be the item of a list into one.
func asList(n *source.Node, t reflect.Type) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	g, guesses := reflect.New(t).Interface().(Guesser)
	if n.Kind != source.Mapping && guesses {
		if _, value := g.Instead("", n); value != "" {
			return "[" + value + "]"
		}
	}
	scalar := n.Kind == source.String || n.Kind == source.Int
	if scalar && n.Text != "" && t.Kind() != reflect.Struct && t.Kind() != reflect.Map {
		return "[" + plain(raw(n)) + "]"
	}
	if n.Kind != source.Mapping || t.Kind() != reflect.Struct || len(n.Entries) == 0 || len(n.Entries) > mostFields {
		return ""
	}
	fields := FieldsOf(t)
	if !slices.ContainsFunc(n.Entries, func(e source.Entry) bool { return nearest(e.Key, fields) == "" }) {
		return "[" + flow(n, fields, mostDepth) + "]"
	}
	var items []string
	for _, e := range n.Entries {
		item := ""
		if knows(fields, "name") && e.Value.Kind == source.Mapping {
			item = named(e, fields)
		} else if guesses {
			_, item = g.Instead(e.Key, e.Value)
		}
		if item == "" {
			return ""
		}
		items = append(items, item)
	}
	return "[" + strings.Join(shortened(items), ", ") + "]"
}

// named makes an item of a list of an entry whose key is the item's name.
func named(e source.Entry, fields []Field) string {
	inner := []string{"name: " + plain(e.Key)}
	for _, field := range e.Value.Entries {
		inner = append(inner, entry(field, fields, mostDepth))
	}
	return braces(inner)
}

func asBoolean(n *source.Node) string {
	if n.Kind != source.String {
		return ""
	}
	switch strings.ToLower(n.Text) {
	case "true", "yes", "on", "y":
		return "true"
	case "false", "no", "off", "n":
		return "false"
	}
	return ""
}

// asText takes the only item of a list. More than one key are keys.
func asText(key string, n *source.Node) (rightKey, value string) {
	switch {
	case n.Kind == source.Mapping:
		if name := n.Get("name"); name != nil && name.Kind == source.String {
			return key, plain(raw(name))
		}
	case n.Kind == source.Sequence && len(n.Items) == 1 && n.Items[0].Kind == source.String:
		return key, plain(raw(n.Items[0]))
	case n.Kind == source.Sequence && key == "key":
		return "keys", flow(n, nil, mostDepth)
	}
	return key, ""
}

// Flow is a value in the flow style of YAML, for corrections. Secrets are left out.
func Flow(n *source.Node) string { return flow(n, nil, mostDepth) }

// flow writes keys as fields know them.
func flow(n *source.Node, fields []Field, depth int) string {
	switch {
	case n.Kind == source.Null:
		return "{}"
	case n.Kind == source.String:
		return plain(raw(n))
	case n.Kind != source.Mapping && n.Kind != source.Sequence:
		return raw(n)
	case depth == 0:
		return "…"
	}
	var inner []string
	for _, e := range n.Entries[:min(len(n.Entries), mostEntries+1)] {
		inner = append(inner, entry(e, fields, depth-1))
	}
	for _, item := range n.Items[:min(len(n.Items), mostEntries+1)] {
		inner = append(inner, flow(item, nil, depth-1))
	}
	if n.Kind == source.Mapping {
		return braces(inner)
	}
	return "[" + strings.Join(shortened(inner), ", ") + "]"
}

func entry(e source.Entry, fields []Field, depth int) string {
	key := e.Key
	if best := nearest(key, fields); best != "" {
		key = best
	}
	if hides(key) || e.Value.Hidden {
		return plain(key) + ": …"
	}
	return plain(key) + ": " + flow(e.Value, nil, depth)
}

// hides reports whether a field's value may be a secret, or have one in it.
func hides(key string) bool {
	key = suggest.Normalise(key)
	for _, word := range []string{"password", "secret", "token", "hash", "uri", "url", "key", "credential"} {
		if strings.Contains(key, word) && key != "key" && key != "keys" {
			return true
		}
	}
	return false
}

func braces(entries []string) string {
	if len(entries) == 0 {
		return "{}"
	}
	return "{ " + strings.Join(shortened(entries), ", ") + " }"
}

func shortened(entries []string) []string {
	if len(entries) <= mostEntries {
		return entries
	}
	return append(slices.Clone(entries[:mostEntries]), "…")
}

func knows(fields []Field, name string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.Name == name })
}

// nearest is the field that is meant by a key, "" for none.
func nearest(key string, fields []Field) string {
	if knows(fields, key) {
		return key
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return NearestField(key, names)
}

// raw is a scalar as it is written: variables keep their names.
func raw(n *source.Node) string {
	if n.Raw != "" {
		return n.Raw
	}
	return n.Text
}

// plain quotes a string where YAML would read something else.
func plain(s string) string {
	if r := []rune(s); len(r) > mostRunes {
		s = string(r[:mostRunes]) + "…"
	}
	if s == ".*" || duration(s) || plainText.MatchString(s) && !reserved.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

var (
	plainText = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./#*-]*$`)
	reserved  = regexp.MustCompile(`(?i)^(true|false|null|yes|no|on|off|y|n)$`)
)

// duration reports whether s is a number and a unit, which YAML reads as text.
func duration(s string) bool {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return false
	}
	_, err := units.ParseMilliseconds(s)
	return err == nil
}
