package refusal

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Needs are permissions in a vhost: regular expressions on names, by what they allow.
type Needs struct{ Configure, Write, Read []string }

// Named returns the regular expression that matches one name alone. The default exchange is called
// amq.default in permissions.
func Named(name string) string {
	if name == "" {
		name = "amq.default"
	}
	return "^" + regexp.QuoteMeta(name) + "$"
}

// Give says how a user gets permissions in addition to those that it has. Only an administrator may
// read these, so capitals stand for them. An empty permission allows nothing, but as an alternative
// in a regular expression it would allow everything.
func (n Needs) Give(user, vhost string) string {
	words := []string{"set_permissions -p", shell.Quote(vhost), shell.Quote(user)}
	for _, p := range []struct {
		has  string
		adds []string
	}{{"CONFIGURE", n.Configure}, {"WRITE", n.Write}, {"READ", n.Read}} {
		words = append(words, shell.Quote(strings.Join(append([]string{p.has}, p.adds...), "|")))
	}
	return adds(strings.Join(words, " "), "list_permissions", vhost)
}

func adds(command, list, vhost string) string {
	return fmt.Sprintf("an administrator adds it with rabbitmqctl %s (the capitals stand for what the user has, ^$ where "+
		"that is empty: rabbitmqctl %s -p %s)", command, list, shell.Quote(vhost))
}

// GiveTopic says how a user gets the permission to write or read a routing key of a topic exchange,
// in addition to those that it has; "" for neither.
func GiveTopic(user, vhost, exchange, write, read string) string {
	add := func(has, key string) string {
		if key != "" {
			has += "|" + Named(key)
		}
		return shell.Quote(has)
	}
	return adds(fmt.Sprintf("set_topic_permissions -p %s %s %s %s %s", shell.Quote(vhost), shell.Quote(user),
		shell.Quote(exchange), add("WRITE", write), add("READ", read)), "list_topic_permissions", vhost)
}

// NoWrite says that a user may not publish to an exchange, and what changes that.
func NoWrite(user, vhost, exchange string) string {
	needs := Needs{Write: []string{Named(exchange)}}
	return fmt.Sprintf("user %q lacks the permission to write to exchange %q: %s", user, exchange, needs.Give(user, vhost))
}

// NoRead says that a user may not consume from a queue, or bind to an exchange, and what changes
// that.
func NoRead(user, vhost, name string) string {
	needs := Needs{Read: []string{Named(name)}}
	return fmt.Sprintf("user %q lacks the permission to read it: %s", user, needs.Give(user, vhost))
}

// refusedAccess finds in a reason what was refused. Not every broker names the permission (fact
// unnamed-permission).
var refusedAccess = regexp.MustCompile(`(?s)^(?:(configure|write|read) )?access to (queue|exchange) '(.*)' ` +
	`in vhost '.*' refused for user`)

// Permission says which permission or tag the operation needs.
func (o Operation) Permission(reason string) string {
	switch o.Object.(type) {
	case *topology.Exchange, *topology.Queue, *topology.Binding:
		ref := o.Object.Ref()
		if ref.Kind != topology.KindBinding && capability.IsReserved(ref.Name) { // the management API gives no better reason
			return reserved
		}
		what, needs := o.missing(reason)
		return fmt.Sprintf("user %q lacks the permission to %s: %s", o.User, what, needs.Give(o.User, ref.VHost))
	case nil:
		return fmt.Sprintf("user %q may not: %s", o.User, OrUnsaid(reason))
	}
	tag := neededTag(o.Object.Ref().Kind)
	return fmt.Sprintf("user %q may not: it takes the tag %s (%s) and, below administrator, access to the vhost",
		o.User, tag, GiveTag(o.User, nil, false, tag))
}

// missing returns the permissions that the user lacks according to the broker, or, if it does not
// say, all that the operation needs.
func (o Operation) missing(reason string) (string, Needs) {
	m := refusedAccess.FindStringSubmatch(reason)
	needs := o.needs()
	if m == nil || m[1] == "" || o.counts() {
		return o.inWords(), needs
	}
	one, pattern := Needs{}, []string{Named(m[3])}
	switch m[1] {
	case "configure":
		one.Configure = pattern
	case "write":
		one.Write = pattern
	default:
		one.Read = pattern
	}
	return fmt.Sprintf("%s %s %q", accessVerb[m[1]], m[2], m[3]), one
}

var accessVerb = map[string]string{"configure": "configure", "write": "write to", "read": "read from"}

// counts reports whether the operation only looks at a queue: any permission on it is enough (fact
// passive-declaration-takes-permission), and the one that the broker names is the strongest.
func (o Operation) counts() bool {
	return strings.HasPrefix(o.Op, "count ") || strings.HasPrefix(o.Op, "look for ")
}

// needs are the permissions that the operation takes on its object and what that refers to.
func (o Operation) needs() Needs {
	if b, ok := o.Object.(*topology.Binding); ok {
		return Needs{Write: []string{Named(b.Destination)}, Read: []string{Named(b.Source)}}
	}
	itself := []string{Named(o.Object.Ref().Name)}
	switch {
	case o.counts(), strings.HasPrefix(o.Op, "purge "):
		return Needs{Read: itself}
	case strings.HasPrefix(o.Op, "delete "):
		return Needs{Configure: itself}
	}
	needs := Needs{Configure: itself}
	if name, has := secondary(o.Object); has {
		needs.Read, needs.Write = itself, []string{Named(name)}
	}
	return needs
}

// inWords says what needs are.
func (o Operation) inWords() string {
	ref := o.Object.Ref()
	if b, ok := o.Object.(*topology.Binding); ok {
		return fmt.Sprintf("read from exchange %q or to write to %s %q, which a binding needs", b.Source,
			b.DestinationType, b.Destination)
	}
	needs := o.needs()
	if len(needs.Configure) == 0 {
		return "read from " + ref.String()
	}
	text := "configure " + ref.String()
	if name, has := secondary(o.Object); has && len(needs.Write) > 0 {
		text += fmt.Sprintf(", or to read from it and write to exchange %q, which it refers to", name)
	}
	return text
}

// secondary is the exchange that a queue dead-letters to, or an exchange's alternate: to declare
// either takes permissions on it, too.
func secondary(o topology.Object) (name string, has bool) {
	switch x := o.(type) {
	case *topology.Queue:
		name, has = x.Arguments["x-dead-letter-exchange"].(string)
	case *topology.Exchange:
		name, has = x.Arguments["alternate-exchange"].(string)
	}
	return name, has
}

func neededTag(kind topology.Kind) string {
	if slices.Contains([]topology.Kind{topology.KindPolicy, topology.KindParameter, topology.KindGlobalParameter}, kind) {
		return "policymaker"
	}
	return "administrator"
}
