package refusal

import (
	"testing"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// The texts are what 3.10.8, 4.0.5 and 4.3.6 answered.
func TestParseReply(t *testing.T) {
	for text, want := range map[string]Reply{
		"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue 'Q' in vhost 'V': received '2000' but current " +
			"is '1000'": {
			Kind: Inequivalent, Argument: "x-message-ttl", Received: "2000", Current: "1000"},
		"406 PRECONDITION_FAILED - inequivalent arg 'd' for queue 'it's' in vhost 'a': received none but current is the " +
			"value 'it's' of type 'longstr'": {
			Kind: Inequivalent, Argument: "d", ReceivedNone: true, Current: "it's"},
		"inequivalent arg &#39;x&#39; for queue &#39;Q&#39; in vhost &#39;V&#39;: received the value &#39;1&#39; of type " +
			"&#39;long&#39; but current is none": {
			Kind: Inequivalent, Argument: "x", Received: "1", CurrentNone: true},
		"invalid arg 'x-max-priority' for queue 'Q' in vhost 'V' of queue type rabbit_quorum_queue": {
			Kind: InvalidArgument, Argument: "x-max-priority", Detail: "of queue type rabbit_quorum_queue"},
		"invalid arg 'x-overflow' for queue 'Q' in vhost 'V': invalid_overflow": {
			Kind: InvalidArgument, Argument: "x-overflow", Detail: "invalid_overflow"},
		"PRECONDITION_FAILED - invalid property 'non-durable' for queue 'q' in vhost 'v'": {Kind: InvalidProperty,
			Argument: "non-durable"},
		"ACCESS_REFUSED - queue name 'amq.foo' contains reserved prefix 'amq.*'": {Kind: Reserved},
		"COMMAND_INVALID - unknown exchange type 'bogus'":                        {Kind: UnknownExchangeType},
		"invalid exchange type 'bogus'":                                          {Kind: UnknownExchangeType},
		"NOT_FOUND - no queue 'a' in vhost 'b'": {Kind: NotFound,
			Subject: "queue", Name: "a"},
		"NOT_ALLOWED - vhost nope not found":                     {Kind: NoVHost},
		"NOT_ALLOWED - access to vhost 'v' refused for user 'u'": {Kind: VHostRefused},
		"NOT_ALLOWED - access to vhost 'v' refused for user 'u': connection limit (0) is reached": {
			Kind: ConnectionLimit},
		"ACCESS_REFUSED - configure access to queue 'q' in vhost 'v' refused for user 'u'": {Kind: Refused},
		"PRECONDITION_FAILED - queue 'q' in vhost 'v' not empty":                           {Kind: NotEmpty},
		"exchange 'ex' in vhost 'v' in use":                                                {Kind: InUse},
		"ACCESS_REFUSED - queue 'q' in vhost 'v' in exclusive use":                         {Kind: ExclusiveUse},
		"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'q' in vhost 'v'. It could be ...": {
			Kind: Locked},
		"INTERNAL_ERROR": {},
		"":               {},
	} {
		got := Parse(text)
		if got.Kind != want.Kind || got.Argument != want.Argument || got.Received != want.Received ||
			got.Current != want.Current ||
			got.ReceivedNone != want.ReceivedNone || got.CurrentNone != want.CurrentNone || got.Subject != want.Subject ||
			got.Name != want.Name {
			t.Errorf("%q:\nhave %+v\nwant %+v", text, got, want)
		}
		if want.Detail != "" && got.Detail != want.Detail {
			t.Errorf("%q: detail %q, want %q", text, got.Detail, want.Detail)
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
		"inequivalent arg 'a' for ", "invalid arg '", "invalid property 'x' for queue", "&lt;&lt;", "406",
		"Validation failed\n\n[{<<\"a\">>,1}]", "no queue ''' in vhost '",
	} {
		f.Add(seed)
	}
	queue := &topology.Queue{VHost: "v", Name: "q", Type: topology.Quorum, Arguments: topology.Arguments{"x": "y"}}
	f.Fuzz(func(t *testing.T, text string) {
		r := Parse(text)
		if len(r.Argument) > len(text) || len(r.Received)+len(r.Current) > len(text)+12 {
			t.Errorf("%q became %+v", text, r)
		}
		for _, o := range []Operation{{Op: "x", Object: queue, User: "u"}, {Op: "x", User: "u"}} {
			told, _ := o.Reason(r)
			if told == "" && r.Kind != Other || utf8.ValidString(text) && !utf8.ValidString(told) {
				t.Errorf("%q is explained as %q", text, told)
			}
		}
	})
}
