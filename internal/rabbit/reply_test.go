package rabbit

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// The texts are what 3.10.8, 4.0.5 and 4.3.6 answered.
func TestParseReply(t *testing.T) {
	for text, want := range map[string]reply{
		"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'Q' in vhost 'V': received '2000' but current " +
			"is '1000'": {
			kind: replyInequivalent, argument: "x-message-ttl", received: "2000", current: "1000"},
		"406 PRECONDITION_FAILED - inequivalent arg 'd' for queue 'it's' in vhost 'a': received none but current is the " +
			"value 'it's' of type 'longstr'": {
			kind: replyInequivalent, argument: "d", receivedNone: true, current: "it's"},
		"inequivalent arg &#39;x&#39; for queue &#39;Q&#39; in vhost &#39;V&#39;: received the value &#39;1&#39; of type " +
			"&#39;long&#39; but current is none": {
			kind: replyInequivalent, argument: "x", received: "1", currentNone: true},
		"invalid arg 'x-max-priority' for queue 'Q' in vhost 'V' of queue type rabbit_quorum_queue": {
			kind: replyInvalidArgument, argument: "x-max-priority", detail: "of queue type rabbit_quorum_queue"},
		"invalid arg 'x-overflow' for queue 'Q' in vhost 'V': invalid_overflow": {
			kind: replyInvalidArgument, argument: "x-overflow", detail: "invalid_overflow"},
		"PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost 'v'":                    {kind: replyInvalidProperty, argument: "non-durable"},
		"ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'":                             {kind: replyReserved},
		"COMMAND_INVALID - unknown exchange type 'bogus'":                                                    {kind: replyUnknownExchangeType},
		"invalid exchange type 'bogus'":                                                                      {kind: replyUnknownExchangeType},
		"NOT_FOUND - no queue 'a' in vhost 'b'":                                                              {kind: replyNotFound, subject: "queue", name: "a"},
		"NOT_ALLOWED - vhost nope not found":                                                                 {kind: replyNoVHost},
		"NOT_ALLOWED - access to vhost 'v' refused for user 'u'":                                             {kind: replyVHostRefused},
		"NOT_ALLOWED - access to vhost 'v' refused for user 'u': connection limit (0) is reached":            {kind: replyConnectionLimit},
		"ACCESS_REFUSED - configure access to queue 'q' in vhost 'v' refused for user 'u'":                   {kind: replyRefused},
		"PRECONDITION_FAILED - queue 'q' in vhost 'v' not empty":                                             {kind: replyNotEmpty},
		"exchange 'ex' in vhost 'v' in use":                                                                  {kind: replyInUse},
		"ACCESS_REFUSED - queue 'q' in vhost 'v' in exclusive use":                                           {kind: replyExclusiveUse},
		"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost 'v'. It could be ...": {kind: replyLocked},
		"INTERNAL_ERROR": {},
		"":               {},
	} {
		got := parseReply(text)
		if got.kind != want.kind || got.argument != want.argument || got.received != want.received ||
			got.current != want.current ||
			got.receivedNone != want.receivedNone || got.currentNone != want.currentNone || got.subject != want.subject ||
			got.name != want.name {
			t.Errorf("%q:\nhave %+v\nwant %+v", text, got, want)
		}
		if want.detail != "" && got.detail != want.detail {
			t.Errorf("%q: detail %q, want %q", text, got.detail, want.detail)
		}
	}
}

func TestHumanise(t *testing.T) {
	for want, have := range map[string]string{
		"24h":        humanise("86400000", false, capability.Milliseconds),
		"1m":         humanise("60000", false, capability.Milliseconds),
		"1h30m":      humanise("5400000", false, capability.Milliseconds),
		"250ms":      humanise("250", false, capability.Milliseconds),
		"1536MiB":    humanise("1610612736", false, capability.Bytes),
		"1kB":        humanise("1000", false, capability.Bytes),
		"unset":      humanise("", true, capability.NoUnit),
		"drop-head":  humanise("drop-head", false, capability.NoUnit),
		`"a \x1b b"`: humanise("a \x1b b", false, capability.NoUnit),
	} {
		if have != want {
			t.Errorf("have %s, want %s", have, want)
		}
	}
}

// Whatever a broker says, the parser survives, and what is made of it is neither empty nor longer
// than it can be.
func FuzzParseReply(f *testing.F) {
	for _, seed := range []string{
		"PRECONDITION_FAILED - inequivalent arg 'x' for queue 'Q' in vhost 'V': received '2000' but current is the value " +
			"'1' of type 'long'",
		"inequivalent arg 'a' for ", "invalid arg '", "invalid property 'x' for queue", "&lt;&lt;", "406", "Validation failed\n\n[{<<\"a\">>,1}]", "no queue ''' in vhost '",
	} {
		f.Add(seed)
	}
	queue := &topology.Queue{VHost: "v", Name: "q", Type: topology.Quorum, Arguments: topology.Arguments{"x": "y"}}
	f.Fuzz(func(t *testing.T, text string) {
		r := parseReply(text)
		if len(r.argument) > len(text) || len(r.received)+len(r.current) > len(text)+12 {
			t.Errorf("%q became %+v", text, r)
		}
		for _, e := range []explainer{{object: queue, user: "u"}, {user: "u"}} {
			err := e.http(&apiError{status: 400, reason: text, json: true})
			if strings.TrimSpace(err.Error()) == "" || (utf8.ValidString(text) && !utf8.ValidString(err.Error())) {
				t.Errorf("%q is explained as %q", text, err)
			}
		}
		with(queue, r)
	})
}
