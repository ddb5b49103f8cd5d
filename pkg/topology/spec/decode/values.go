package decode

import (
	"math"
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

// DecodeNode reads the form of Duration in a file.
func (v *Duration) DecodeNode(d *Decoder, n *source.Node, f Field) {
	*v = Duration(d.quantity(n, f, "a duration like 24h, 5s or 250ms, or an integer of milliseconds", "24h",
		units.ParseMilliseconds))
}

// Size is a number of bytes. The file takes 10MB, 1GiB, or an integer: bytes.
type Size int64

// DecodeNode reads the form of Size in a file.
func (v *Size) DecodeNode(d *Decoder, n *source.Node, f Field) {
	*v = Size(d.quantity(n, f, "a size like 10MB or 1GiB, or an integer of bytes", "10MB", units.ParseSize))
}

// quantity reads an integer in the base unit, or a text with units.
func (d *Decoder) quantity(n *source.Node, f Field, want, example string, parse func(string) (int64, error)) int64 {
	f.Example = example
	if n.Kind == source.Int {
		if i, ok := n.Value().(int64); ok && i >= 0 {
			return i
		}
		d.ErrorAt(n.Pos, f.Label()+" cannot be negative", "", f.Fix())
		return 0
	}
	if n.Kind != source.String {
		d.WrongType(n, f, want)
		return 0
	}
	i, err := parse(n.Text)
	if err != nil {
		d.ErrorAt(n.Pos, f.Label()+": "+err.Error(), "", d.removal(n, f))
	}
	return i
}

// Age is the age of a stream's segments in the broker's form: a number and one of Y, M (months), D,
// h, m (minutes), s.
type Age string

// DecodeNode reads the form of Age in a file.
func (v *Age) DecodeNode(d *Decoder, n *source.Node, f Field) {
	if n.Kind != source.String {
		f.Example = "7D"
		d.WrongType(n, f, "an age like 7D or 12h")
		return
	}
	age, err := parseAge(n.Text)
	if err != nil {
		d.ErrorAt(n.Pos, f.Label()+": "+err.Error(), "", "")
	}
	*v = Age(age)
}

// DeliveryLimit is a number of deliveries. The file takes an integer, or unlimited, which is -1.
type DeliveryLimit int64

// DecodeNode reads the form of DeliveryLimit in a file.
func (v *DeliveryLimit) DecodeNode(d *Decoder, n *source.Node, f Field) {
	f.Example = "20"
	i, ok := n.Value().(int64)
	switch {
	case n.Kind == source.String && n.Text == "unlimited":
		*v = -1
	case !ok:
		d.WrongType(n, f, "an integer, or unlimited")
	case i < -1:
		d.ErrorAt(n.Pos, f.Label()+" cannot be less than -1, which is unlimited", "", f.Fix())
	default:
		*v = DeliveryLimit(i)
	}
}

// Percent is a share from 0% to 90%. The file takes 20%.
type Percent int64

// PercentPattern is a regular expression of a Percent.
const PercentPattern = `^[0-9]{1,2}%$`

var percentText = regexp.MustCompile(PercentPattern)

// maxPercent keeps a wait that is made shorter from coming near nothing.
const maxPercent = 90

// DecodeNode reads the form of Percent in a file.
func (v *Percent) DecodeNode(d *Decoder, n *source.Node, f Field) {
	f.Example = "20%"
	if n.Kind != source.String || !percentText.MatchString(n.Text) {
		d.WrongType(n, f, "a share like 20%")
		return
	}
	share, _ := strconv.ParseInt(strings.TrimSuffix(n.Text, "%"), 10, 64)
	if share > maxPercent {
		d.ErrorAt(n.Pos, f.Label()+" can be 90% at most", "", f.Fix())
		return
	}
	*v = Percent(share)
}

// Strings is a list of strings. The file takes a single string, too.
type Strings []string

// DecodeNode reads the form of Strings in a file.
func (v *Strings) DecodeNode(d *Decoder, n *source.Node, f Field) {
	items := n.Items
	switch n.Kind {
	case source.Null:
		return
	case source.Sequence:
	case source.String:
		items = []*source.Node{n}
	default:
		d.WrongType(n, f, "a string or a list of strings")
		return
	}
	*v = make(Strings, 0, len(items))
	for _, item := range items {
		if s, ok := d.Str(item, Field{Path: f.Label()}); ok {
			*v = append(*v, s)
		}
	}
}

// Any is a value of any type, in normal form.
type Any struct {
	// Value is in the normal form of amqptable.Normalise.
	Value any
	At    diag.Position
}

// DecodeNode reads the form of Any in a file.
func (v *Any) DecodeNode(d *Decoder, n *source.Node, f Field) {
	v.Value, v.At = n.Value(), n.Pos
	if !finite(v.Value) {
		d.ErrorAt(n.Pos, f.Label()+" has a number that is not finite", "neither JSON nor AMQP can carry it", "")
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

// PasswordPattern is a regular expression of a Password.
const PasswordPattern = `^\$\{[A-Za-z_][A-Za-z0-9_]*\}$`

var onlyVariables = regexp.MustCompile(PasswordPattern)

// DecodeNode reads the form of Password in a file.
func (v *Password) DecodeNode(d *Decoder, n *source.Node, f Field) {
	if n.Kind == source.Sequence || n.Kind == source.Mapping || n.Kind == source.Null ||
		!onlyVariables.MatchString(n.Raw) {
		d.ErrorAt(n.Pos, f.Label()+" must be one variable, and nothing else",
			"a topology file is kept in git, where everybody would read the password",
			`write password: "${ORDERS_PASSWORD}" and set that variable, or passwordHash: with what rabbitmqctl hash_password prints`)
		return
	}
	if n.Hidden {
		return // as if it were not there: the user keeps the one that it has
	}
	*v = Password(n.Text)
}
