package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

func (c *checker) queue(q *topology.Queue) {
	if !slices.Contains(capability.QueueTypes(), q.Type) {
		c.as("argument-refused").error("type", fmt.Sprintf("there is no queue type %q", q.Type), "",
			"write one of "+strings.Join(capability.QueueTypes(), ", "))
		return
	}
	kind := c.effectiveType(q)
	if kind != topology.Classic && q.TypeDeclared {
		c.replicated(q)
	}
	for _, name := range q.Arguments.Keys() {
		c.argument(q, kind, name)
	}
	c.deadLetter(q, kind)
}

// effectiveType is the type that the file lets one expect: that of the vhost where the queue names
// none.
func (c *checker) effectiveType(q *topology.Queue) string {
	if kind := c.state.QueueType(q, ""); slices.Contains(capability.QueueTypes(), kind) {
		return kind
	}
	return q.Type
}

// replicated checks what quorum queues and streams refuse.
func (c *checker) replicated(q *topology.Queue) {
	if !q.Durable {
		c.as("argument-refused").error("durable", fmt.Sprintf("a %s queue is always durable", q.Type),
			"the broker refuses it", "remove durable: false, or use type: classic")
	}
	if q.AutoDelete {
		part := "autoDelete"
		if c.place.definitions {
			part = "auto_delete"
		}
		c.as("argument-refused").error(part, fmt.Sprintf("a %s queue cannot be deleted automatically", q.Type),
			"the broker refuses it", "remove it, or use expires, or type: classic")
	}
}

func (c *checker) argument(q *topology.Queue, kind, name string) {
	a, ok := capability.LookupArgument(name)
	if !ok {
		c.as("argument-unknown").unknownArgument(name)
		return
	}
	if problem := a.ValueProblem(q.Arguments[name]); problem != "" {
		c.as("argument-refused").error(name, c.field(a)+" "+problem, "the broker refuses the queue", "")
		return
	}
	if a.TakenBy(kind, "") {
		return
	}
	types := a.QueueTypes("")
	why := "the broker refuses it"
	if a.Checked != "" {
		why = "the broker refuses it, and before " + a.Checked + " ignores it"
	}
	fix := "remove it, or use type: " + strings.Join(types, " or ")
	if !q.TypeDeclared {
		fix = "add type: " + strings.Join(types, " or ") + ", or remove it"
	}
	if c.place.definitions {
		fix = `remove it, or set "x-queue-type" to ` + strings.Join(types, " or ")
	}
	c.as("argument-refused").error(name, fmt.Sprintf("a %s queue does not take %s", kind, c.field(a)), why, fix)
}

// unknownArgument reports what is probably a mistake: the broker takes any argument, and ignores
// what it does not know.
func (c *checker) unknownArgument(name string) {
	if name == "x-ha-policy" {
		c.warn(name, "x-ha-policy does nothing", "brokers ignore it since 3.0",
			"remove it, and use a quorum queue for replication")
		return
	}
	names := []string{"x-queue-type"}
	for _, a := range capability.QueueArguments() {
		names = append(names, a.Name)
	}
	if best := suggest.Nearest(name, names); best != "" { // an error would refuse what a live queue has
		c.warn(name, fmt.Sprintf("there is no argument %q", name), "the broker takes it and ignores it",
			fmt.Sprintf("did you mean %s?", best))
	}
}

func (c *checker) deadLetter(q *topology.Queue, kind string) {
	if kind == topology.Stream {
		return
	}
	exchange, has := q.Arguments["x-dead-letter-exchange"].(string)
	key, hasKey := q.Arguments["x-dead-letter-routing-key"].(string)
	if hasKey && !has {
		c.as("argument-refused").error("x-dead-letter-routing-key", "has a dead-letter key and no dead-letter exchange",
			"the broker refuses it", "add the exchange; \"\" is the default exchange, which takes queue names as keys")
	}
	if !has {
		return
	}
	c.as("dead-letter-exchange-missing").target("x-dead-letter-exchange", "deadLetter", q.VHost, exchange,
		"dead letters would vanish")
	if exchange != "" || !hasKey || c.known(topology.QueueRef(q.VHost, key)) {
		return
	}
	message, why := fmt.Sprintf("deadLetter: queue %q is not declared", key), "dead letters would vanish"
	if c.place.definitions {
		c.as("dead-letter-unroutable").warn("x-dead-letter-routing-key", message, why, "declare it in the file")
		return
	}
	fix := c.wayOut(topology.QueueRef(q.VHost, key), false)
	if c.known(topology.ExchangeRef(q.VHost, key)) {
		message += fmt.Sprintf(", and %q is an exchange", key)
		fix = fmt.Sprintf("write deadLetter: { exchange: %s }; a key: beside it replaces the message's own", key)
	}
	c.as("dead-letter-unroutable").error("x-dead-letter-routing-key", message, why, fix)
}
