package capability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Broker is what is known of a broker and decides what it accepts. Its checks return what the
// broker would refuse, or accept and ignore, without Position and Object, which the caller knows.
// The zero Broker is any broker.
type Broker struct {
	// Version is the broker's version, "" unknown.
	Version string
	// ExchangeTypes are the enabled exchange types, nil unknown.
	ExchangeTypes []string
	// DeniedFeatures are the deprecated features that the node refuses, nil unknown.
	DeniedFeatures []string
	// UsesPolicyKey reports whether a policy on the broker has that key. nil: none is known to.
	UsesPolicyKey func(key string) bool
}

// findings collects what one check finds.
type findings struct {
	Broker
	list diag.Diagnostics
}

// error adds an error. rule is the id of the lint rule that explains it ("" none), and part the
// argument, key or field that it is about ("" the whole object).
func (f *findings) error(rule, part, message, why, fix string) {
	f.list = append(f.list, diag.Diagnostic{
		Severity: diag.Error, Rule: rule, Part: part, Message: message, Why: why, Fix: fix,
	})
}

func (f *findings) warn(rule, part, message, why, fix string) {
	f.error(rule, part, message, why, fix)
	f.list[len(f.list)-1].Severity = diag.Warning
}

// name returns the broker as messages call it: RabbitMQ 4.0.5.
func (b Broker) name() string {
	if b.Version == "" {
		return "this RabbitMQ"
	}
	return "RabbitMQ " + b.Version
}

// before reports whether the broker is known to be older than that version.
func (b Broker) before(version string) bool { return !VersionAtLeast(b.Version, version) }

// from reports whether the broker is known to be of that version or newer.
func (b Broker) from(version string) bool {
	return b.Version != "" && VersionAtLeast(b.Version, version)
}

// maxShortString is the length of the longest name in AMQP 0-9-1, in bytes
// (fact short-strings-over-http).
const maxShortString = 255

// CheckRoutingKey checks the routing key of a binding.
func (b Broker) CheckRoutingKey(key string) diag.Diagnostics {
	f := findings{Broker: b}
	f.length("routing key", key)
	return f.list
}

func (f *findings) length(what, text string) {
	if len(text) > maxShortString {
		f.error("", "", fmt.Sprintf("the %s has %d bytes", what, len(text)),
			"AMQP 0-9-1 allows 255: no client could use it",
			"shorten it by "+units.FormatCount(int64(len(text)-maxShortString), "byte"))
	}
}

// objectName checks the name of a queue or an exchange (fact line-breaks-in-names).
func (f *findings) objectName(name string) {
	f.length("name", name)
	if clean := strings.NewReplacer("\r", "", "\n", "").Replace(name); clean != name {
		f.error("reserved-name", "name", "the name has a line break",
			"the broker takes line breaks out: it would declare another name, and this one would never exist",
			fmt.Sprintf("name it %q", clean))
	}
}

// CheckExchange checks an exchange to be declared.
func (b Broker) CheckExchange(name, kind string) diag.Diagnostics {
	f := findings{Broker: b}
	f.objectName(name)
	if b.ExchangeTypes == nil && b.Version != "" && kind == delayedMessage && !b.before("4.3") {
		f.warn("", "", fmt.Sprintf("%s has no plugin for the exchange type %q", b.name(), kind),
			"the broker refuses to declare the exchange", insteadOfDelayed)
	}
	if b.ExchangeTypes == nil || slices.Contains(b.ExchangeTypes, kind) {
		return f.list
	}
	const why = "the broker refuses to declare the exchange"
	if kind == delayedMessage && !b.before("4.3") {
		f.error("", "", fmt.Sprintf("exchange type %q is not enabled on this broker", kind), why, insteadOfDelayed)
		return f.list
	}
	if plugin := exchangePlugins()[kind]; plugin != "" {
		f.error("", "", fmt.Sprintf("exchange type %q is not enabled on this broker", kind), why,
			"enable the plugin that brings it: rabbitmq-plugins enable "+plugin)
		return f.list
	}
	fix := "use one of " + joinNames(b.ExchangeTypes)
	if near := suggest.Nearest(kind, b.ExchangeTypes); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	f.error("", "", fmt.Sprintf("this broker knows no exchange type %q", kind), why, fix)
	return f.list
}

// DefaultQueueTypeSince is the first version seen to give queues the default type of their vhost
// (fact default-queue-type).
const DefaultQueueTypeSince = "3.10.8"

// CheckDefaultQueueType checks the default queue type that a vhost declares, "" for none
// (fact default-queue-type).
func (b Broker) CheckDefaultQueueType(queueType string) diag.Diagnostics {
	f := findings{Broker: b}
	if queueType != "" && queueType != Classic && b.before(DefaultQueueTypeSince) {
		f.error("argument-ignored", "default_queue_type", b.name()+" ignores defaultQueueType",
			"queues without a type would be classic, not "+queueType,
			fmt.Sprintf("name the type in each queue (type: %s), or use RabbitMQ %s or newer", queueType, DefaultQueueTypeSince))
	}
	return f.list
}

// protectionSince is the first version that can protect a vhost from deletion
// (fact vhost-protection).
const protectionSince = "4.1.0"

// CheckVHostProtection checks a vhost that is to be protected from deletion
// (fact vhost-protection).
func (b Broker) CheckVHostProtection(protected bool) diag.Diagnostics {
	f := findings{Broker: b}
	if protected && b.before(protectionSince) {
		f.error("argument-ignored", "protected_from_deletion", b.name()+" cannot protect a vhost from deletion",
			"whoever may delete vhosts could delete it, although the file says otherwise",
			"leave protectedFromDeletion out, or use RabbitMQ "+protectionSince+" or newer")
	}
	return f.list
}

func joinNames(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}
