package plan

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// CheckVersion returns what a broker of that version ("" unknown: any) would refuse of declared
// objects, or accept and ignore, without asking one. What objects refer to is not looked for.
func CheckVersion(want *topology.State, version string) diag.Diagnostics {
	want = want.Typed(version)
	c := newChecker(want, &topology.Live{Server: topology.Server{Version: version}})
	var queues []topology.Ref
	for ref, o := range want.All() {
		if ref.Kind == topology.KindQueue {
			queues = append(queues, ref)
		}
		if isProtected(ref) {
			c.protected(ref, o)
		} else {
			c.object(ref, o, false)
		}
	}
	c.policies(nil)
	c.queueLimits(queues)
	c.found.Sort()
	return c.found
}

// checker collects problems of declared objects.
type checker struct {
	want   *topology.State
	have   *topology.Live
	server topology.Server
	broker capability.Broker
	found  diag.Diagnostics
	// known caches names.
	known map[topology.Ref][]string
	// absent are missing objects that an error has told of.
	absent map[topology.Ref]bool
	// deleted are live objects that the plan deletes.
	deleted map[topology.Ref]bool
}

func newChecker(want *topology.State, have *topology.Live) *checker {
	return &checker{want: want, have: have, server: have.Server, known: map[topology.Ref][]string{},
		absent: map[topology.Ref]bool{},
		broker: capability.Broker{Version: have.Server.Version, ExchangeTypes: have.Server.ExchangeTypes,
			DeniedFeatures: have.Server.DeniedFeatures, UsesPolicyKey: have.UsesPolicyKey}}
}

func (c *checker) add(severity diag.Severity, ref topology.Ref, message, why, fix string) {
	c.report(ref, diag.Diagnostic{Severity: severity, Message: message, Why: why, Fix: fix})
}

// report adds a problem of an object, with the object's name and place.
func (c *checker) report(ref topology.Ref, problems ...diag.Diagnostic) {
	for _, d := range problems {
		d.Object, d.Position = ref.Full(), c.want.Position(ref)
		if d.Part != "" {
			d.Position = c.want.PartPosition(ref, d.Part)
		}
		c.found = append(c.found, d)
	}
}

// explained adds an error that a lint rule explains. part is the argument, key or field that it is
// about, "" the whole object.
func (c *checker) explained(ref topology.Ref, rule, part, message, why, fix string) {
	c.report(ref, diag.Diagnostic{Severity: diag.Error, Rule: rule, Part: part, Message: message, Why: why, Fix: fix})
}

func (c *checker) error(ref topology.Ref, message, why, fix string) {
	c.add(diag.Error, ref, message, why, fix)
}

// defaultTypeStays reports a new default queue type where brokers take it only when they create the
// vhost (fact default-queue-type).
func (c *checker) defaultTypeStays(v *topology.VHost) {
	live, ok := c.have.Get(v.Ref())
	if !ok || capability.VersionAtLeast(c.server.Version, "4.0") {
		return
	}
	has := cmp.Or(live.(*topology.VHost).DefaultQueueType, topology.Classic)
	if has != cmp.Or(v.DefaultQueueType, topology.Classic) {
		c.explained(v.Ref(), "argument-ignored", "default_queue_type", fmt.Sprintf("its default queue type is %s and cannot "+
			"be changed", has), "before 4.0, RabbitMQ takes it when the vhost is created and never again",
			"name the type in each queue (type: "+v.DefaultQueueType+")")
	}
}

// object checks one declared object. equal says that the broker has it exactly so already: then it
// has accepted what it would refuse, and only what it ignores is reported.
func (c *checker) object(ref topology.Ref, want topology.Object, equal bool) {
	switch o := want.(type) {
	case *topology.Queue:
		c.report(ref, c.broker.CheckQueue(capability.Queue{Name: o.Name, Type: o.Type, Durable: o.Durable,
			AutoDelete: o.AutoDelete, Exclusive: o.Exclusive, Arguments: o.Arguments}, equal)...)
	case *topology.VHost:
		if o.Declared.DefaultQueueType {
			c.report(ref, c.broker.CheckDefaultQueueType(o.DefaultQueueType)...)
			c.defaultTypeStays(o)
		}
		c.report(ref, c.broker.CheckVHostProtection(o.ProtectedFromDeletion)...)
	}
	if equal {
		return
	}
	switch o := want.(type) {
	case *topology.Exchange:
		c.report(ref, c.broker.CheckExchange(o.Name, o.Type)...)
	case *topology.Binding:
		c.report(ref, c.broker.CheckRoutingKey(o.RoutingKey)...)
	case *topology.Policy:
		c.report(ref, c.broker.CheckPolicy(capability.Policy{Operator: o.Operator, ApplyTo: o.ApplyTo,
			Definition: o.Definition})...)
	case *topology.Parameter:
		c.report(ref, c.broker.CheckParameter(o.Component, o.Value)...)
	case *topology.User:
		c.login(ref, o)
		c.hash(ref, o)
	}
}

// login reports a change to the user that msgctl is logged in as: it could lock itself out
// half-way.
func (c *checker) login(ref topology.Ref, u *topology.User) {
	if c.server.User == u.Name && c.have.Has(ref) {
		c.error(ref, "it is the login in use, and its password or tags would change",
			"the rest of the changes could be refused half-way",
			"apply with another administrator's login")
	}
}

// protected reports a declared object that only the broker, or msgctl itself, may make, and which
// is not as declared.
func (c *checker) protected(ref topology.Ref, want topology.Object) {
	switch o := want.(type) {
	case *topology.Exchange:
		c.reserved(ref, o)
	case *topology.Binding:
		if o.RoutingKey != o.Destination || o.DestinationType != topology.ToQueue || len(o.Arguments) > 0 {
			c.explained(ref, "binding-dangling", "source", "the default exchange takes no bindings",
				"it reaches every queue by the queue's name, and nothing else",
				"bind to an exchange of your own")
		}
	case *topology.GlobalParameter:
		c.add(diag.Warning, ref, "left alone: msgctl keeps its own records there, of ownership and of jobs",
			"a copy of another broker's record could have objects deleted that are not yours", "take it out of the file")
	}
}

func (c *checker) reserved(ref topology.Ref, x *topology.Exchange) {
	live, exists := c.have.Get(ref)
	switch {
	case exists && x.Name == "":
		c.explained(ref, "reserved-name", "name", "the default exchange cannot be declared", "every vhost has it, as it is",
			"take it out of the file")
	case exists:
		list := changes(live, x, c.server)
		c.error(ref, "the broker declares this exchange itself, and differently: "+describeChanges(list),
			"names that begin with amq. are reserved", "declare an exchange under a name of your own")
	case capability.IsPredeclared(x.Name):
		if x.Type != capability.PredeclaredType(x.Name) && x.Type != "" || !x.Durable || x.AutoDelete {
			c.explained(ref, "reserved-name", "name",
				fmt.Sprintf("every vhost has this exchange from the start, durable and of type %s",
					capability.PredeclaredType(x.Name)),
				"names that begin with amq. are reserved", "declare an exchange under a name of your own")
		}
	default:
		c.explained(ref, "reserved-name", "name", "names that begin with amq. are reserved for the broker",
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
	return amqptable.Canonical(v)
}

// isProtected reports whether msgctl never creates, changes or deletes the object, whoever declares
// it.
func isProtected(ref topology.Ref) bool {
	switch ref.Kind {
	case topology.KindExchange:
		return ref.Name == "" || capability.IsReserved(ref.Name)
	case topology.KindBinding:
		return ref.Parent == ""
	case topology.KindGlobalParameter:
		return topology.IsOwnParameter(ref.Name)
	}
	return false
}

// foresee reports what the broker would refuse half-way: what the tags of the login forbid, and
// queues beyond the limit of their vhost.
func (d *differ) foresee() {
	lacking := map[topology.Kind][]topology.Ref{}
	var created []topology.Ref
	for _, s := range d.plan.Steps {
		if s.Action == Create && s.Ref.Kind == topology.KindQueue {
			created = append(created, s.Ref)
		}
		if tag := neededTag(s.Ref.Kind); s.Action != Adopt && tag != "" && !hasTag(d.have.Server, tag) {
			lacking[s.Ref.Kind] = append(lacking[s.Ref.Kind], s.Ref)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(lacking)) {
		refs := lacking[kind]
		slices.SortFunc(refs, topology.Ref.CompareByKind)
		d.problem(diag.Diagnostic{
			Severity: diag.Error, Position: d.want.Position(refs[0]),
			Message: fmt.Sprintf("%s cannot be changed: user %q lacks the tag %s", countKind(len(refs), kind),
				d.have.Server.User, neededTag(kind)),
			Why: "the broker would refuse it half-way",
			Fix: "log in as a user with the tag " + neededTag(kind) + ", or take them out of the file",
		})
	}
	d.checks.queueLimits(created)
}

// neededTag returns the tag that it takes to write objects of a kind, "" for none.
func neededTag(kind topology.Kind) string {
	switch kind {
	case topology.KindExchange, topology.KindQueue, topology.KindBinding:
		return ""
	case topology.KindPolicy, topology.KindParameter, topology.KindGlobalParameter:
		return "policymaker"
	}
	return "administrator"
}

// hasTag reports whether the login has a tag, or one that includes it, as far as its tags are
// known.
func hasTag(s topology.Server, tag string) bool {
	return s.AMQPOnly || s.Tags == nil || slices.Contains(s.Tags, tag) || slices.Contains(s.Tags, "administrator")
}

// queueLimits reports vhosts whose limit of queues is less than they will have once some queues are
// created. (Deletions come last.) Exclusive queues of connections come and go, and are not counted.
func (c *checker) queueLimits(created []topology.Ref) {
	first, count := map[string]topology.Ref{}, map[string]int64{}
	for _, ref := range created {
		count[ref.VHost]++
		if known, ok := first[ref.VHost]; !ok || ref.Compare(known) < 0 {
			first[ref.VHost] = ref
		}
	}
	for ref := range c.have.All() {
		if ref.Kind == topology.KindQueue && !c.have.IsExclusive(ref.VHost, ref.Name) {
			count[ref.VHost]++
		}
	}
	for vhost, ref := range first {
		limit := (&topology.VHostLimit{VHost: vhost, Name: "max-queues"}).Ref()
		o, declared := c.want.Get(limit)
		if declared {
			ref = limit
		} else {
			o, _ = c.have.Get(limit)
		}
		if l, ok := o.(*topology.VHostLimit); ok && l.Value >= 0 && count[vhost] > l.Value {
			c.error(ref, fmt.Sprintf("vhost %q may have %s, and would have %d", vhost,
				units.FormatCount(l.Value, "queue"), count[vhost]),
				"the broker refuses those beyond the limit", "raise max-queues, or declare fewer queues")
		}
	}
}

// hash reports the hash of a password that no password has.
func (c *checker) hash(ref topology.Ref, u *topology.User) {
	if fault := topology.HashFault(u.PasswordHash, u.HashingAlgorithm); fault != "" {
		c.add(diag.Warning, ref, "its password hash is "+fault, "nobody can log in with it",
			"copy the hash from GET /api/users or an export, with its algorithm, or give a password")
	}
}
