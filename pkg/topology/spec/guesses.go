package spec

import (
	"slices"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// This file has what was probably meant where a value of another kind stands in an object's place:
// see decode.Guesser.

// Instead takes a word for the type: orders: topic, and topic: orders.
func (*Exchange) Instead(key string, n *source.Node) (name, value string) {
	types := []string{"direct", "fanout", "topic", "headers"}
	word := strings.ToLower(n.Text)
	switch {
	case n.Kind != source.String:
		return key, ""
	case slices.Contains(types, word) || strings.HasPrefix(word, "x-"):
		return key, "{ type: " + word + " }"
	case slices.Contains(types, key):
		return n.Text, "{ type: " + key + " }"
	}
	return key, ""
}

// Instead takes a word for the type: orders: quorum.
func (*Queue) Instead(key string, n *source.Node) (name, value string) {
	if word := strings.ToLower(n.Text); n.Kind == source.String && slices.Contains(capability.QueueTypes(), word) {
		return key, "{ type: " + word + " }"
	}
	return key, "" // a list of fields, perhaps
}

// Instead takes a word for the exchange, and a key with a value for the exchange and the routing
// key: bindings: orders.exchange, and bindings: { orders.exchange: order.# }.
func (*Binding) Instead(key string, n *source.Node) (name, value string) {
	exchange := decode.Flow(&source.Node{Kind: source.String, Text: key})
	switch {
	case n.Kind == source.String && key == "":
		return key, "{ exchange: " + decode.Flow(n) + " }"
	case n.Kind == source.String:
		return "", "{ exchange: " + exchange + ", key: " + decode.Flow(n) + " }"
	case n.Kind == source.Sequence && key != "" && len(n.Items) > 0:
		return "", "{ exchange: " + exchange + ", keys: " + decode.Flow(n) + " }"
	case key != "" && (n.Kind == source.Null || n.Kind == source.Mapping && len(n.Entries) == 0):
		return "", "{ exchange: " + exchange + " }"
	case n.Kind == source.Mapping && key != "":
		return "", bindingOf(key, n)
	}
	return key, ""
}

// bindingOf adds the exchange to the fields of a binding that its key names: orders: { key: a }.
// Where the binding names its exchange itself, the key is only a label.
func bindingOf(exchange string, n *source.Node) string {
	fields := slices.DeleteFunc(slices.Clone(n.Entries), func(e source.Entry) bool { return e.Key == "exchange" })
	if len(fields) < len(n.Entries) {
		return decode.Flow(n)
	}
	name := source.Entry{Key: "exchange", Value: &source.Node{Kind: source.String, Text: exchange}}
	return decode.Flow(&source.Node{Kind: source.Mapping, Entries: slices.Concat([]source.Entry{name}, fields)})
}

// Instead takes an arrow between the exchange and the queue, orders -> billing, and a key with a
// value: orders: billing.
func (*FreeBinding) Instead(key string, n *source.Node) (name, value string) {
	if n.Kind == source.String && key != "" && n.Text != "" {
		return key, "{ exchange: " + decode.Flow(&source.Node{Kind: source.String, Text: key}) + ", queue: " +
			decode.Flow(n) + " }"
	}
	for _, arrow := range []string{"->", "=>", "→"} {
		from, to, ok := strings.Cut(n.Text, arrow)
		if from, to = strings.TrimSpace(from), strings.TrimSpace(to); n.Kind == source.String && ok && from != "" &&
			to != "" {
			text := func(s string) string { return decode.Flow(&source.Node{Kind: source.String, Text: s}) }
			return key, "{ exchange: " + text(from) + ", queue: " + text(to) + " }"
		}
	}
	return key, ""
}

// Instead takes a pair for the exchange and the key.
func (*DeadLetter) Instead(key string, n *source.Node) (name, value string) {
	if n.Kind == source.Sequence && len(n.Items) == 2 && n.Items[0].Kind == source.String &&
		n.Items[1].Kind == source.String {
		return key, "{ exchange: " + decode.Flow(n.Items[0]) + ", key: " + decode.Flow(n.Items[1]) + " }"
	}
	return key, ""
}

// Instead takes a list for the steps, a time for one step, and a number for so many attempts.
func (*Retry) Instead(key string, n *source.Node) (name, value string) {
	switch {
	case n.Kind == source.Sequence && len(n.Items) > 0:
		return key, "{ backoff: " + decode.Flow(n) + " }"
	case n.Kind == source.String && n.Text != "":
		return key, "{ backoff: [" + decode.Flow(n) + "] }"
	}
	return key, "{ backoff: [5s, 30s, 5m] }, which lists the wait before each further attempt"
}

// Instead takes a word for the file of the schema, or for the exchange.
func (*Event) Instead(key string, n *source.Node) (name, value string) {
	switch {
	case n.Kind == source.String && strings.HasSuffix(n.Text, ".json"):
		return key, "{ exchange: EXCHANGE, schema: " + decode.Flow(n) + " }"
	case n.Kind == source.String && n.Text != "":
		return key, "{ exchange: " + decode.Flow(n) + " }"
	}
	return key, ""
}

// Instead takes a word for the event.
func (*Publish) Instead(key string, n *source.Node) (name, value string) {
	if n.Kind == source.String && n.Text != "" {
		return key, "{ event: " + decode.Flow(n) + " }"
	}
	return key, ""
}

// Instead takes a word for the type of the aggregate.
func (*Aggregate) Instead(key string, n *source.Node) (name, value string) {
	if n.Kind == source.String && n.Text != "" {
		return key, "{ type: " + decode.Flow(n) + ", id: /orderId }"
	}
	return key, ""
}

// Instead takes words for tags.
func (*User) Instead(key string, n *source.Node) (name, value string) {
	tags := []string{"administrator", "monitoring", "policymaker", "management", "impersonator"}
	if n.Kind == source.String && slices.Contains(tags, n.Text) {
		return key, "{ tags: " + n.Text + " }"
	}
	foreign := func(item *source.Node) bool { return !slices.Contains(tags, item.Text) }
	if n.Kind == source.Sequence && len(n.Items) > 0 && !slices.ContainsFunc(n.Items, foreign) {
		return key, "{ tags: " + decode.Flow(n) + " }"
	}
	return key, ""
}

// Instead takes one expression for all three permissions.
func (*Permission) Instead(key string, n *source.Node) (name, value string) {
	switch {
	case n.Kind == source.String && strings.ContainsAny(n.Text, "*^$["):
		word := decode.Flow(n)
		return key, "{ configure: " + word + ", write: " + word + ", read: " + word + " }"
	case n.Kind == source.Sequence && len(n.Items) == 3 && n.Items[0].Kind == source.String:
		return key, "{ configure: " + decode.Flow(n.Items[0]) + ", write: " + decode.Flow(n.Items[1]) + ", read: " +
			decode.Flow(n.Items[2]) + " }"
	}
	return key, ""
}

// Instead takes words for the names of queues.
func (*External) Instead(key string, n *source.Node) (name, value string) {
	if n.Kind == source.String || n.Kind == source.Sequence {
		list := decode.Flow(n)
		if n.Kind == source.String {
			list = "[" + list + "]"
		}
		return key, "{ exchanges: " + list + " }, or { queues: " + list + " }"
	}
	return key, ""
}
