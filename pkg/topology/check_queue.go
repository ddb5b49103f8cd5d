package topology

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
)

func (c *checker) queue(ref Ref, q *Queue, equal bool) {
	for _, name := range q.Arguments.Keys() {
		c.argument(ref, q, name, equal)
	}
	if q.Type != Classic && q.Type != Quorum && q.Type != Stream || equal {
		if !equal {
			c.as("argument-refused", "type").error(ref, fmt.Sprintf("there is no queue type %q", q.Type),
				"the broker refuses to declare the queue", "use classic, quorum or stream")
		}
		return
	}
	c.name(ref, q.Name, equal)
	if IsReserved(q.Name) {
		c.as("reserved-name", "name").error(ref, "names that begin with amq. are reserved for the broker",
			"it refuses to declare the queue", "choose another name")
	}
	c.properties(ref, q)
	c.combinations(ref, q)
}

// properties: replicated queues are durable and belong to nobody (406 on 3.10.8, 4.0.5, 4.3.6).
func (c *checker) properties(ref Ref, q *Queue) {
	if q.Type != Classic {
		refused := ""
		switch {
		case !q.Durable:
			refused = "durable: false"
		case q.AutoDelete:
			refused = "autoDelete: true"
		case q.Exclusive:
			refused = "exclusive"
		}
		if refused != "" {
			c.as("argument-refused", strings.Split(refused, ":")[0]).error(ref,
				fmt.Sprintf("%s cannot be combined with type: %s", refused, q.Type), "the broker refuses to declare the queue",
				fmt.Sprintf("take %s out, or use type: classic", strings.Split(refused, ":")[0]))
		}
		return
	}
	if q.Durable || q.Exclusive {
		return
	}
	if slices.Contains(c.server.DeniedFeatures, "transient_nonexcl_queues") {
		c.as("queue-transient", "durable").error(ref, "this broker denies durable: false for queues that are not exclusive",
			"the deprecated feature transient_nonexcl_queues is not permitted on it",
			"use durable: true, with expires where the queue shall go by itself")
	} else if c.from("4.0") {
		c.as("queue-transient", "durable").warn(ref, "durable: false is deprecated for queues that are not exclusive",
			"a coming RabbitMQ will refuse it; the queue is gone after a restart",
			"use durable: true, with expires where the queue shall go by itself")
	}
}

// combinations of arguments that are right one by one.
func (c *checker) combinations(ref Ref, q *Queue) {
	_, key := q.Arguments["x-dead-letter-routing-key"]
	_, exchange := q.Arguments["x-dead-letter-exchange"]
	if key && !exchange {
		c.as("argument-refused", "x-dead-letter-routing-key").error(ref, "deadLetter.key without deadLetter.exchange",
			"the broker refuses a dead-letter routing key alone, also where a policy names the exchange",
			`add deadLetter.exchange ("" is the default exchange), or set dead-letter-routing-key in the policy`)
	}
}

// argument checks one argument of a queue. Where the broker refuses it, it is of interest only for
// a queue to be declared; where it would be silently ignored, always.
func (c *checker) argument(ref Ref, q *Queue, name string, equal bool) {
	a, known := LookupArgument(name)
	version := c.server.Version
	switch {
	case !known:
		c.unknownArgument(ref, name)
	case !a.TakenBy(q.Type, ""):
		c.wrongType(ref, q, a, equal)
	case a.Name == "x-queue-master-locator" && c.server.DeniedFeatures != nil:
		c.masterLocator(ref, equal)
	case !a.TakenBy(q.Type, version):
		c.wrongVersion(ref, q, a, equal)
	case !equal:
		c.argumentValue(ref, a, q.Arguments[name])
	}
	c.limitVersions(ref, a, q.Arguments[name], equal)
}

func (c *checker) unknownArgument(ref Ref, name string) {
	var names []string
	for _, a := range argumentTables().queue {
		names = append(names, a.Name)
	}
	why := "the broker accepts it and ignores it"
	if near := nearest(name, names); near != "" {
		a, _ := LookupArgument(near)
		c.as("argument-unknown", name).error(ref, fmt.Sprintf("RabbitMQ knows no argument %q", name), why,
			fmt.Sprintf("did you mean %s (%s)?", a.Field, near))
		return
	}
	c.as("argument-unknown", name).warn(ref, fmt.Sprintf("RabbitMQ knows no argument %q", name),
		why+", unless a plugin reads it", "")
}

// argumentRule tells what the broker refuses from what it takes and ignores.
func argumentRule(refused bool) string {
	if refused {
		return "argument-refused"
	}
	return "argument-ignored"
}

// wrongType: an argument that no version takes on this queue type.
func (c *checker) wrongType(ref Ref, q *Queue, a Argument, equal bool) {
	refused := c.server.Version == "" || VersionAtLeast(c.server.Version, a.Checked)
	if refused && equal {
		return
	}
	why := "the broker refuses to declare the queue"
	if !refused {
		why = c.broker() + " accepts it and ignores it"
	}
	c.as(argumentRule(refused), a.Name).error(ref, fmt.Sprintf("a %s queue does not take %s (%s)", q.Type, a.Field,
		a.Name), why,
		fmt.Sprintf("take it out, or use type: %s", strings.Join(a.QueueTypes(""), " or ")))
}

// wrongVersion: an argument that this queue type takes on other versions of the broker.
func (c *checker) wrongVersion(ref Ref, q *Queue, a Argument, equal bool) {
	refused := VersionAtLeast(c.server.Version, a.Checked)
	if refused && equal {
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
	c.as(argumentRule(refused), a.Name).error(ref, fmt.Sprintf("%s does not take %s (%s) on a %s queue: RabbitMQ does %s",
		c.broker(), a.Field, a.Name, q.Type, span), why, fix)
}

// masterLocator goes by what the node permits, which its configuration can change, where that is
// known.
func (c *checker) masterLocator(ref Ref, equal bool) {
	if !equal && slices.Contains(c.server.DeniedFeatures, "queue_master_locator") {
		c.as("argument-refused", "x-queue-master-locator").error(ref,
			"this broker denies masterLocator (x-queue-master-locator)", "the deprecated feature queue_master_locator is not "+
				"permitted on it", "use leaderLocator")
	}
}

// argumentValue checks a value against the table: the broker would refuse it, in most cases.
func (c *checker) argumentValue(ref Ref, a Argument, v any) {
	wrong := ""
	switch x := v.(type) {
	case int64:
		switch {
		case a.Type != Integer:
			wrong = fmt.Sprintf("must be a %s", a.Type)
		case x < a.Min:
			wrong = fmt.Sprintf("must be at least %d", a.Min)
		case a.Max > 0 && x > a.Max:
			wrong = fmt.Sprintf("must be at most %d", a.Max)
		}
	case string:
		switch {
		case a.Type != Text:
			wrong = fmt.Sprintf("must be of type %s, without quotes", a.Type)
		case a.Values != nil && !slices.Contains(a.Values, x):
			wrong = "must be " + strings.Join(a.Values, " or ")
		}
	default:
		if _, isBool := v.(bool); !isBool || a.Type != Boolean {
			wrong = fmt.Sprintf("must be of type %s", a.Type)
		}
	}
	if wrong != "" {
		c.as("argument-refused", a.Name).error(ref, fmt.Sprintf("%s (%s) is %s, but %s", a.Field, a.Name, CanonicalValue(v),
			wrong), "the broker refuses it, or ignores it", "")
	}
}

// limitVersions checks values that mean something else, or nothing, on some versions.
func (c *checker) limitVersions(ref Ref, a Argument, v any, equal bool) {
	n, _ := v.(int64)
	switch {
	case a.Name == "x-delivery-limit" && n < 0 && c.before("4.0"):
		c.as("argument-ignored", a.Name).error(ref, "deliveryLimit: -1 means 0 on "+c.broker(),
			"every message that is returned once is dropped or dead-lettered",
			"take it out: without it this broker has no limit")
	case a.Name == "x-queue-version" && n == 1 && c.from("4.3") && !equal:
		c.as("argument-refused", a.Name).error(ref, c.broker()+" refuses version: 1",
			"classic queues have only storage version 2 since 4.3", "take version out")
	}
}

// nearest returns the one of the names that a mistyped name most likely means, or "".
func nearest(name string, names []string) string {
	best, distance := "", 3
	for _, n := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), n); d < distance && d*3 < len(n) {
			best, distance = n, d
		}
	}
	return best
}
