package topology

import (
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Object is one thing that a broker keeps and a topology declares. The concrete types are *VHost,
// *User, *UserLimit, *Permission, *TopicPermission, *VHostLimit, *GlobalParameter, *Parameter,
// *Policy, *Exchange, *Queue and *Binding. Objects are values: an object in a State is not changed.
type Object interface {
	// Ref identifies the object.
	Ref() Ref
	// Fields lists what can differ between two objects of one Ref, in stable order, normalised for
	// comparison.
	Fields() []Field
}

// DestinationType says what a binding leads to.
type DestinationType string

// The two destinations of AMQP 0-9-1 with RabbitMQ's exchange-to-exchange bindings.
const (
	ToQueue    DestinationType = "queue"
	ToExchange DestinationType = "exchange"
)

// Queue types, as in the argument x-queue-type.
const (
	Classic = capability.Classic
	Quorum  = capability.Quorum
	Stream  = capability.Stream
)

// Arguments are the arguments of a queue, an exchange or a binding, or the definition of a policy,
// in normal form.
type Arguments = amqptable.Table

// Targets of a policy (apply-to). Older brokers refuse the last three (fact
// policy-targets-by-type).
const (
	ApplyToAll           = "all"
	ApplyToQueues        = "queues"
	ApplyToExchanges     = "exchanges"
	ApplyToClassicQueues = "classic_queues"
	ApplyToQuorumQueues  = "quorum_queues"
	ApplyToStreams       = "streams"
)

// VHost is a virtual host. DefaultQueueType "" leaves the choice to the broker (facts
// default-queue-type, default-type-resets): a writer sends the live one then.
type VHost struct {
	Name             string
	Description      string
	Tags             []string
	DefaultQueueType string
	// ProtectedFromDeletion makes the broker refuse to delete the vhost (fact vhost-protection).
	ProtectedFromDeletion bool
	// Declared says which of the fields the file names; what it does not name is never a
	// difference.
	Declared struct{ Description, Tags, DefaultQueueType, ProtectedFromDeletion bool }
}

// User is an internal user. A declared user carries a Password (from the environment, never
// printed) or a PasswordHash, a live one its hash. A live user without a hash may not log in with a
// password. A declared user without either keeps what it has, unless it is Passwordless.
type User struct {
	Name             string
	Tags             []string
	Password         Secret
	PasswordHash     Secret
	HashingAlgorithm string
	// Passwordless says of a declared user that it may not log in with a password.
	Passwordless bool
}

// UserLimit bounds what a user may open: Name is max-connections or max-channels, -1 means no
// limit.
type UserLimit struct {
	User, Name string
	Value      int64
}

// Permission grants a user access to a vhost by three regular expressions on names. "" matches no
// named object.
type Permission struct {
	VHost, User            string
	Configure, Write, Read string
}

// TopicPermission restricts routing keys on a topic exchange, by regular expressions.
type TopicPermission struct {
	VHost, User, Exchange string
	Write, Read           string
}

// VHostLimit bounds a vhost: Name is max-connections or max-queues, -1 means no limit.
type VHostLimit struct {
	VHost, Name string
	Value       int64
}

// GlobalParameter is a cluster-wide runtime parameter. Value is any JSON value, normalised (see
// Normalise).
type GlobalParameter struct {
	Name  string
	Value any
}

// Parameter is a vhost's runtime parameter of a component: shovel, federation-upstream,
// federation-upstream-set and what plugins bring. It may hold credentials in URIs: never print
// Value without redaction.
type Parameter struct {
	VHost, Component, Name string
	Value                  any
}

// Policy sets optional arguments on the queues and exchanges whose name matches Pattern. Operator
// policies are merged over user policies by the smaller value. Higher Priority wins.
type Policy struct {
	Operator    bool
	VHost, Name string
	Pattern     string
	ApplyTo     string
	Priority    int64
	Definition  Arguments
}

// Exchange routes messages. Arguments holds alternate-exchange and what plugins take.
type Exchange struct {
	VHost, Name, Type             string
	Durable, AutoDelete, Internal bool
	Arguments                     Arguments
}

// Queue holds messages. Type is classic, quorum or stream. Arguments never holds x-queue-type, so
// that a queue on a broker that injects the argument equals one on a broker that does not.
// Exclusive queues belong to a connection: they are read from a live broker, never declared.
type Queue struct {
	VHost, Name, Type              string
	Durable, AutoDelete, Exclusive bool
	Arguments                      Arguments
	// TypeDeclared says that the file names the type. Otherwise the vhost's default queue type
	// decides, and Type is what the resolver assumed (classic) until Diff knows the live vhost.
	TypeDeclared bool
}

// Binding routes from an exchange to a queue or an exchange. RabbitMQ compares binding arguments by
// AMQP type: int32(1) and int64(1) make two bindings that look alike in JSON. So a live Binding may
// stand for several. PropertiesKeys has the management API's key of each (empty for a declared
// binding).
type Binding struct {
	VHost, Source, Destination string
	DestinationType            DestinationType
	RoutingKey                 string
	Arguments                  Arguments
	PropertiesKeys             []string
}

// Ref identifies the vhost.
func (v *VHost) Ref() Ref { return Ref{Kind: KindVHost, Name: v.Name} }

// Ref identifies the user.
func (u *User) Ref() Ref { return Ref{Kind: KindUser, Name: u.Name} }

// Ref identifies the limit.
func (l *UserLimit) Ref() Ref { return Ref{Kind: KindUserLimit, Parent: l.User, Name: l.Name} }

// Ref identifies the permission.
func (p *Permission) Ref() Ref { return Ref{Kind: KindPermission, VHost: p.VHost, Name: p.User} }

// Ref identifies the topic permission.
func (p *TopicPermission) Ref() Ref {
	return Ref{Kind: KindTopicPermission, VHost: p.VHost, Name: p.User, Parent: p.Exchange}
}

// Ref identifies the limit.
func (l *VHostLimit) Ref() Ref { return Ref{Kind: KindVHostLimit, VHost: l.VHost, Name: l.Name} }

// Ref identifies the global parameter.
func (p *GlobalParameter) Ref() Ref { return Ref{Kind: KindGlobalParameter, Name: p.Name} }

// Ref identifies the parameter.
func (p *Parameter) Ref() Ref {
	return Ref{Kind: KindParameter, VHost: p.VHost, Parent: p.Component, Name: p.Name}
}

// Ref identifies the policy or operator policy.
func (p *Policy) Ref() Ref {
	kind := KindPolicy
	if p.Operator {
		kind = KindOperatorPolicy
	}
	return Ref{Kind: kind, VHost: p.VHost, Name: p.Name}
}

// Ref identifies the exchange.
func (x *Exchange) Ref() Ref { return Ref{Kind: KindExchange, VHost: x.VHost, Name: x.Name} }

// Ref identifies the queue.
func (q *Queue) Ref() Ref { return Ref{Kind: KindQueue, VHost: q.VHost, Name: q.Name} }

// Ref identifies the binding: all of it but PropertiesKeys.
func (b *Binding) Ref() Ref {
	return Ref{
		Kind: KindBinding, VHost: b.VHost, Parent: b.Source, Name: b.Destination, Destination: b.DestinationType,
		Key: b.RoutingKey, Arguments: b.Arguments.Canonical(),
	}
}

// DeclaredArguments returns the arguments with which the queue is declared: those it has, and the
// type, always for quorum queues and streams, for classic ones when the file names it. The vhost's
// default queue type decides otherwise.
func (q *Queue) DeclaredArguments() Arguments {
	if q.Type == "" || q.Type == Classic && !q.TypeDeclared {
		return q.Arguments
	}
	args := q.Arguments.Clone()
	args["x-queue-type"] = q.Type
	return args
}
