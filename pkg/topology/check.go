package topology

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Check returns what the broker would refuse of a file, or accept and silently ignore, each with
// its place in the file: the problems of Diff's plan.
func Check(want *State, have *Live) diag.Diagnostics { return Diff(want, have, DiffOptions{}).Problems }

// CheckVersion returns what a broker of that version ("" unknown: any) would refuse of declared
// objects, or accept and ignore, without asking one. What objects refer to is not looked for.
func CheckVersion(want *State, version string) diag.Diagnostics {
	want = want.Typed(version)
	c := newChecker(want, &Live{Server: Server{Version: version}})
	for ref, o := range want.objects {
		if untouchable(ref) {
			c.untouchable(ref, o)
		} else {
			c.object(ref, o, false)
		}
	}
	c.policies()
	c.found.Sort()
	return c.found
}

// checker collects problems of declared objects.
type checker struct {
	want   *State
	have   *Live
	server Server
	found  diag.Diagnostics
	// known caches names.
	known map[Ref][]string
}

func newChecker(want *State, have *Live) *checker {
	return &checker{want: want, have: have, server: have.Server, known: map[Ref][]string{}}
}

func (c *checker) add(severity diag.Severity, ref Ref, message, why, fix string) {
	c.found = append(c.found, diag.Diagnostic{
		Severity: severity, Position: c.want.Position(ref), Object: ref.Full(), Message: message, Why: why, Fix: fix,
	})
}

// about is a checker for problems that a lint rule explains, of one part of an object.
type about struct {
	*checker
	rule, part string
}

// as names the lint rule of the problems that follow, and the argument, key or field that they are
// about ("" the whole object).
func (c *checker) as(rule, part string) about { return about{c, rule, part} }

func (a about) error(ref Ref, message, why, fix string) {
	a.tell(diag.Error, ref, message, why, fix)
}

func (a about) warn(ref Ref, message, why, fix string) {
	a.tell(diag.Warning, ref, message, why, fix)
}

func (a about) tell(severity diag.Severity, ref Ref, message, why, fix string) {
	a.add(severity, ref, message, why, fix)
	last := &a.found[len(a.found)-1]
	last.Rule, last.Part = a.rule, a.part
	if a.part != "" {
		last.Position = a.want.PartPosition(ref, a.part)
	}
}

func (c *checker) error(ref Ref, message, why, fix string) { c.add(diag.Error, ref, message, why, fix) }

func (c *checker) warn(ref Ref, message, why, fix string) {
	c.add(diag.Warning, ref, message, why, fix)
}

// broker names the server in messages: RabbitMQ 4.0.5.
func (c *checker) broker() string {
	if c.server.Version == "" {
		return "this RabbitMQ"
	}
	return "RabbitMQ " + c.server.Version
}

// before reports whether the broker is known to be older than that version.
func (c *checker) before(version string) bool { return !VersionAtLeast(c.server.Version, version) }

// from reports whether the broker is known to be of that version or newer.
func (c *checker) from(version string) bool {
	return c.server.Version != "" && VersionAtLeast(c.server.Version, version)
}

// object checks one declared object. equal says that the broker has it exactly so already: then it
// has accepted what it would refuse, and only what it ignores is of interest.
func (c *checker) object(ref Ref, want Object, equal bool) {
	switch o := want.(type) {
	case *Queue:
		c.queue(ref, o, equal)
	case *Exchange:
		c.exchange(ref, o, equal)
	case *Binding:
		c.length(ref, "routing key", o.RoutingKey, equal)
	case *Policy:
		c.policy(ref, o, equal)
	case *Parameter:
		c.parameter(ref, o, equal)
	case *VHost:
		c.vhost(ref, o)
	case *User:
		c.login(ref, o, equal)
	}
}

// shortString is the longest name in AMQP 0-9-1. Over HTTP, brokers accept longer exchange names
// and routing keys (3.10.8, 4.0.5, 4.3.6), which no AMQP client can then use.
const shortString = 255

func (c *checker) length(ref Ref, what, text string, equal bool) {
	if len(text) > shortString && !equal {
		c.error(ref, fmt.Sprintf("the %s has %d bytes", what, len(text)), "AMQP 0-9-1 allows 255: no client could use it",
			fmt.Sprintf("shorten it by %d bytes", len(text)-shortString))
	}
}

// name checks the name of a queue or an exchange. The broker takes line breaks out of both, over
// AMQP and HTTP (3.10.8, 4.0.5, 4.3.6).
func (c *checker) name(ref Ref, name string, equal bool) {
	c.length(ref, "name", name, equal)
	if breaks := strings.NewReplacer("\r", "", "\n", ""); !equal && breaks.Replace(name) != name {
		c.as("reserved-name", "name").error(ref, "the name has a line break",
			"the broker takes line breaks out: it would declare another name, and this one would never be there",
			fmt.Sprintf("name it %q", breaks.Replace(name)))
	}
}

func (c *checker) exchange(ref Ref, x *Exchange, equal bool) {
	if equal {
		return
	}
	c.name(ref, x.Name, equal)
	known := c.server.ExchangeTypes
	if known == nil {
		return
	}
	for _, t := range known {
		if t == x.Type {
			return
		}
	}
	if plugin := exchangePlugins()[x.Type]; plugin != "" {
		c.error(ref, fmt.Sprintf("exchange type %q is not enabled on this broker", x.Type),
			"the broker refuses to declare the exchange",
			"enable the plugin that brings it: rabbitmq-plugins enable "+plugin)
		return
	}
	fix := "use one of " + joinNames(known)
	if near := nearest(x.Type, known); near != "" {
		fix = fmt.Sprintf("did you mean %q?", near)
	}
	c.error(ref, fmt.Sprintf("this broker knows no exchange type %q", x.Type),
		"the broker refuses to declare the exchange", fix)
}

// exchangePlugins says which plugin brings an exchange type.
func exchangePlugins() map[string]string {
	return map[string]string{
		"x-consistent-hash": "rabbitmq_consistent_hash_exchange", "x-delayed-message": "rabbitmq_delayed_message_exchange (a community plugin)",
		"x-random": "rabbitmq_random_exchange", "x-recent-history": "rabbitmq_recent_history_exchange", "x-modulus-hash": "rabbitmq_sharding",
		"x-jms-topic": "rabbitmq_jms_topic_exchange", "x-federation-upstream": "rabbitmq_federation", "x-event": "rabbitmq_event_exchange",
		"x-rtopic": "rabbitmq_rtopic_exchange (a community plugin)", "x-message-deduplication": "rabbitmq_message_deduplication (a community plugin)",
	}
}

// vhost: 3.10 accepts default_queue_type and ignores it; the vhost shows "undefined" afterwards.
func (c *checker) vhost(ref Ref, v *VHost) {
	if v.Declared.DefaultQueueType && v.DefaultQueueType != "" && v.DefaultQueueType != Classic && c.before("4.0") {
		c.as("argument-ignored", "default_queue_type").error(ref, c.broker()+" ignores defaultQueueType",
			"queues without a type would be classic, not "+v.DefaultQueueType,
			fmt.Sprintf("name the type in each queue (type: %s), or use RabbitMQ 4.0 or newer", v.DefaultQueueType))
	}
}

// login: a change to the user that msgctl is logged in as would lock it out in the middle of its
// work.
func (c *checker) login(ref Ref, u *User, equal bool) {
	if !equal && c.server.User == u.Name && c.have.Has(ref) {
		c.error(ref, "it is the login in use, and its password or tags would change",
			"the rest of the changes could be refused half-way",
			"apply with another administrator's login")
	}
}

// untouchable reports a declared object that only the broker, or msgctl itself, may make, and which
// is not as declared.
func (c *checker) untouchable(ref Ref, want Object) {
	switch o := want.(type) {
	case *Exchange:
		c.reserved(ref, o)
	case *Binding:
		if o.RoutingKey != o.Destination || o.DestinationType != ToQueue || len(o.Arguments) > 0 {
			c.as("binding-dangling", "source").error(ref, "the default exchange takes no bindings",
				"it reaches every queue by the queue's name, and nothing else",
				"bind to an exchange of your own")
		}
	case *GlobalParameter:
		c.warn(ref, "left alone: msgctl keeps its record of ownership there",
			"a copy of another broker's record could have objects deleted that are not yours", "take it out of the file")
	}
}

func (c *checker) reserved(ref Ref, x *Exchange) {
	live, exists := c.have.Get(ref)
	switch {
	case exists && x.Name == "":
		c.as("reserved-name", "name").error(ref, "the default exchange cannot be declared", "every vhost has it, as it is",
			"take it out of the file")
	case exists:
		list := changes(live, x, c.server)
		c.error(ref, "the broker declares this exchange itself, and differently: "+describeChanges(list),
			"names that begin with amq. are reserved", "declare an exchange under a name of your own")
	case IsPredeclared(x.Name):
		if x.Type != predeclaredTypes()[x.Name] && x.Type != "" || !x.Durable || x.AutoDelete {
			c.as("reserved-name", "name").error(ref,
				fmt.Sprintf("every vhost has this exchange from the start, durable and of type %s", predeclaredTypes()[x.Name]),
				"names that begin with amq. are reserved", "declare an exchange under a name of your own")
		}
	default:
		c.as("reserved-name", "name").error(ref, "names that begin with amq. are reserved for the broker",
			"it refuses to declare the exchange", "choose another name")
	}
}

func describeChanges(list []FieldChange) string {
	text := ""
	for i, ch := range list {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("%s is %s, not %s", ch.Field, describeValue(ch.Have), describeValue(ch.Want))
	}
	return text
}

func describeValue(v any) string {
	if v == nil {
		return "absent"
	}
	return CanonicalValue(v)
}
