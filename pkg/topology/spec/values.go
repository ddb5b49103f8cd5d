package spec

import (
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// Duration is a time in milliseconds. The file takes 24h, 1h30m, 250ms, 7d, or an integer:
// milliseconds.
type Duration int64

func (v *Duration) decodeNode(d *decoder, n *source.Node, f field) {
	*v = Duration(d.quantity(n, f, "a duration like 24h, 5s or 250ms, or an integer of milliseconds", "24h",
		units.ParseMilliseconds))
}

// Size is a number of bytes. The file takes 10MB, 1GiB, or an integer: bytes.
type Size int64

func (v *Size) decodeNode(d *decoder, n *source.Node, f field) {
	*v = Size(d.quantity(n, f, "a size like 10MB or 1GiB, or an integer of bytes", "10MB", units.ParseSize))
}

// quantity reads an integer in the base unit, or a text with units.
func (d *decoder) quantity(n *source.Node, f field, want, example string, parse func(string) (int64, error)) int64 {
	f.example = example
	if n.Kind == source.Int {
		if i, ok := n.Value().(int64); ok && i >= 0 {
			return i
		}
		d.errorAt(n.Pos, f.label()+" cannot be negative", "", f.fix())
		return 0
	}
	if n.Kind != source.String {
		d.wrongType(n, f, want)
		return 0
	}
	i, err := parse(n.Text)
	if err != nil {
		d.errorAt(n.Pos, f.label()+": "+err.Error(), "", "")
	}
	return i
}

// Age is the age of a stream's segments in the broker's form: a number and one of Y, M (months), D,
// h, m (minutes), s.
type Age string

func (v *Age) decodeNode(d *decoder, n *source.Node, f field) {
	if n.Kind != source.String {
		f.example = "7D"
		d.wrongType(n, f, "an age like 7D or 12h")
		return
	}
	age, err := parseAge(n.Text)
	if err != nil {
		d.errorAt(n.Pos, f.label()+": "+err.Error(), "", "")
	}
	*v = Age(age)
}

// DeliveryLimit is a number of deliveries. The file takes an integer, or unlimited, which is -1.
type DeliveryLimit int64

func (v *DeliveryLimit) decodeNode(d *decoder, n *source.Node, f field) {
	f.example = "20"
	i, ok := n.Value().(int64)
	switch {
	case n.Kind == source.String && n.Text == "unlimited":
		*v = -1
	case !ok:
		d.wrongType(n, f, "an integer, or unlimited")
	case i < -1:
		d.errorAt(n.Pos, f.label()+" cannot be less than -1, which is unlimited", "", f.fix())
	default:
		*v = DeliveryLimit(i)
	}
}

// Percent is a share from 0% to 90%. The file takes 20%.
type Percent int64

const percentPattern = `^[0-9]{1,2}%$`

var percentText = regexp.MustCompile(percentPattern)

// maxPercent keeps a wait that is made shorter from coming near nothing.
const maxPercent = 90

func (v *Percent) decodeNode(d *decoder, n *source.Node, f field) {
	f.example = "20%"
	if n.Kind != source.String || !percentText.MatchString(n.Text) {
		d.wrongType(n, f, "a share like 20%")
		return
	}
	share, _ := strconv.ParseInt(strings.TrimSuffix(n.Text, "%"), 10, 64)
	if share > maxPercent {
		d.errorAt(n.Pos, f.label()+" can be 90% at most", "", f.fix())
		return
	}
	*v = Percent(share)
}

// Strings is a list of strings. The file takes a single string, too.
type Strings []string

func (v *Strings) decodeNode(d *decoder, n *source.Node, f field) {
	items := n.Items
	switch n.Kind {
	case source.Null:
		return
	case source.Sequence:
	case source.String:
		items = []*source.Node{n}
	default:
		d.wrongType(n, f, "a string or a list of strings")
		return
	}
	*v = make(Strings, 0, len(items))
	for _, item := range items {
		if s, ok := d.str(item, field{path: f.label()}); ok {
			*v = append(*v, s)
		}
	}
}

// Any is a value of any type, in normal form.
type Any struct {
	// Value is in the normal form of amqptable.Normalise.
	Value any
	at    diag.Position
}

func (v *Any) decodeNode(d *decoder, n *source.Node, f field) {
	v.Value, v.at = n.Value(), n.Pos
	if !finite(v.Value) {
		d.errorAt(n.Pos, f.label()+" has a number that is not finite", "neither JSON nor AMQP can carry it", "")
		v.Value = nil
	}
}

func finite(v any) bool {
	switch x := v.(type) {
	case float64:
		return !math.IsInf(x, 0) && !math.IsNaN(x)
	case []any:
		for _, e := range x {
			if !finite(e) {
				return false
			}
		}
	case map[string]any:
		for _, e := range x {
			if !finite(e) {
				return false
			}
		}
	}
	return true
}

// Password is a user's password. The file names the variable that has it, never the password.
type Password topology.Secret

// String returns the redacted form.
func (v Password) String() string { return topology.Secret(v).String() }

const passwordPattern = `^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`

var onlyVariables = regexp.MustCompile(passwordPattern)

func (v *Password) decodeNode(d *decoder, n *source.Node, f field) {
	if n.Kind == source.Sequence || n.Kind == source.Mapping || n.Kind == source.Null ||
		!onlyVariables.MatchString(n.Raw) {
		d.errorAt(n.Pos, f.label()+" must be one variable, and nothing else",
			"a topology file is kept in git, where everybody would read the password",
			`write password: "${ORDERS_PASSWORD}" and set that variable, or passwordHash: with what rabbitmqctl hash_password prints`)
		return
	}
	*v = Password(n.Text)
}

// EventSchema is the JSON Schema of an event's data: inline, or the name of a file.
type EventSchema struct {
	// File is relative to the topology file. "" for an inline schema.
	File string
	// Inline is a mapping, or true or false.
	Inline any
	at     diag.Position
}

func (v *EventSchema) decodeNode(d *decoder, n *source.Node, f field) {
	v.at = n.Pos
	switch {
	case n.Kind == source.Mapping, n.Kind == source.Bool:
		v.Inline = n.Value()
	case n.Kind == source.String && strings.TrimSpace(n.Text) != "":
		v.File = n.Text
	default:
		f.example = "events/order.created.schema.json"
		d.wrongType(n, f, "the name of a file or an inline JSON Schema")
	}
}

func (v *DeadLetter) decodeNode(d *decoder, n *source.Node, f field) {
	if n.Kind == source.Sequence || n.Kind == source.Mapping {
		d.structure(n, reflect.ValueOf(v).Elem(), f) // not value, which would come back here
		return
	}
	f.example = "dead-letter.queue"
	s, ok := d.str(n, f)
	if ok && s == "" {
		d.errorAt(n.Pos, f.label()+" is empty", "", f.fix())
		return
	}
	none := ""
	v.Exchange, v.Key, v.queue = &none, &s, true
	v.locate(n.Pos)
}
