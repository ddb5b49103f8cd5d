package decode

import (
	"cmp"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// steps is what to write for the number of attempts and the time between them.
const steps = "list the waits, one for each further attempt: retry: { backoff: [5s, 30s, 5m] }"

const shortDeadLetter = "a queue is written as deadLetter: QUEUE, and an exchange as deadLetter: { exchange: X, " +
	"key: K }"

const furtherFile = "name further files on the command line: msgctl plan -f topology.yaml -f other.yaml"

// oftenGuessed returns what to write instead of a field that many expect, and that is spelt too
// differently for a suggestion; known are the fields that there are. "" when nothing is known.
func oftenGuessed(key string, known []string) string {
	for _, g := range []struct{ key, field, fix string }{
		{"bind", "bindings", "did you mean bindings? It is a list: bindings: [{ exchange: X, key: K }]"},
		{"binding", "bindings", "did you mean bindings? It is a list: bindings: [{ exchange: X, key: K }]"},
		{"retries", "retry", "did you mean retry? For example: retry: { backoff: [5s, 30s, 5m] }"},
		{"permissions", "passwordHash", "permissions belong to a vhost, beside users: " +
			"permissions: { USER: { configure: '^$', write: .*, read: .* } }"},
		{"attempts", "backoff", steps}, {"maxAttempts", "backoff", steps}, {"max", "backoff", steps},
		{"limit", "backoff", steps}, {"count", "backoff", steps}, {"delay", "backoff", steps},
		{"interval", "backoff", steps}, {"delays", "backoff", steps}, {"steps", "backoff", steps},
		{"exclusive", "singleActiveConsumer",
			"an exclusive queue ends with its connection, so that no file can declare it; " +
				"for one consumer at a time write singleActiveConsumer: true"},
		{"queue", "strategy", shortDeadLetter}, {"name", "strategy", shortDeadLetter},
		{"payload", "aggregate", "did you mean schema? It is the JSON Schema of the payload"},
		{"data", "aggregate", "did you mean schema? It is the JSON Schema of the payload"},
		{"topic", "aggregate", "did you mean exchange?"}, {"name", "aggregate", "the event's type is its name in the file"},
		{"prefetch", "singleActiveConsumer",
			"leave it out: each consumer sets its own, as msgctl consume does"},
		{"include", "queues", furtherFile}, {"includes", "queues", furtherFile}, {"import", "queues", furtherFile},
		{"imports", "queues", furtherFile}, {"extends", "queues", furtherFile},
		{"apiVersion", "queues", "this looks like a manifest of Kubernetes; msgctl export writes a live vhost as a " +
			"topology file"},
	} {
		if g.key == key && slices.Contains(known, g.field) {
			return g.fix
		}
	}
	if key == "queue" && slices.Contains(known, "headers") && !slices.Contains(known, "queue") {
		return "a binding belongs under its destination: move it to queues: " +
			"{ QUEUE: { bindings: [{ exchange: X, key: K }] } }"
	}
	if (key == "payload" || key == "data" || key == "body") && slices.Contains(known, "event") {
		return "leave it out: exchange, key and headers decide where a message goes"
	}
	if _, ok := capability.LookupPolicyKey(key); ok && slices.Contains(known, "definition") {
		return "the broker's keys belong in definition: write definition: { " + key + ": … }"
	}
	return ""
}

// removes reports whether a text looks like an attempt to remove something.
func removes(s string) bool {
	return slices.Contains([]string{"", "none", "null", "nil", "off", "never", "delete", "remove", "no"},
		strings.ToLower(s))
}

// sectionOf names the section, of those that fields hold, whose objects have the field key: what is
// written one level too high.
func sectionOf(key string, fields []Field, t reflect.Type) string {
	for _, f := range fields {
		section := t.FieldByIndex(f.Index).Type
		if f.object == "" || section.Kind() != reflect.Map || section.Elem().Kind() != reflect.Pointer {
			continue
		}
		if object := section.Elem().Elem(); object.Kind() == reflect.Struct && knows(FieldsOf(object), key) {
			return f.Name
		}
	}
	return ""
}

// removal says how a file removes what an earlier one declares, where a value looks like an
// attempt; "" elsewhere.
func (d *Decoder) removal(n *source.Node, f Field) string {
	name := cmp.Or(f.entry, f.Name)
	switch {
	case d.Lenient || name == "" || f.secret:
		return ""
	case n.Kind == source.Null && !n.Implicit:
		return "leave the line out: null removes only what an earlier file declares"
	case n.Kind == source.Bool && n.Text == "false", n.Kind == source.String && removes(n.Text):
		return "to remove what an earlier file declares, write " + plain(name) + ": null"
	}
	return ""
}

// wrongKind reports a value that is not v, and what was probably meant. want has an article.
func (d *Decoder) wrongKind(n *source.Node, v reflect.Value, f Field, want string) {
	fix := f.Fix()
	if d.corrections++; d.corrections <= MaxSuggestions && !f.secret && !d.Lenient {
		fix = f.correct(n, v.Type())
	}
	removal := d.removal(n, f)
	if v.Kind() == reflect.Bool && asBoolean(n) != "" {
		removal = "" // autoDelete: no
	}
	d.ErrorAt(n.Pos, fmt.Sprintf("%s must be %s, not %s", f.Label(), want, f.describe(n)), "", cmp.Or(removal, fix))
}

// misspeltVariable warns of a name with a variable in another tool's form, which would stay in it.
func (d *Decoder) misspeltVariable(e *source.Entry) {
	found := foreignVariable.FindStringSubmatch(e.Key)
	if found == nil || d.Lenient {
		return
	}
	d.report(diag.Diagnostic{Severity: diag.Warning, Position: e.Pos, Object: d.Object,
		Message: fmt.Sprintf("%q has %s in its name, which is not replaced", e.Key, found[0]),
		Fix:     "write ${" + cmp.Or(found[1], found[2], found[3], found[4]) + "} for the value of a variable"})
}

// foreignVariable is $NAME, $(NAME), {{ name }} and %NAME%.
var foreignVariable = regexp.MustCompile(
	`\$([A-Z_][A-Z0-9_]*)|\$\(([A-Za-z_][A-Za-z0-9_]*)\)|\{\{ *\.?([A-Za-z_][A-Za-z0-9_.]*) *\}\}|%([A-Z_][A-Z0-9_]*)%`)
