package capability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Queue is what the checks look at in a queue.
type Queue struct {
	Name, Type                     string
	Durable, AutoDelete, Exclusive bool
	Arguments                      amqptable.Table
}

// CheckQueue checks a queue. exists says that the broker has it exactly so already: then it has
// accepted what it would refuse, and only what it ignores is reported.
func (b Broker) CheckQueue(q Queue, exists bool) diag.Diagnostics {
	f := findings{Broker: b}
	for _, name := range q.Arguments.Keys() {
		f.argument(q, name, exists)
	}
	if exists {
		return f.list
	}
	if !slices.Contains(QueueTypes(), q.Type) {
		f.error("argument-refused", "type", fmt.Sprintf("there is no queue type %q", q.Type),
			"the broker refuses to declare the queue", "use classic, quorum or stream")
		return f.list
	}
	f.objectName(q.Name)
	if IsReserved(q.Name) {
		f.error("reserved-name", "name", "names that begin with amq. are reserved for the broker",
			"it refuses to declare the queue", "choose another name")
	}
	if q.Type == Classic {
		f.transient(q)
	} else {
		f.replicated(q)
	}
	f.deadLetterKey(q)
	return f.list
}

// replicated reports properties that quorum queues and streams refuse.
func (f *findings) replicated(q Queue) {
	var property, value string
	switch {
	case !q.Durable:
		property, value = "durable", ": false"
	case q.AutoDelete:
		property, value = "autoDelete", ": true"
	case q.Exclusive:
		property = "exclusive"
	default:
		return
	}
	f.error("argument-refused", property, fmt.Sprintf("%s%s cannot be combined with type: %s", property, value, q.Type),
		"the broker refuses to declare the queue", fmt.Sprintf("take %s out, or use type: classic", property))
}

// transient reports classic queues that are neither durable nor exclusive.
func (f *findings) transient(q Queue) {
	const fix = "use durable: true, with expires if the queue should delete itself"
	switch {
	case q.Durable || q.Exclusive:
	case slices.Contains(f.DeniedFeatures, "transient_nonexcl_queues"):
		f.error("queue-transient", "durable", "this broker denies durable: false for queues that are not exclusive",
			"the deprecated feature transient_nonexcl_queues is not permitted on it", fix)
	case f.from("4.0"):
		f.warn("queue-transient", "durable", "durable: false is deprecated for queues that are not exclusive",
			"a coming RabbitMQ will refuse it; the queue is gone after a restart", fix)
	}
}

func (f *findings) deadLetterKey(q Queue) {
	_, key := q.Arguments["x-dead-letter-routing-key"]
	_, exchange := q.Arguments["x-dead-letter-exchange"]
	if key && !exchange {
		f.error("argument-refused", "x-dead-letter-routing-key", "deadLetter.key without deadLetter.exchange",
			"the broker refuses a dead-letter routing key alone, also where a policy names the exchange",
			`add deadLetter.exchange ("" is the default exchange), or set dead-letter-routing-key in the policy`)
	}
}

// argument checks one argument of a queue. What the broker refuses is reported only for a queue to
// be declared, what it ignores always.
func (f *findings) argument(q Queue, name string, exists bool) {
	a, known := LookupArgument(name)
	switch {
	case !known:
		f.unknownArgument(name)
	case !a.TakenBy(q.Type, ""):
		f.wrongType(q, a, exists)
	case a.Name == "x-queue-master-locator" && f.DeniedFeatures != nil:
		f.masterLocator(exists)
	case !a.TakenBy(q.Type, f.Version):
		f.wrongVersion(q, a, exists)
	case !exists:
		f.argumentValue(a, q.Arguments[name])
	}
	f.limitVersions(a, q.Arguments[name], exists)
}

func (f *findings) unknownArgument(name string) {
	var names []string
	for _, a := range queueTables().queue {
		names = append(names, a.Name)
	}
	why := "the broker accepts it and ignores it"
	if near := suggest.Nearest(name, names); near != "" {
		a, _ := LookupArgument(near)
		f.warn("argument-unknown", name, fmt.Sprintf("RabbitMQ knows no argument %q", name), why,
			fmt.Sprintf("did you mean %s (%s)?", a.Field, near))
		return
	}
	f.warn("argument-unknown", name, fmt.Sprintf("RabbitMQ knows no argument %q", name),
		why+", unless a plugin reads it", "")
}

// argumentRule returns the lint rule of an argument that the broker refuses, or accepts and
// ignores.
func argumentRule(refused bool) string {
	if refused {
		return "argument-refused"
	}
	return "argument-ignored"
}

// wrongType reports an argument that no version takes on this queue type.
func (f *findings) wrongType(q Queue, a Argument, exists bool) {
	refused := f.Version == "" || VersionAtLeast(f.Version, a.Checked)
	if refused && exists {
		return
	}
	why := "the broker refuses to declare the queue"
	if !refused {
		why = f.name() + " accepts it and ignores it"
	}
	f.error(argumentRule(refused), a.Name, fmt.Sprintf("a %s queue does not take %s (%s)", q.Type, a.Field,
		a.Name), why,
		fmt.Sprintf("take it out, or use type: %s", strings.Join(a.QueueTypes(""), " or ")))
}

// wrongVersion reports an argument that this queue type takes on other versions of the broker.
func (f *findings) wrongVersion(q Queue, a Argument, exists bool) {
	refused := VersionAtLeast(f.Version, a.Checked)
	if refused && exists {
		return
	}
	why := "it refuses to declare the queue"
	if !refused {
		why = "it accepts the argument and silently ignores it"
	}
	span := ""
	for _, s := range a.Support {
		if s.Queue != q.Type {
			continue
		}
		switch {
		case s.Until == "":
			span = "since " + s.Since
		case s.Since == "":
			span = "before " + s.Until
		default:
			span = "from " + s.Since + " until " + s.Until
		}
	}
	fix := "take it out"
	if a.Name == "x-queue-master-locator" {
		fix = "use leaderLocator"
	}
	f.error(argumentRule(refused), a.Name, fmt.Sprintf("%s does not take %s (%s) on a %s queue: RabbitMQ does %s",
		f.name(), a.Field, a.Name, q.Type, span), why, fix)
}

// masterLocator reports the argument where the node is known to deny it. The node's configuration
// decides, not its version.
func (f *findings) masterLocator(exists bool) {
	if !exists && slices.Contains(f.DeniedFeatures, "queue_master_locator") {
		f.error("argument-refused", "x-queue-master-locator", "this broker denies masterLocator (x-queue-master-locator)",
			"the deprecated feature queue_master_locator is not permitted on it", "use leaderLocator")
	}
}

// argumentValue checks a value against the table: the broker would refuse it, in most cases.
func (f *findings) argumentValue(a Argument, v any) {
	if problem := a.ValueProblem(v); problem != "" {
		f.error("argument-refused", a.Name, fmt.Sprintf("%s (%s) %s", a.Field, a.Name, problem),
			"the broker refuses it, or ignores it", "")
	}
}

// limitVersions checks values that mean something else, or nothing, on some versions.
func (f *findings) limitVersions(a Argument, v any, exists bool) {
	n, _ := v.(int64)
	switch {
	case a.Name == "x-delivery-limit" && n < 0 && f.before("4.0"):
		f.error("argument-ignored", a.Name, "deliveryLimit: -1 means 0 on "+f.name(),
			"every message that is returned once is dropped or dead-lettered",
			"take it out: without it this broker has no limit")
	case a.Name == "x-queue-version" && n == 1 && f.from("4.3") && !exists:
		f.error("argument-refused", a.Name, f.name()+" refuses version: 1",
			"classic queues have only storage version 2 since 4.3", "take version out")
	}
}
