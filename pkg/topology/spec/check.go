package spec

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// check looks for what a broker would refuse or silently ignore, as far as it can be known offline.
func (r *resolver) check(s *Spec) {
	for _, o := range r.state.Objects() {
		ref := o.Ref()
		c := checker{resolver: r, ref: ref, place: r.places[ref]}
		c.checkName()
		switch x := o.(type) {
		case *topology.User:
			c.user(x)
		case *topology.VHost:
			c.vhost(x)
		case *topology.VHostLimit:
			c.oneOf("limit", x.Name, "max-connections", "max-queues")
		case *topology.UserLimit:
			c.oneOf("limit", x.Name, "max-connections", "max-channels")
		case *topology.Permission:
			c.pattern("configure", x.Configure)
			c.pattern("write", x.Write)
			c.pattern("read", x.Read)
		case *topology.TopicPermission:
			c.pattern("write", x.Write)
			c.pattern("read", x.Read)
			c.topicPermission(x)
		case *topology.Policy:
			c.policy(x)
		case *topology.Exchange:
			c.exchange(x)
		case *topology.Queue:
			c.queue(x)
		case *topology.Binding:
			c.binding(x)
		}
	}
	r.references(s)
}

// checker looks at one object.
type checker struct {
	*resolver
	ref   topology.Ref
	place *place
	rule  string
}

// as returns the checker for problems that a lint rule explains.
func (c *checker) as(rule string) *checker {
	with := *c
	with.rule = rule
	return &with
}

func (c *checker) tell(severity diag.Severity, part, message, why, fix string) {
	c.problems = append(c.problems,
		diag.Diagnostic{Severity: severity, Position: c.place.of(part), Object: c.name(c.ref), Message: message, Why: why,
			Fix: fix, Rule: c.rule, Part: part})
}

func (c *checker) error(part, message, why, fix string) {
	c.tell(diag.Error, part, message, why, fix)
}

func (c *checker) warn(part, message, why, fix string) {
	c.tell(diag.Warning, part, message, why, fix)
}

// field names an argument in the file's own terms.
func (c *checker) field(a capability.Argument) string {
	if c.place.definitions {
		return a.Name
	}
	return a.Field
}

// checkName applies the rules of AMQP short strings and of reserved names.
func (c *checker) checkName() {
	const longest = 255
	what, _, _ := strings.Cut(string(c.ref.Kind), " ")
	if c.ref.Name == "" && c.ref.Kind != topology.KindBinding {
		c.error("name", "has an empty name", "", "give it a name")
	}
	for _, text := range []string{c.ref.Name, c.ref.Parent, c.ref.Key, c.ref.VHost} {
		if len(text) > longest {
			c.error("name", fmt.Sprintf("a name or key has %d bytes, and AMQP takes at most %d", len(text), longest), "",
				"shorten it (a character beyond ASCII has 2 to 4 bytes)")
		}
		if strings.ContainsRune(text, 0) {
			c.error("name", "a name has a zero character in it", "", "")
		}
	}
	if c.ref.Kind != topology.KindQueue && c.ref.Kind != topology.KindExchange || !capability.IsReserved(c.ref.Name) {
		return
	}
	fix := "choose another name"
	if capability.IsPredeclared(c.ref.Name) {
		fix = "leave it out: every vhost has it, and bindings can name it"
	}
	c.as("reserved-name").error("name", "names that begin with amq. are reserved",
		"the broker refuses to declare a "+what+" of that name", fix)
}

func (c *checker) oneOf(what, got string, known ...string) {
	if !slices.Contains(known, got) {
		c.error("", fmt.Sprintf("%q is no %s", got, what), "", "write one of "+strings.Join(known, ", "))
	}
}

func (c *checker) user(u *topology.User) {
	if u.PasswordHash == "" {
		return
	}
	part := "passwordHash"
	if c.place.definitions {
		part = "password_hash"
	}
	if raw, err := base64.StdEncoding.DecodeString(string(u.PasswordHash)); err != nil || len(raw) < 5 {
		c.error(part, part+" is not what a broker writes: base64 of a salt and a digest", "nobody could log in with it",
			"take what rabbitmqctl hash_password prints")
	}
}

func (c *checker) vhost(v *topology.VHost) {
	if t := v.DefaultQueueType; t != "" && !slices.Contains(capability.QueueTypes(), t) {
		c.error("default_queue_type", fmt.Sprintf("the default queue type cannot be %q", t), "",
			"write one of "+strings.Join(capability.QueueTypes(), ", "))
	}
}

func (c *checker) topicPermission(p *topology.TopicPermission) {
	x, ok := c.state.Get(topology.ExchangeRef(p.VHost, p.Exchange))
	if ok && x.(*topology.Exchange).Type != "topic" {
		c.warn("exchange", fmt.Sprintf("exchange %q is not of type topic", p.Exchange),
			"a topic permission does nothing on it", "")
	}
	if !ok && !c.known(topology.ExchangeRef(p.VHost, p.Exchange)) {
		c.warn("exchange", fmt.Sprintf("exchange %q is not declared", p.Exchange), "",
			c.wayOut(topology.ExchangeRef(p.VHost, p.Exchange), c.place.definitions))
	}
}

func (c *checker) exchange(x *topology.Exchange) {
	core := []string{"direct", "fanout", "topic", "headers"}
	if !slices.Contains(core, x.Type) && !strings.HasPrefix(x.Type, "x-") {
		if best := suggest.Nearest(x.Type, core); best != "" {
			c.as("exchange-type-unknown").error("type", fmt.Sprintf("there is no exchange type %q", x.Type), "",
				fmt.Sprintf("did you mean %s?", best))
		}
	}
	c.as("alternate-exchange-missing").target("alternate-exchange", "alternateExchange", x.VHost,
		x.Arguments["alternate-exchange"], "what no binding matches would vanish")
}

// target checks that an exchange that messages are handed on to is declared. value is nil or no
// string when there is none.
func (c *checker) target(part, field, vhost string, value any, why string) {
	name, ok := value.(string)
	if !ok || c.known(topology.ExchangeRef(vhost, name)) {
		return
	}
	severity := diag.Error
	if c.place.definitions {
		severity, field = diag.Warning, part
	}
	c.tell(severity, part, fmt.Sprintf("%s: exchange %q is not declared", field, name), why,
		c.wayOut(topology.ExchangeRef(vhost, name), c.place.definitions))
}

func (c *checker) binding(b *topology.Binding) {
	if b.Source == "" {
		c.error("source", "nothing can be bound to the default exchange",
			"every queue is bound to it by its name already, and the broker refuses any other binding",
			"bind to an exchange of your own")
	} else {
		c.endpoint("source", topology.ExchangeRef(b.VHost, b.Source))
	}
	if b.Destination == "" {
		c.error("destination", "has an empty destination", "", "name a queue or an exchange")
	} else if b.DestinationType == topology.ToExchange {
		c.endpoint("destination", topology.ExchangeRef(b.VHost, b.Destination))
	} else {
		c.endpoint("destination", topology.QueueRef(b.VHost, b.Destination))
	}
	c.headers(b)
}

// endpoint checks one end of a binding. A definitions file that has no section of that kind adds to
// what exists.
func (c *checker) endpoint(part string, ref topology.Ref) {
	if c.known(ref) {
		return
	}
	severity := diag.Error
	if c.place.definitions && !c.sectioned[ref.Kind] {
		severity = diag.Warning
	}
	c.as("binding-dangling").tell(severity, part, fmt.Sprintf("%s %q is not declared", ref.Kind, ref.Name),
		"the binding could not be made",
		c.wayOut(ref, c.place.definitions))
}

// partitionOrder is the argument by which rabbitmq-streams add_super_stream numbers the bindings of
// a super stream, for clients to read.
const partitionOrder = "x-stream-partition-order"

// headers checks that a binding's header matches are on an exchange that reads them.
func (c *checker) headers(b *topology.Binding) {
	if match, ok := b.Arguments["x-match"]; ok {
		if text, _ := match.(string); !slices.Contains([]string{"all", "any", "all-with-x", "any-with-x"}, text) {
			c.as("binding-cannot-match").error(argumentPart+"x-match", fmt.Sprintf("x-match cannot be %v", match),
				"the broker refuses the binding", "write all, any, all-with-x or any-with-x")
		}
	}
	names := slices.DeleteFunc(b.Arguments.Keys(), func(name string) bool { return name == partitionOrder })
	x, _ := c.state.Get(topology.ExchangeRef(b.VHost, b.Source))
	if x, ok := x.(*topology.Exchange); ok && slices.Contains([]string{"direct", "fanout", "topic"}, x.Type) &&
		len(names) > 0 {
		part := argumentPart + names[0]
		c.as("binding-ignores-headers").warn(part, fmt.Sprintf("exchange %q is of type %s and does not look at headers",
			b.Source, x.Type), "the binding takes every message of its key", "use type: headers, or leave the headers out")
	}
}

func (c *checker) policy(p *topology.Policy) {
	c.pattern("pattern", p.Pattern)
	for _, key := range p.Definition.Keys() {
		c.policyKey(p, key)
	}
	if _, given := c.place.parts["definition"]; given && len(p.Definition) == 0 {
		c.as("policy-refused").error("definition", "has an empty definition", "the broker refuses a policy that sets nothing",
			"add a key like message-ttl: 24h")
	}
	c.as("dead-letter-exchange-missing").target("dead-letter-exchange", "definition.dead-letter-exchange", p.VHost,
		p.Definition["dead-letter-exchange"], "dead letters would vanish")
	c.as("alternate-exchange-missing").target("alternate-exchange", "definition.alternate-exchange", p.VHost,
		p.Definition["alternate-exchange"], "what no binding matches would vanish")
}

func (c *checker) policyKey(p *topology.Policy, key string) {
	known, ok := capability.LookupPolicyKey(key)
	if !ok {
		c.as("policy-refused").unknownPolicyKey(key)
		return
	}
	if p.Operator && !known.Operator {
		c.as("policy-refused").error(key, fmt.Sprintf("operator policies cannot set %s", key),
			"the broker refuses the policy", "set it in a policy")
	}
	// The values are those of the queue's argument, where there is one.
	if a, ok := capability.LookupArgument("x-" + key); ok && a.Type != capability.Text {
		if problem := a.ValueProblem(p.Definition[key]); problem != "" {
			c.as("policy-refused").error(key, "definition."+key+" "+problem, "the broker refuses the policy", "")
		}
	}
}

// unknownPolicyKey reports what is probably a mistake: a plugin may know the key.
func (c *checker) unknownPolicyKey(key string) {
	message, why, bare := fmt.Sprintf("there is no policy key %q",
		key), "the broker refuses the policy", strings.TrimPrefix(key, "x-")
	if bare == "queue-type" {
		c.error(key, "a policy cannot set the type of queues", why,
			"set the type in each queue, or the vhost's default queue type")
		return
	}
	if a, ok := capability.LookupArgument("x-" + bare); ok {
		if _, ok := capability.LookupPolicyKey(bare); !ok {
			c.error(key, fmt.Sprintf("a policy cannot set %s", key), why, "set "+c.field(a)+" in each queue")
			return
		}
	}
	if best := suggest.Nearest(key, policyKeyNames()); best != "" {
		c.error(key, message, why, fmt.Sprintf("did you mean %s?", best))
	}
}

func policyKeyNames() []string {
	var names []string
	for _, k := range capability.PolicyKeys() {
		names = append(names, k.Name)
	}
	return names
}

// pattern checks a regular expression of a policy or a permission. RabbitMQ's are Erlang's, which
// are PCRE: only what is wrong in both dialects is reported (fact wrong-patterns-refused).
func (c *checker) pattern(part, text string) {
	_, err := syntax.Parse(text, syntax.Perl)
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return
	}
	fix := `put a backslash before characters that stand for themselves (in YAML: '\(')`
	switch wrong.Code {
	case syntax.ErrMissingRepeatArgument:
		if strings.HasPrefix(text, "*") {
			fix = fmt.Sprintf("it is a regular expression: write %q for every name", "."+text)
		}
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		if strings.Contains(text, "(?") || strings.Contains(text, "(*") {
			return // a group that Go does not know
		}
	case syntax.ErrMissingBracket, syntax.ErrTrailingBackslash:
	default:
		return
	}
	c.error(part, fmt.Sprintf("%s: %q is not a regular expression: %s", part, text, wrong.Code), "the broker refuses it",
		fix)
}
