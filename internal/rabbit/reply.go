package rabbit

import (
	"html"
	"regexp"
	"strings"
	"sync"
)

// replyKind is what a broker's reply text is about.
type replyKind int

const (
	replyOther replyKind = iota
	replyInequivalent
	replyInvalidArgument
	replyInvalidProperty
	replyReserved
	replyDefaultExchange
	replyUnknownExchangeType
	replyLocked
	replyExclusiveUse
	replyRefused
	replyNotFound
	replyInUse
	replyNotEmpty
	replyLimit
	replyLoginRefused
	replyNoVHost
	replyVHostDown
	replyVHostRefused
	replyConnectionLimit
	replyValidation
	replyNotUTF8
)

// reply is a parsed reply text of AMQP or reason of the management API: both word the same refusal
// alike.
type reply struct {
	kind replyKind
	// argument is the argument or property that is inequivalent or invalid.
	argument string
	// received and current are the two values of an inequivalent argument; "none" is absent.
	received, current string
	receivedNone      bool
	currentNone       bool
	// subject and name are what a not-found is about: queue "q".
	subject, name string
	// detail is the rest, without codes.
	detail string
}

// lazily compiles an expression when it is first used, so that programs do not pay for it when they
// start.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// replyCode is what stands before a reason: "406 PRECONDITION_FAILED - ", "precondition_failed: ".
var replyCode = lazily(`^\s*(?:\d{3}\s+)?(?:[A-Z]+(?:_[A-Z]+)+\s+-\s+|[a-z]+_[a-z]+:\s+)`)

// bareCode is a reason without any words: "INTERNAL_ERROR".
var bareCode = lazily(`^\s*(?:\d{3}\s+)?[A-Z]+(?:_[A-Z]+)+\s*$`)

var (
	inequivalentValue = lazily(`(?s)received (none|the value '.*' of type '[a-z]+'|'.*') but current is (none|the value '.*' of type '[a-z]+'|'.*')\s*$`)
	typedValue        = lazily(`(?s)^the value '(.*)' of type '[a-z]+'$`)
	notFound          = lazily(`(?s)no (queue|exchange|binding) '(.*)' in vhost '`)
	ofQueueType       = lazily(`of queue type ([a-z_]+)`)
)

// parseReply reads a broker's text. 3.10 and 4.0 escape some for HTML. It never fails: what it does
// not know is replyOther with the text as detail, its numeric or capital codes taken off.
func parseReply(text string) reply {
	text = strings.TrimSpace(printable(html.UnescapeString(text)))
	if bareCode().MatchString(text) {
		return reply{}
	}
	text = replyCode().ReplaceAllString(text, "")
	r := reply{detail: text}
	switch {
	case strings.HasPrefix(text, "inequivalent arg '"):
		r.inequivalent()
	case strings.HasPrefix(text, "invalid arg '"):
		r.kind = replyInvalidArgument
		r.argument, r.detail = quotedThen(text, "invalid arg '")
	case strings.HasPrefix(text, "invalid property '"):
		r.kind = replyInvalidProperty
		r.argument, r.detail = quotedThen(text, "invalid property '")
	default:
		r.kind = classify(text)
		if m := notFound().FindStringSubmatch(text); m != nil && r.kind == replyNotFound {
			r.subject, r.name = m[1], m[2]
		}
	}
	return r
}

func classify(text string) replyKind {
	has := func(part string) bool { return strings.Contains(text, part) }
	switch {
	case has("contains reserved prefix"):
		return replyReserved
	case has("operation not permitted on the default exchange"):
		return replyDefaultExchange
	case has("unknown exchange type"), has("invalid exchange type"):
		return replyUnknownExchangeType
	case has("cannot obtain exclusive access to locked"):
		return replyLocked
	case has("in exclusive use"):
		return replyExclusiveUse
	case has("access to vhost") && has("limit"), has("connection limit"):
		return replyConnectionLimit
	case has("access to vhost") && has("refused"):
		return replyVHostRefused
	case strings.HasPrefix(text, "vhost ") && has("not found"), text == "vhost_not_found", has("no such vhost"):
		return replyNoVHost
	case has("vhost '") && has("is down"), text == "vhost_is_down":
		return replyVHostDown
	case has("Login was refused"), has("username or password not allowed"), has("can only connect via localhost"), has("user_can_only"):
		return replyLoginRefused
	case has("refused for user"), text == "Access refused.", has("Access refused"):
		return replyRefused
	case strings.HasPrefix(text, "no ") && has(" in vhost '"):
		return replyNotFound
	case strings.HasSuffix(text, "not empty"):
		return replyNotEmpty
	case strings.HasSuffix(text, "in use"):
		return replyInUse
	case has("limit") && has("is reached"):
		return replyLimit
	case has("Malformed UTF-8"):
		return replyNotUTF8
	case has("Validation failed"):
		return replyValidation
	}
	return replyOther
}

// inequivalent reads: inequivalent arg 'A' for queue 'Q' in vhost 'V': received X but current is Y.
// Names may hold quotes.
func (r *reply) inequivalent() {
	r.kind = replyInequivalent
	r.argument, r.detail = quotedThen(r.detail, "inequivalent arg '")
	m := inequivalentValue().FindStringSubmatch(r.detail)
	if m == nil {
		return
	}
	r.received, r.receivedNone = replyValue(m[1])
	r.current, r.currentNone = replyValue(m[2])
}

func replyValue(s string) (string, bool) {
	if s == "none" {
		return "", true
	}
	if m := typedValue().FindStringSubmatch(s); m != nil {
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
	if m := ofQueueType().FindString(rest); m != "" {
		return name, m
	}
	return name, ""
}
