package capability

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// ArgumentType is what the broker wants an argument's value to be.
type ArgumentType string

// The types of known arguments. An Integer is no float (fact float-for-integer).
const (
	Integer ArgumentType = "integer"
	Text    ArgumentType = "string"
	Boolean ArgumentType = "boolean"
)

// Support says which queue type takes an argument, and from which broker version (inclusive) to
// which (exclusive). "" means every version that msgctl supports, which is 3.10 and newer.
type Support struct {
	Queue        string
	Since, Until string
}

// Argument is one known x-argument of a queue.
type Argument struct {
	// Name is the argument in the protocol: x-message-ttl.
	Name string
	// Field is what the topology file calls it, with a point where it stands in a group:
	// messageTTL, deadLetter.exchange.
	Field string
	Type  ArgumentType
	Unit  Unit
	// Min and Max bound an Integer, inclusive; Max 0 means no bound.
	Min, Max int64
	// Values lists what a Text may be; nil means any text.
	Values []string
	// Support lists the queue types that take it.
	Support []Support
	// Checked is the version from which the broker knows the argument at declaration. From there on
	// it refuses it on a queue type that does not take it, and compares it on a second declaration.
	// Before, it takes any value and compares nothing. "" means every supported version.
	Checked string
	// Idle is the version from which the broker takes the argument, and the policy key of that
	// name, and does nothing with it. Instead says what it does, in a sentence. "": it has an
	// effect.
	Idle, Instead string
	// Help is one sentence for people.
	Help string
}

// IdleOn reports whether a broker of that version takes the argument and does nothing with it.
func (a Argument) IdleOn(version string) bool { return a.Idle != "" && VersionAtLeast(version, a.Idle) }

// The longest time that brokers take, in milliseconds (about 10 years), and the largest segment of
// a stream, in bytes.
const (
	maxMilliseconds = 315_360_000_000
	maxSegmentBytes = 3_000_000_000
)

func on(types ...string) []Support {
	s := make([]Support, len(types))
	for i, t := range types {
		s[i] = Support{Queue: t}
	}
	return s
}

func since(version string, types ...string) []Support {
	s := on(types...)
	for i := range s {
		s[i].Since = version
	}
	return s
}

// QueueArguments returns every known argument of a queue but x-queue-type, in the order in which
// files write them. TestArgumentTableOnBrokers tries every cell: it declares a queue, again with
// another value, and again without the argument. A known argument that differs, or is absent on one
// side, makes two declarations inequivalent for the broker, also when the value given is the
// default ("drop-head" against none).
func QueueArguments() []Argument { return slices.Clone(queueTables().queue) }

// LookupArgument returns a queue argument by its protocol name (x-message-ttl).
func LookupArgument(name string) (Argument, bool) {
	a, ok := queueTables().byName[name]
	return a, ok
}

// LookupArgumentField returns a queue argument by its name in the topology file (messageTTL,
// deadLetter.exchange).
func LookupArgumentField(field string) (Argument, bool) {
	a, ok := queueTables().byField[field]
	return a, ok
}

// TakenBy reports whether a queue of that type obeys the argument on that broker version. With an
// unknown version ("") it reports whether any version does.
func (a Argument) TakenBy(queueType, version string) bool {
	return slices.ContainsFunc(a.Support, func(s Support) bool {
		return s.Queue == queueType && (version == "" || (VersionAtLeast(version, s.Since) &&
			(s.Until == "" || !VersionAtLeast(version, s.Until))))
	})
}

// QueueTypes returns the queue types that obey the argument on that broker version ("": on any).
func (a Argument) QueueTypes(version string) []string {
	var types []string
	for _, t := range []string{Classic, Quorum, Stream} {
		if a.TakenBy(t, version) {
			types = append(types, t)
		}
	}
	return types
}

type tables struct {
	queue           []Argument
	byName, byField map[string]Argument
}

var queueTables = sync.OnceValue(func() tables {
	t := tables{queue: queueArguments(), byName: map[string]Argument{},
		byField: map[string]Argument{}}
	for _, a := range t.queue {
		t.byName[a.Name], t.byField[a.Field] = a, a
	}
	return t
})

func queueArguments() []Argument {
	return slices.Concat(retentionArguments(), deadLetterArguments(), deliveryArguments(), placementArguments())
}

// ValueProblem says what is wrong with a value, as the end of a sentence that begins with the name
// of the argument ("must be true or false"). "" means that nothing is. v is in normal form, see
// amqptable.
func (a Argument) ValueProblem(v any) string {
	switch a.Type {
	case Integer:
		i, ok := v.(int64)
		switch {
		case !ok:
			return fmt.Sprintf("must be an integer, not %s", amqptable.Canonical(v))
		case i < a.Min:
			return fmt.Sprintf("cannot be %d: the minimum is %d", i, a.Min)
		case a.Max > 0 && i > a.Max:
			return fmt.Sprintf("cannot be %d: the maximum is %d", i, a.Max)
		}
	case Boolean:
		if _, ok := v.(bool); !ok {
			return "must be true or false"
		}
	case Text:
		text, ok := v.(string)
		switch {
		case !ok:
			return "must be a string"
		case len(a.Values) > 0 && !slices.Contains(a.Values, text):
			return fmt.Sprintf("cannot be %q: it can be %s", text, strings.Join(a.Values, ", "))
		case a.Name == "x-max-age" && !maxAge.MatchString(text):
			return fmt.Sprintf("cannot be %q: write a number and one of Y, M, D, h, m, s, like 7D", text)
		}
	}
	return ""
}

// maxAge matches the age of a stream's segments as the broker takes it.
var maxAge = regexp.MustCompile(`^[0-9]+[YMDhms]$`)
