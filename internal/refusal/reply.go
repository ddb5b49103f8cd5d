package refusal

import (
	"html"
	"regexp"
	"strings"
)

// ReplyKind is what a broker's reply text is about.
type ReplyKind int

// What a reply is about; Other is what this package does not know.
const (
	Other ReplyKind = iota
	Inequivalent
	InvalidArgument
	InvalidProperty
	Reserved
	DefaultExchange
	UnknownExchangeType
	Locked
	ExclusiveUse
	Refused
	NotFound
	InUse
	NotEmpty
	Limit
	LoginRefused
	NoVHost
	VHostDown
	VHostRefused
	ConnectionLimit
	Validation
	NotUTF8
)

// Reply is a parsed reply text of AMQP or reason of the management API: both word the same refusal
// alike.
type Reply struct {
	Kind ReplyKind
	// Argument is the argument or property that is inequivalent or invalid.
	Argument string
	// Received and Current are the two values of an inequivalent argument. ReceivedNone and
	// CurrentNone report that it is absent.
	Received, Current         string
	ReceivedNone, CurrentNone bool
	// Subject and Name are what a not-found is about: queue "q".
	Subject, Name string
	// Detail is the rest, without codes.
	Detail string
}

// replyCode is what stands before a reason: "406 PRECONDITION_FAILED - ", "precondition_failed: ".
var replyCode = regexp.MustCompile(`^\s*(?:\d{3}\s+)?(?:[A-Z]+(?:_[A-Z]+)+\s+-\s+|[a-z]+_[a-z]+:\s+)`)

// bareCode is a reason without any words: "INTERNAL_ERROR".
var bareCode = regexp.MustCompile(`^\s*(?:\d{3}\s+)?[A-Z]+(?:_[A-Z]+)+\s*$`)

var (
	inequivalentValue = regexp.MustCompile(`(?s)received (none|the value '.*' of type '[a-z]+'|'.*') but current is (none|the value '.*' of type '[a-z]+'|'.*')\s*$`)
	typedValue        = regexp.MustCompile(`(?s)^the value '(.*)' of type '[a-z]+'$`)
	notFound          = regexp.MustCompile(`(?s)no (queue|exchange|binding) '(.*)' in vhost '`)
	ofQueueType       = regexp.MustCompile(`of queue type ([a-z_]+)`)
)

// Parse reads a broker's text, which may be escaped (fact refusals-as-html). It never fails: what
// it does not know is Other with the text as detail, its numeric or capital codes taken off.
func Parse(text string) Reply {
	text = strings.TrimSpace(Printable(html.UnescapeString(text)))
	if bareCode.MatchString(text) {
		return Reply{}
	}
	text = replyCode.ReplaceAllString(text, "")
	r := Reply{Detail: text}
	switch {
	case strings.HasPrefix(text, "inequivalent arg '"):
		r.inequivalent()
	case strings.HasPrefix(text, "invalid arg '"):
		r.Kind = InvalidArgument
		r.Argument, r.Detail = quotedThen(text, "invalid arg '")
	case strings.HasPrefix(text, "invalid property '"):
		r.Kind = InvalidProperty
		r.Argument, r.Detail = quotedThen(text, "invalid property '")
	default:
		r.Kind = classify(text)
		if m := notFound.FindStringSubmatch(text); m != nil && r.Kind == NotFound {
			r.Subject, r.Name = m[1], m[2]
		}
	}
	return r
}

// Names reports whether a name that Parse found in a text is that of an object. Parse drops control
// characters and decodes entities, which a name may hold itself.
func Names(found, name string) bool {
	return found == name || found == Printable(name) || found == Printable(html.UnescapeString(name))
}

func classify(text string) ReplyKind {
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("contains reserved prefix"):
		return Reserved
	case has("operation not permitted on the default exchange"):
		return DefaultExchange
	case has("unknown exchange type"), has("invalid exchange type"):
		return UnknownExchangeType
	case has("cannot obtain exclusive access to locked"):
		return Locked
	case has("in exclusive use"):
		return ExclusiveUse
	case has("access to vhost") && has("limit"), has("connection limit"):
		return ConnectionLimit
	case has("access to vhost") && has("refused"):
		return VHostRefused
	case strings.HasPrefix(text, "vhost ") && has("not found"), text == "vhost_not_found", has("no such vhost"):
		return NoVHost
	case has("vhost '") && has("is down"), text == "vhost_is_down":
		return VHostDown
	case has("Login was refused"), has("username or password not allowed"), has("can only connect via localhost"),
		has("user_can_only"):
		return LoginRefused
	case has("refused for user"), text == "Access refused.", has("Access refused"):
		return Refused
	case strings.HasPrefix(text, "no ") && has(" in vhost '"):
		return NotFound
	case strings.HasSuffix(text, "not empty"):
		return NotEmpty
	case strings.HasSuffix(text, "in use"):
		return InUse
	case has("limit") && has("is reached"):
		return Limit
	case has("Malformed UTF-8"):
		return NotUTF8
	case has("Validation failed"):
		return Validation
	}
	return Other
}

// inequivalent reads: inequivalent arg 'A' for queue 'Q' in vhost 'V': received X but current is Y.
// Names may hold quotes.
func (r *Reply) inequivalent() {
	r.Kind = Inequivalent
	r.Argument, r.Detail = quotedThen(r.Detail, "inequivalent arg '")
	m := inequivalentValue.FindStringSubmatch(r.Detail)
	if m == nil {
		return
	}
	r.Received, r.ReceivedNone = replyValue(m[1])
	r.Current, r.CurrentNone = replyValue(m[2])
}

func replyValue(s string) (string, bool) {
	if s == "none" {
		return "", true
	}
	if m := typedValue.FindStringSubmatch(s); m != nil {
		return m[1], false
	}
	return strings.TrimSuffix(strings.TrimPrefix(s, "'"), "'"), false
}

// quotedThen splits "PREFIX'name' for queue …: detail" into name and detail. The detail of "of
// queue type rabbit_quorum_queue" is that text.
func quotedThen(text, prefix string) (name, detail string) {
	rest := strings.TrimPrefix(text, prefix)
	name, rest, ok := strings.Cut(rest, "' for ")
	if !ok {
		return strings.TrimSuffix(rest, "'"), ""
	}
	if i := strings.LastIndex(rest, "' in vhost '"); i >= 0 {
		rest = rest[i+len("' in vhost '"):]
		if _, after, found := strings.Cut(rest, "': "); found {
			return name, after
		}
	}
	if m := ofQueueType.FindString(rest); m != "" {
		return name, m
	}
	return name, ""
}
