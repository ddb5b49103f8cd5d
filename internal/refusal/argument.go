package refusal

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// field returns the topology file's name of a protocol argument, and its unit.
func field(argument string) (string, capability.Unit) {
	if a, ok := capability.LookupArgument(argument); ok {
		return a.Field, a.Unit
	}
	switch argument {
	case "x-queue-type", "type":
		return "type", capability.NoUnit
	case "alternate-exchange":
		return "alternateExchange", capability.NoUnit
	case "durable", "internal":
		return argument, capability.NoUnit
	case "auto_delete", "auto-delete":
		return "autoDelete", capability.NoUnit
	case "non-durable":
		return "durable", capability.NoUnit
	case "exclusive-owner", "exclusive":
		return "exclusive", capability.NoUnit
	}
	return "arguments." + argument, capability.NoUnit
}

// inequivalent explains that an object exists with another value of an argument.
func (o Operation) inequivalent(r Reply) string {
	name, unit := field(r.Argument)
	what := "object"
	if o.Object != nil {
		what = string(o.Object.Ref().Kind)
	}
	how := "RabbitMQ fixes it when it creates the " + what +
		": keep the existing value, use another name, or let apply delete and create it"
	if policyKey(r.Argument) {
		how += "; a policy can change it without that"
	}
	if r.Received == "" && r.Current == "" && !r.ReceivedNone && !r.CurrentNone {
		return fmt.Sprintf("it exists with another %s. %s", name, how)
	}
	return fmt.Sprintf("it exists with %s %s, not %s. %s", name, humanise(r.Current, r.CurrentNone, unit),
		humanise(r.Received, r.ReceivedNone, unit), how)
}

// Remedy returns a setting that may avoid the refusal, or "".
func (r Reply) Remedy() Remedy {
	if r.Kind == Inequivalent {
		return ReplaceEmpty
	}
	return ""
}

// policyKey reports whether a policy may set what the argument sets.
func policyKey(argument string) bool {
	switch argument {
	case "x-message-ttl", "x-expires", "x-max-length", "x-max-length-bytes", "x-overflow", "x-dead-letter-exchange",
		"x-dead-letter-routing-key", "x-dead-letter-strategy", "x-delivery-limit", "x-max-age", "alternate-exchange":
		return true
	}
	return false
}

// humanise shows an argument's value with its unit: 86400000 as 24h.
func humanise(value string, none bool, unit capability.Unit) string {
	if none {
		return "unset"
	}
	n, err := strconv.ParseInt(value, 10, 64)
	switch {
	case err != nil && isWord(value):
		return value
	case err != nil:
		return strconv.Quote(value)
	case unit == capability.Milliseconds && n >= 0:
		return units.FormatMilliseconds(n)
	case unit == capability.Bytes:
		return units.FormatSize(n)
	}
	return value
}

var word = regexp.MustCompile(`^[a-zA-Z0-9_.-]+$`)

func isWord(s string) bool { return word.MatchString(s) }

var (
	negative  = regexp.MustCompile(`\{value_negative,(-?\d+)\}`)
	zero      = regexp.MustCompile(`\{value_zero,0\}`)
	tooLarge  = regexp.MustCompile(`\{max_value_exceeded,(\d+)\}`)
	wrongType = regexp.MustCompile(`"?(?:expected|Expected) ([a-z]+), got ([a-z]+)"?`)
	erlBinary = regexp.MustCompile(`<<"([^"]*)">>`)
	erlPair   = regexp.MustCompile(`\{"([^"]*)",([^{}]*)\}`)
)

// invalidArgument explains a value that the broker does not take, or a queue type that does not
// take the argument.
func (o Operation) invalidArgument(r Reply) string {
	name, unit := field(r.Argument)
	value := o.value(r.Argument, unit)
	if m := ofQueueType.FindStringSubmatch(r.Detail); m != nil {
		text := fmt.Sprintf("%s is not supported by %s queues", name, queueTypeOf(m[1]))
		if a, ok := capability.LookupArgument(r.Argument); ok {
			text += fmt.Sprintf(" (only by %s): remove it, or change the queue's type", strings.Join(a.QueueTypes(""), ", "))
		}
		return text
	}
	return fmt.Sprintf("%s%s is not valid%s", name, value, invalidity(r))
}

func invalidity(r Reply) string {
	switch d := r.Detail; {
	case negative.MatchString(d):
		return ": it must not be negative"
	case zero.MatchString(d):
		return ": it must be more than 0"
	case tooLarge.MatchString(d):
		return ": it is too large"
	case wrongType.MatchString(d):
		m := wrongType.FindStringSubmatch(d)
		return fmt.Sprintf(": it must be a number without a point (%s), and is %s", m[1], amqpType(m[2]))
	case r.Argument == "x-queue-type":
		return ": queue types are classic, quorum and stream"
	}
	if a, ok := capability.LookupArgument(r.Argument); ok && len(a.Values) > 0 {
		return ": use one of " + strings.Join(a.Values, ", ")
	}
	if r.Argument == "x-max-age" {
		return ": write a number and one of Y, M, D, h, m, s (7D)"
	}
	if r.Detail != "" {
		return ": " + erlangTerms(r.Detail)
	}
	return ""
}

func amqpType(s string) string {
	switch s {
	case "longstr":
		return "text"
	case "double", "float":
		return "a number with a point"
	case "bool":
		return "true or false"
	}
	return s
}

func queueTypeOf(module string) string {
	return strings.TrimSuffix(strings.TrimPrefix(module, "rabbit_"), "_queue")
}

// value shows what the object declares for the argument, with a space before it, or nothing.
func (o Operation) value(argument string, unit capability.Unit) string {
	var table topology.Arguments
	switch o := o.Object.(type) {
	case *topology.Queue:
		if argument == "x-queue-type" {
			return " " + strconv.Quote(o.Type)
		}
		table = o.Arguments
	case *topology.Exchange:
		table = o.Arguments
	case *topology.Binding:
		table = o.Arguments
	}
	v, ok := table[argument]
	if !ok {
		return ""
	}
	if text, isText := v.(string); isText {
		return " " + strconv.Quote(text)
	}
	return " " + humanise(amqptable.Canonical(v), false, unit)
}

func (o Operation) invalidProperty(r Reply) string {
	kind := "quorum queues and streams"
	if q, ok := o.Object.(*topology.Queue); ok {
		kind = q.Type + " queues"
		if q.Type == topology.Stream {
			kind = "streams"
		}
	}
	switch r.Argument {
	case "non-durable":
		return fmt.Sprintf("%s are always durable: remove durable: false, or use a classic queue", kind)
	case "auto-delete":
		return fmt.Sprintf("%s cannot be deleted automatically: remove autoDelete, or use expires or a classic queue", kind)
	case "exclusive-owner":
		return fmt.Sprintf("%s cannot be exclusive", kind)
	}
	name, _ := field(r.Argument)
	return fmt.Sprintf("%s is not possible for %s", name, kind)
}

// erlangTerms makes the Erlang of some reasons readable: <<"max-length">> becomes "max-length".
func erlangTerms(s string) string {
	s = erlBinary.ReplaceAllString(s, `"$1"`)
	s = erlPair.ReplaceAllString(s, `$1: $2`)
	s = strings.NewReplacer("invalid_overflow", "the value is not known", "[", "", "]", "").Replace(s)
	return strings.TrimSpace(s)
}
