package spec

import (
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// definitions is a definitions file as RabbitMQ 3.0 to 4.3 export it (GET /api/definitions,
// rabbitmqctl export_definitions), of a cluster or of one vhost, and as people write it by hand.
type definitions struct {
	Located `json:"-"`
	// lost is decoder.lost.
	lost bool

	RabbitVersion    string `json:"rabbit_version"`
	RabbitMQVersion  string `json:"rabbitmq_version"`
	ProductName      Any    `json:"product_name"`
	ProductVersion   Any    `json:"product_version"`
	Format           Any    `json:"rabbitmq_definition_format"`
	ClusterName      Any    `json:"original_cluster_name"`
	VHostName        Any    `json:"original_vhost_name"`
	Explanation      Any    `json:"explanation"`
	Description      Any    `json:"description"`
	Metadata         Any    `json:"metadata"`
	Tags             Any    `json:"tags"`
	DefaultQueueType Any    `json:"default_queue_type"`
	Limits           Any    `json:"limits"`

	Users            []*defUser            `json:"users"`
	VHosts           []*defVHost           `json:"vhosts"`
	Permissions      []*defPermission      `json:"permissions"`
	TopicPermissions []*defTopicPermission `json:"topic_permissions"`
	Parameters       []*defParameter       `json:"parameters"`
	GlobalParameters []*defGlobalParameter `json:"global_parameters"`
	Policies         []*defPolicy          `json:"policies"`
	Queues           []*defQueue           `json:"queues"`
	Exchanges        []*defExchange        `json:"exchanges"`
	Bindings         []*defBinding         `json:"bindings"`
}

type defUser struct {
	Located          `json:"-"`
	Name             string          `json:"name" jsonschema:"required"`
	Password         topology.Secret `json:"password"`
	PasswordHash     topology.Secret `json:"password_hash"`
	HashingAlgorithm string          `json:"hashing_algorithm"`
	Tags             defTags         `json:"tags"`
	Limits           defTable        `json:"limits"`
}

type defVHost struct {
	Located          `json:"-"`
	Name             string      `json:"name" jsonschema:"required"`
	Description      *string     `json:"description"`
	Tags             *defTags    `json:"tags"`
	DefaultQueueType *string     `json:"default_queue_type"`
	Metadata         defMetadata `json:"metadata"`
	Limits           defTable    `json:"limits"`
	Tracing          Any         `json:"tracing"`
	ProtectedFrom    Any         `json:"protected_from_deletion"`
}

type defMetadata struct {
	Located          `json:"-"`
	Description      *string  `json:"description"`
	Tags             *defTags `json:"tags"`
	DefaultQueueType *string  `json:"default_queue_type"`
	ProtectedFrom    Any      `json:"protected_from_deletion"`
	Tracing          Any      `json:"tracing"`
}

type defPermission struct {
	Located   `json:"-"`
	User      string `json:"user" jsonschema:"required"`
	VHost     string `json:"vhost"`
	Configure string `json:"configure" jsonschema:"required"`
	Write     string `json:"write" jsonschema:"required"`
	Read      string `json:"read" jsonschema:"required"`
}

type defTopicPermission struct {
	Located  `json:"-"`
	User     string `json:"user" jsonschema:"required"`
	VHost    string `json:"vhost"`
	Exchange string `json:"exchange" jsonschema:"required"`
	Write    string `json:"write" jsonschema:"required"`
	Read     string `json:"read" jsonschema:"required"`
}

type defParameter struct {
	Located   `json:"-"`
	VHost     string `json:"vhost"`
	Component string `json:"component" jsonschema:"required"`
	Name      string `json:"name" jsonschema:"required"`
	Value     Any    `json:"value" jsonschema:"required"`
	// node is the value with its positions, for the components that are objects of their own.
	node *source.Node
}

type defGlobalParameter struct {
	Located `json:"-"`
	Name    string `json:"name" jsonschema:"required"`
	Value   Any    `json:"value" jsonschema:"required"`
}

type defPolicy struct {
	Located    `json:"-"`
	VHost      string   `json:"vhost"`
	Name       string   `json:"name"`
	Pattern    string   `json:"pattern" jsonschema:"required"`
	ApplyTo    string   `json:"apply-to" jsonschema:"enum=all,enum=queues,enum=exchanges,enum=classic_queues,enum=quorum_queues,enum=streams"`
	Priority   int64    `json:"priority"`
	Definition defTable `json:"definition" jsonschema:"required"`
}

type defQueue struct {
	Located    `json:"-"`
	VHost      string   `json:"vhost"`
	Name       string   `json:"name" jsonschema:"required"`
	Type       string   `json:"type"`
	Durable    *bool    `json:"durable"`
	AutoDelete bool     `json:"auto_delete"`
	Exclusive  bool     `json:"exclusive"`
	Arguments  defTable `json:"arguments"`
}

type defExchange struct {
	Located    `json:"-"`
	VHost      string   `json:"vhost"`
	Name       string   `json:"name" jsonschema:"required"`
	Type       string   `json:"type" jsonschema:"required"`
	Durable    *bool    `json:"durable"`
	AutoDelete bool     `json:"auto_delete"`
	Internal   bool     `json:"internal"`
	Arguments  defTable `json:"arguments"`
}

type defBinding struct {
	Located         `json:"-"`
	VHost           string   `json:"vhost"`
	Source          string   `json:"source" jsonschema:"required"`
	Destination     string   `json:"destination" jsonschema:"required"`
	DestinationType string   `json:"destination_type" jsonschema:"enum=queue,enum=exchange"`
	RoutingKey      string   `json:"routing_key"`
	Arguments       defTable `json:"arguments"`
	PropertiesKey   string   `json:"properties_key"`
}

// defTable is a table of arguments. Some exporters write an empty one as an empty list.
type defTable map[string]Any

func (v *defTable) decodeNode(d *decoder, n *source.Node, f field) {
	if n.Kind == source.Null || n.Kind == source.Sequence && len(n.Items) == 0 {
		return
	}
	if n.Kind != source.Mapping {
		d.wrongType(n, f, "a mapping")
		return
	}
	*v = make(defTable, len(n.Entries))
	for _, e := range n.Entries {
		item := Any{}
		item.decodeNode(d, e.Value, field{path: f.label() + "." + e.Key})
		(*v)[e.Key] = item
	}
}

// defTags is a list, or what brokers before 3.9 wrote: one string, separated by commas.
type defTags []string

func (v *defTags) decodeNode(d *decoder, n *source.Node, f field) {
	if n.Kind == source.String {
		*v = splitTags(n.Text)
		return
	}
	var list Strings
	list.decodeNode(d, n, f)
	*v = defTags(list)
}

// decodeNode keeps the tree of the value: operator policies and limits are hidden in parameters.
func (v *defParameter) decodeNode(d *decoder, n *source.Node, f field) {
	v.node = n.Get("value")
	d.structure(n, valueOf(v), f)
}

// isDefinitions recognises a definitions file by what is in it: lists of objects where a topology
// file has mappings, or the version of the broker that wrote it.
func isDefinitions(doc source.Document) bool {
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

func decodeDefinitions(root *source.Node) (*definitions, diag.Diagnostics) {
	d := &decoder{lenient: true}
	out := &definitions{}
	d.structure(root, valueOf(out), field{})
	out.lost = d.lost
	return out, d.problems
}
