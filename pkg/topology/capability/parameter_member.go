package capability

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
)

// memberKind is the kind of value that a broker takes for a member of a parameter.
type memberKind struct {
	// is names it in messages: a number.
	is string
	ok func(v any) bool
	// members are those of a table.
	members map[string]memberKind
	// since is the first version known to have the member, and until the first known not to; "" for
	// neither.
	since, until string
}

var (
	aNumber = memberKind{is: "a number", ok: func(v any) bool {
		switch v.(type) {
		case int64, float64:
			return true
		}
		return false
	}}
	aText    = memberKind{is: "a text", ok: func(v any) bool { _, ok := v.(string); return ok }}
	aBoolean = memberKind{is: "true or false", ok: func(v any) bool { _, ok := v.(bool); return ok }}
	aTable   = memberKind{is: "a mapping", ok: isTable}
	aURI     = memberKind{is: "a URI or a list of them", ok: func(v any) bool {
		if list, ok := v.([]any); ok {
			return len(texts(v)) == len(list)
		}
		return aText.ok(v)
	}}
	deleteAfter = memberKind{is: "never, queue-length or a number of messages", ok: func(v any) bool {
		n, ok := v.(int64)
		return ok && n >= 0 || v == "never" || v == "queue-length"
	}}
)

// isTable takes an empty list, too: an encoder of JSON may not know it from an empty table.
func isTable(v any) bool {
	list, empty := v.([]any)
	_, ok := v.(map[string]any)
	return ok || empty && len(list) == 0
}

func oneOf(words ...string) memberKind {
	last := len(words) - 1
	return memberKind{is: strings.Join(words[:last], ", ") + " or " + words[last], ok: func(v any) bool {
		text, ok := v.(string)
		return ok && slices.Contains(words, text)
	}}
}

// between returns the kind for a member that only some brokers have.
func (k memberKind) between(since, until string) memberKind {
	k.since, k.until = since, until
	return k
}

func eachIs(kind memberKind, names string) map[string]memberKind {
	members := map[string]memberKind{}
	for name := range strings.FieldsSeq(names) {
		members[name] = kind
	}
	return members
}

func allOf(tables ...map[string]memberKind) map[string]memberKind {
	all := map[string]memberKind{}
	for _, t := range tables {
		maps.Copy(all, t)
	}
	return all
}

// published are what a shovel can set in the messages that it publishes. Headers are none of it.
var published = memberKind{is: "a mapping", ok: isTable, members: allOf(
	eachIs(aNumber, "delivery_mode priority timestamp"),
	eachIs(aText, "content_type content_encoding correlation_id reply_to expiration message_id type user_id app_id "+
		"cluster_id"),
)}

// parameterMembers are the members of parameters by component, as TestChecksAgreeWithBrokers holds them against
// brokers.
var parameterMembers = map[string]map[string]memberKind{
	"federation-upstream": allOf(
		eachIs(aNumber, "expires message-ttl max-hops prefetch-count reconnect-delay"),
		eachIs(aText, "exchange queue consumer-tag upstream"),
		eachIs(aBoolean, "trust-user-id bind-nowait"),
		map[string]memberKind{"uri": aURI, "ack-mode": oneOf("on-confirm", "on-publish", "no-ack"),
			"resource-cleanup-mode": oneOf("default", "never"), "channel-use-mode": oneOf("multiple", "single"),
			"queue-type": oneOf("classic", "quorum").between("3.11", ""), "ha-policy": aText.between("", "4.0")},
	),
	"shovel": allOf(
		eachIs(aNumber, "prefetch-count src-prefetch-count reconnect-delay"),
		eachIs(aText, "src-protocol dest-protocol src-queue dest-queue src-exchange dest-exchange src-exchange-key "+
			"dest-exchange-key src-address dest-address"),
		eachIs(aBoolean, "add-forward-headers dest-add-forward-headers add-timestamp-header dest-add-timestamp-header"),
		eachIs(aBoolean.between("3.11", ""), "src-predeclared dest-predeclared"),
		eachIs(aTable, "src-queue-args dest-queue-args src-consumer-args dest-properties dest-application-properties "+
			"dest-message-annotations"),
		eachIs(deleteAfter, "delete-after src-delete-after"),
		eachIs(published, "publish-properties dest-publish-properties"),
		map[string]memberKind{"src-uri": aURI, "dest-uri": aURI,
			"ack-mode": oneOf("on-confirm", "on-publish", "no-ack")},
	),
}

// members checks the members of a parameter, or of a table in one, which stands within another. A
// name that is not known is an error only where it is near to one that is: later brokers have more.
func (f *findings) members(known map[string]memberKind, members map[string]any, within string) {
	for _, name := range slices.Sorted(maps.Keys(members)) {
		kind, ok := known[name]
		part, _, _ := strings.Cut(within+name, ".")
		value := members[name]
		switch {
		case !ok:
			if best := suggest.Nearest(name, slices.Sorted(maps.Keys(known))); best != "" {
				f.error("parameter-refused", part, fmt.Sprintf("%s%s is not known", within, name), parameterRefused,
					"did you mean "+best+"?")
			}
		case kind.since != "" && f.before(kind.since), kind.until != "" && f.from(kind.until):
			f.error("parameter-refused", part, fmt.Sprintf("%s%s is not known to %s", within, name, f.name()), parameterRefused,
				"remove "+name)
		case !kind.ok(value):
			f.error("parameter-refused", part, fmt.Sprintf("%s%s is not %s", within, name, kind.is), parameterRefused,
				fmt.Sprintf("write %s for %s", kind.is, name))
		case kind.members != nil:
			table, _ := value.(map[string]any)
			f.members(kind.members, table, within+name+".")
		}
	}
}
