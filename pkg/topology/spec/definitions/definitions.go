package definitions

import (
	"reflect"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// File is a definitions file as any RabbitMQ exports it (GET /api/definitions,
// rabbitmqctl export_definitions), of a cluster or of one vhost, and as people write it by hand.
type File struct {
	decode.Located `json:"-"`
	// Lost says that objects could not be read, so that it is not known what is declared.
	Lost bool `json:"-"`

	RabbitVersion    string     `json:"rabbit_version"`
	RabbitMQVersion  string     `json:"rabbitmq_version"`
	ProductName      decode.Any `json:"product_name"`
	ProductVersion   decode.Any `json:"product_version"`
	Format           decode.Any `json:"rabbitmq_definition_format"`
	ClusterName      decode.Any `json:"original_cluster_name"`
	VHostName        decode.Any `json:"original_vhost_name"`
	Explanation      decode.Any `json:"explanation"`
	Description      decode.Any `json:"description"`
	Metadata         decode.Any `json:"metadata"`
	Tags             decode.Any `json:"tags"`
	DefaultQueueType decode.Any `json:"default_queue_type"`
	Limits           decode.Any `json:"limits"`

	Users            []*user            `json:"users"`
	VHosts           []*vhost           `json:"vhosts"`
	Permissions      []*permission      `json:"permissions"`
	TopicPermissions []*topicPermission `json:"topic_permissions"`
	Parameters       []*parameter       `json:"parameters"`
	GlobalParameters []*globalParameter `json:"global_parameters"`
	Policies         []*policy          `json:"policies"`
	Queues           []*queue           `json:"queues"`
	Exchanges        []*exchange        `json:"exchanges"`
	Bindings         []*binding         `json:"bindings"`
}

type user struct {
	decode.Located   `json:"-"`
	Name             string          `json:"name" jsonschema:"required"`
	Password         topology.Secret `json:"password"`
	PasswordHash     topology.Secret `json:"password_hash"`
	HashingAlgorithm string          `json:"hashing_algorithm"`
	Tags             tags            `json:"tags"`
	Limits           table           `json:"limits"`
}

type vhost struct {
	decode.Located   `json:"-"`
	Name             string     `json:"name" jsonschema:"required"`
	Description      *string    `json:"description"`
	Tags             *tags      `json:"tags"`
	DefaultQueueType *string    `json:"default_queue_type"`
	Metadata         metadata   `json:"metadata"`
	Limits           table      `json:"limits"`
	Tracing          decode.Any `json:"tracing"`
	Protected        *bool      `json:"protected_from_deletion"`
}

type metadata struct {
	decode.Located   `json:"-"`
	Description      *string    `json:"description"`
	Tags             *tags      `json:"tags"`
	DefaultQueueType *string    `json:"default_queue_type"`
	Protected        *bool      `json:"protected_from_deletion"`
	Tracing          decode.Any `json:"tracing"`
}

type permission struct {
	decode.Located `json:"-"`
	User           string `json:"user" jsonschema:"required"`
	VHost          string `json:"vhost"`
	Configure      string `json:"configure" jsonschema:"required"`
	Write          string `json:"write" jsonschema:"required"`
	Read           string `json:"read" jsonschema:"required"`
}

type topicPermission struct {
	decode.Located `json:"-"`
	User           string `json:"user" jsonschema:"required"`
	VHost          string `json:"vhost"`
	Exchange       string `json:"exchange" jsonschema:"required"`
	Write          string `json:"write" jsonschema:"required"`
	Read           string `json:"read" jsonschema:"required"`
}

type parameter struct {
	decode.Located `json:"-"`
	VHost          string     `json:"vhost"`
	Component      string     `json:"component" jsonschema:"required"`
	Name           string     `json:"name" jsonschema:"required"`
	Value          decode.Any `json:"value" jsonschema:"required"`
	// node is the value with its positions, for the components that are objects of their own.
	node *source.Node
}

type globalParameter struct {
	decode.Located `json:"-"`
	Name           string     `json:"name" jsonschema:"required"`
	Value          decode.Any `json:"value" jsonschema:"required"`
}

type policy struct {
	decode.Located `json:"-"`
	VHost          string `json:"vhost"`
	Name           string `json:"name"`
	Pattern        string `json:"pattern" jsonschema:"required"`
	ApplyTo        string `json:"apply-to" jsonschema:"enum=all,enum=queues,enum=exchanges,enum=classic_queues,enum=quorum_queues,enum=streams"`
	Priority       int64  `json:"priority"`
	Definition     table  `json:"definition" jsonschema:"required"`
}

type queue struct {
	decode.Located `json:"-"`
	VHost          string `json:"vhost"`
	Name           string `json:"name" jsonschema:"required"`
	Type           string `json:"type"`
	Durable        *bool  `json:"durable"`
	AutoDelete     bool   `json:"auto_delete"`
	Exclusive      bool   `json:"exclusive"`
	Arguments      table  `json:"arguments"`
}

type exchange struct {
	decode.Located `json:"-"`
	VHost          string `json:"vhost"`
	Name           string `json:"name" jsonschema:"required"`
	Type           string `json:"type" jsonschema:"required"`
	Durable        *bool  `json:"durable"`
	AutoDelete     bool   `json:"auto_delete"`
	Internal       bool   `json:"internal"`
	Arguments      table  `json:"arguments"`
}

type binding struct {
	decode.Located  `json:"-"`
	VHost           string `json:"vhost"`
	Source          string `json:"source" jsonschema:"required"`
	Destination     string `json:"destination" jsonschema:"required"`
	DestinationType string `json:"destination_type" jsonschema:"enum=queue,enum=exchange"`
	RoutingKey      string `json:"routing_key"`
	Arguments       table  `json:"arguments"`
	PropertiesKey   string `json:"properties_key"`
}

// table is a table of arguments. Some exporters write an empty one as an empty list.
type table map[string]decode.Any

// DecodeNode takes both forms.
func (v *table) DecodeNode(d *decode.Decoder, n *source.Node, f decode.Field) {
	if n.Kind == source.Null || n.Kind == source.Sequence && len(n.Items) == 0 {
		return
	}
	if n.Kind != source.Mapping {
		d.WrongType(n, f, "a mapping")
		return
	}
	*v = make(table, len(n.Entries))
	for _, e := range n.Entries {
		item := decode.Any{}
		item.DecodeNode(d, e.Value, decode.Field{Path: f.Label() + "." + e.Key})
		(*v)[e.Key] = item
	}
}

// tags is a list, or what old brokers wrote: one string, separated by commas.
type tags []string

// DecodeNode takes both forms.
func (v *tags) DecodeNode(d *decode.Decoder, n *source.Node, f decode.Field) {
	if n.Kind == source.String {
		*v = splitTags(n.Text)
		return
	}
	var list decode.Strings
	list.DecodeNode(d, n, f)
	*v = tags(list)
}

// DecodeNode keeps the tree of the value: operator policies and limits are hidden in parameters.
func (v *parameter) DecodeNode(d *decode.Decoder, n *source.Node, f decode.Field) {
	v.node = n.Get("value")
	d.Structure(n, reflect.ValueOf(v).Elem(), f)
}

// Is recognises a definitions file by what is in it: lists of objects where a topology
// file has mappings, or the version of the broker that wrote it.
func Is(doc source.Document) bool {
	root := doc.Root
	if root.Kind != source.Mapping || root.Get("version") != nil {
		return false
	}
	if root.Get("rabbit_version") != nil || root.Get("rabbitmq_version") != nil ||
		root.Get("rabbitmq_definition_format") != nil {
		return true
	}
	if doc.Format != source.JSON {
		return false
	}
	for _, key := range []string{"users", "vhosts", "permissions", "topic_permissions", "parameters", "global_parameters",
		"policies", "queues", "exchanges"} {
		if n := root.Get(key); n != nil && n.Kind == source.Sequence {
			return true
		}
	}
	bindings := root.Get("bindings")
	return bindings != nil && bindings.Kind == source.Sequence && len(bindings.Items) > 0 &&
		bindings.Items[0].Get("source") != nil
}

// Read decodes a definitions file. Fields that it does not know are warnings, because other
// versions of RabbitMQ have more of them.
func Read(root *source.Node) (*File, diag.Diagnostics) {
	d := &decode.Decoder{Lenient: true}
	f := &File{}
	d.Structure(root, reflect.ValueOf(f).Elem(), decode.Field{})
	f.Lost = d.Lost
	return f, d.Problems
}
