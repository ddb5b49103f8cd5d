package spec

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
	"github.com/msgctl/msgctl/pkg/topology/spec/definitions"
)

// Spec is a topology as its files say it, before defaults, sugar and references are resolved. Load
// makes it. The json tags are the names in the file; the jsonschema tags bound the values, in the
// parser and in the JSON Schema alike.
type Spec struct {
	decode.Located `json:"-"`
	// Version is that of the file format: 1.
	Version *int64 `json:"version,omitempty" jsonschema:"enum=1" example:"1"`
	// Name owns what apply creates: --prune deletes what this name once applied and no longer
	// declares.
	Name string `json:"name,omitempty" jsonschema:"minLength=1"`
	// VHost holds the objects of the file. Without it, the connection's.
	VHost string `json:"vhost,omitempty" jsonschema:"minLength=1"`
	Sections
	// Users are internal users, by name.
	Users map[string]*User `json:"users,omitempty" object:"user"`
	// GlobalParameters are the cluster's runtime parameters, by name.
	GlobalParameters map[string]decode.Any `json:"globalParameters,omitempty" object:"global parameter"`
	// Alerts are the thresholds of msgctl alerts.
	Alerts *Alerts `json:"alerts,omitempty"`
	// VHosts are virtual hosts to create, by name, each with its own objects.
	VHosts map[string]*VHost `json:"vhosts,omitempty" object:"vhost"`

	definitions []*definitions.File
	// bases is how many of definitions were named before the first topology file.
	bases   int
	options Options
	// lost is decode.Decoder.Lost.
	lost bool
	// moved says that options.VHost took the place of the vhost that the files name.
	moved bool
}

// Sections are the objects of one vhost.
type Sections struct {
	// Exchanges by name.
	Exchanges map[string]*Exchange `json:"exchanges,omitempty" object:"exchange"`
	// Queues by name.
	Queues map[string]*Queue `json:"queues,omitempty" object:"queue"`
	// Bindings between objects that are declared elsewhere in the file. Those of a queue can stand
	// under the queue.
	Bindings []*FreeBinding `json:"bindings,omitempty"`
	// Policies by name.
	Policies map[string]*Policy `json:"policies,omitempty" object:"policy"`
	// OperatorPolicies by name: limits that users cannot exceed.
	OperatorPolicies map[string]*Policy `json:"operatorPolicies,omitempty" object:"operator policy"`
	// Permissions by user.
	Permissions map[string]*Permission `json:"permissions,omitempty" object:"permission of user"`
	// TopicPermissions by user, then topic exchange.
	TopicPermissions map[string]map[string]*TopicPermission `json:"topicPermissions,omitempty" object:"topic permission of user"`
	// Parameters by component (shovel, federation-upstream, …), then name.
	Parameters map[string]map[string]decode.Any `json:"parameters,omitempty" object:"parameters of"`
	// Limits of the vhost.
	Limits *Limits `json:"limits,omitempty"`
	// External lists exchanges and queues that the file uses and somebody else declares.
	External *External `json:"external,omitempty"`
	// Events are the typed domain events that are published, by type.
	Events map[string]*Event `json:"events,omitempty" object:"event"`
	// Tests say where messages must go.
	Tests []*Test `json:"tests,omitempty"`
}

// VHost is an entry of vhosts.
type VHost struct {
	decode.Located `json:"-"`
	// Description for people.
	Description *string `json:"description,omitempty"`
	// Tags for people and tools.
	Tags decode.Strings `json:"tags,omitempty"`
	// DefaultQueueType of queues that name no type (RabbitMQ 4).
	DefaultQueueType string `json:"defaultQueueType,omitempty" jsonschema:"enum=classic,enum=quorum,enum=stream"`
	// ProtectedFromDeletion: the broker refuses to delete the vhost (RabbitMQ 4.1).
	ProtectedFromDeletion bool `json:"protectedFromDeletion,omitempty"`
	Sections
}

// Limits of a vhost. -1 means no limit.
type Limits struct {
	decode.Located `json:"-"`
	// MaxConnections to the vhost.
	MaxConnections *int64 `json:"maxConnections,omitempty" jsonschema:"minimum=-1" example:"256"`
	// MaxQueues in the vhost.
	MaxQueues *int64 `json:"maxQueues,omitempty" jsonschema:"minimum=-1" example:"1024"`
}

// External names what somebody else declares.
type External struct {
	decode.Located `json:"-"`
	// Exchanges that exist already.
	Exchanges decode.Strings `json:"exchanges,omitempty"`
	// Queues that exist already.
	Queues decode.Strings `json:"queues,omitempty"`
}

// User is an internal user.
type User struct {
	decode.Located `json:"-"`
	// Tags: administrator, monitoring, policymaker, management, impersonator.
	Tags decode.Strings `json:"tags,omitempty"`
	// Password from the environment: "${ORDERS_PASSWORD}".
	Password decode.Password `json:"password,omitempty"`
	// PasswordHash as rabbitmqctl hash_password prints it, instead of a password. "" means no
	// password: the user cannot log in with one.
	PasswordHash topology.Secret `json:"passwordHash,omitempty"`
	// HashingAlgorithm of the hash. Default sha256.
	HashingAlgorithm string `json:"hashingAlgorithm,omitempty" jsonschema:"enum=sha256,enum=sha512,enum=md5"`
	// Limits of the user.
	Limits *UserLimits `json:"limits,omitempty"`
}

// UserLimits bound what a user may open. -1 means no limit.
type UserLimits struct {
	decode.Located `json:"-"`
	// MaxConnections of the user.
	MaxConnections *int64 `json:"maxConnections,omitempty" jsonschema:"minimum=-1" example:"10"`
	// MaxChannels of the user.
	MaxChannels *int64 `json:"maxChannels,omitempty" jsonschema:"minimum=-1" example:"100"`
}

// Permission grants by regular expressions on the names of exchanges and queues. One that is left
// out matches nothing.
type Permission struct {
	decode.Located `json:"-"`
	// Configure: what the user may declare and delete.
	Configure string `json:"configure,omitempty"`
	// Write: where the user may publish, and bind queues.
	Write string `json:"write,omitempty"`
	// Read: from which queues the user may consume, and which exchanges it may bind.
	Read string `json:"read,omitempty"`
}

// TopicPermission restricts routing keys by regular expressions. One that is left out matches
// nothing.
type TopicPermission struct {
	decode.Located `json:"-"`
	// Write: with which keys the user may publish.
	Write string `json:"write,omitempty"`
	// Read: with which keys the user may bind.
	Read string `json:"read,omitempty"`
}

// Policy sets optional arguments on what its pattern matches.
type Policy struct {
	decode.Located `json:"-"`
	// Pattern is a regular expression on names.
	Pattern string `json:"pattern" jsonschema:"required"`
	// ApplyTo is what the policy is for. Default all.
	ApplyTo string `json:"applyTo,omitempty" jsonschema:"enum=all,enum=queues,enum=exchanges,enum=classic_queues,enum=quorum_queues,enum=streams"`
	// Priority: the highest of the matching policies wins. Default 0.
	Priority int64 `json:"priority,omitempty" example:"10"`
	// Definition has the keys of RabbitMQ (message-ttl, dead-letter-exchange, …). Times and sizes
	// take units.
	Definition map[string]decode.Any `json:"definition" jsonschema:"required"`
}

// Exchange routes messages.
type Exchange struct {
	decode.Located `json:"-"`
	// Type is direct (the default), fanout, topic, headers, or what a plugin brings
	// (x-consistent-hash).
	Type string `json:"type,omitempty" jsonschema:"minLength=1"`
	// Durable exchanges survive a restart of the broker. Default true.
	Durable *bool `json:"durable,omitempty"`
	// AutoDelete: the broker deletes the exchange when its last binding goes.
	AutoDelete bool `json:"autoDelete,omitempty"`
	// Internal exchanges take messages from exchanges only.
	Internal bool `json:"internal,omitempty"`
	// AlternateExchange gets what no binding matches.
	AlternateExchange *string `json:"alternateExchange,omitempty"`
	// Arguments that have no field of their own.
	Arguments map[string]decode.Any `json:"arguments,omitempty"`
	// Bindings from other exchanges to this one.
	Bindings []*Binding `json:"bindings,omitempty"`
}

// Binding leads from an exchange to the object it stands under.
type Binding struct {
	decode.Located `json:"-"`
	// Exchange is the source.
	Exchange string `json:"exchange" jsonschema:"required,minLength=1"`
	BindingMatch
}

// FreeBinding is an entry of the section bindings.
type FreeBinding struct {
	decode.Located `json:"-"`
	// Exchange is the source.
	Exchange string `json:"exchange" jsonschema:"required,minLength=1"`
	// Queue is the destination.
	Queue string `json:"queue,omitempty" jsonschema:"minLength=1"`
	// ToExchange is the destination, instead of a queue.
	ToExchange string `json:"toExchange,omitempty" jsonschema:"minLength=1"`
	BindingMatch
}

// BindingMatch says which messages a binding takes.
type BindingMatch struct {
	// Key is the routing key, for topic exchanges with * and #. Default "".
	Key *string `json:"key,omitempty" example:"order.created"`
	// Keys makes one binding for each of them.
	Keys decode.Strings `json:"keys,omitempty"`
	// Match says whether all headers must match (the default) or any, on a headers exchange.
	Match string `json:"match,omitempty" jsonschema:"enum=all,enum=any,enum=all-with-x,enum=any-with-x"`
	// Headers to match, on a headers exchange. A null only wants the header to be there.
	Headers map[string]decode.Any `json:"headers,omitempty"`
	// Arguments that have no field of their own.
	Arguments map[string]decode.Any `json:"arguments,omitempty"`
}

// Alerts are the thresholds of msgctl alerts. Those of a queue overrule those of the file, field by
// field.
type Alerts struct {
	decode.Located `json:"-"`
	// For is how long a condition must last before it is told. Default 5m.
	For *decode.Duration `json:"for,omitempty"`
	// NearlyFull is the share of its limit (maxLength, maxLengthBytes, or a policy's) from which a
	// queue is a warning; off for never. Default 80%.
	NearlyFull *decode.Share `json:"nearlyFull,omitempty"`
	// Full is the share of its limit from which a queue is critical; off for never. Default 95%.
	Full *decode.Share `json:"full,omitempty"`
	// DeadLetters is how many messages a dead-letter queue may hold; off for any number. Default 0.
	DeadLetters *decode.Threshold `json:"deadLetters,omitempty"`
	// Growth is by how many messages a dead-letter queue may grow within 15 minutes; off for any
	// number. Default 10.
	Growth *decode.Threshold `json:"growth,omitempty"`
	// Consumers is how many consumers a queue needs at least; 0 for one that needs none. Default 1;
	// dead-letter queues, wait queues, streams and queues that come and go with their consumers
	// need none.
	Consumers *int64 `json:"consumers,omitempty" jsonschema:"minimum=0" example:"1"`
}

// Externals returns what the files use and somebody else declares.
func (s *Spec) Externals() map[topology.Ref]bool {
	all := map[topology.Ref]bool{}
	s.Sections.externals(s.mainVHost(), all)
	for name, v := range s.VHosts {
		v.Sections.externals(name, all)
	}
	return all
}

func (s *Sections) externals(vhost string, into map[topology.Ref]bool) {
	if s.External == nil {
		return
	}
	for _, name := range s.External.Exchanges {
		into[topology.ExchangeRef(vhost, name)] = true
	}
	for _, name := range s.External.Queues {
		into[topology.QueueRef(vhost, name)] = true
	}
}
