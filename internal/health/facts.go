package health

import (
	"slices"
	"time"
)

// Part is a part of the facts that is read on its own, and that a user may have no permission for.
type Part string

// The parts.
const (
	PartNodes       Part = "nodes"
	PartConnections Part = "connections"
	PartChannels    Part = "channels"
	PartConsumers   Part = "consumers"
	PartUsers       Part = "users"
	PartFeatures    Part = "feature flags"
	PartDeprecated  Part = "deprecated features"
	// PartTopology is what vhosts hold, of all that were asked for together.
	PartTopology    Part = "queues and policies"
	PartPermissions Part = "permissions"
)

// NotReported is the reason for a part that no user of this broker may read, because it does not
// exist.
const NotReported = "this broker does not tell"

// Facts are what a broker reports about itself at one moment. Statistics (connections, channels,
// rates) are up to 5 s old.
type Facts struct {
	Cluster, Version, Erlang string
	// User is the user that the facts were read as.
	User        string
	Totals      Totals
	Listeners   []Listener
	Nodes       []Node
	VHosts      []string
	Queues      []Queue
	Connections []Connection
	Channels    []Channel
	Consumers   []Consumer
	Users       []User
	// DisabledFlags are the stable feature flags that are not enabled.
	DisabledFlags []string
	// Deprecated are the deprecated features in use.
	Deprecated []string
	// GuestWorks reports whether the user guest can log in with the password guest.
	GuestWorks bool
	// Unread are the parts that could not be read, with the reason.
	Unread map[Part]string
	// Closed are the vhosts that the user may see, but not look into.
	Closed []string
}

// Limit removes what belongs to other vhosts.
func (f *Facts) Limit(vhost string) {
	f.VHosts = []string{vhost}
	f.Queues = slices.DeleteFunc(f.Queues, func(q Queue) bool { return q.VHost != vhost })
	f.Connections = slices.DeleteFunc(f.Connections, func(c Connection) bool { return c.VHost != vhost })
	f.Channels = slices.DeleteFunc(f.Channels, func(c Channel) bool { return c.VHost != vhost })
	f.Consumers = slices.DeleteFunc(f.Consumers, func(c Consumer) bool { return c.VHost != vhost })
	f.Totals = Totals{Connections: int64(len(f.Connections)), Channels: int64(len(f.Channels)),
		Consumers: int64(len(f.Consumers)), Queues: int64(len(f.Queues)), OneVHost: true}
	f.CountMessages()
}

// CountMessages sets the totals of messages from the queues.
func (f *Facts) CountMessages() {
	f.Totals.Ready, f.Totals.Unacked = 0, 0
	for _, q := range f.Queues {
		f.Totals.Ready += q.Ready
		f.Totals.Unacked += q.Unacked
	}
}

// Has reports whether a part could be read.
func (f *Facts) Has(p Part) bool { return f.Unread[p] == "" }

// Denied reports whether the user may not read a part.
func (f *Facts) Denied(p Part) bool { return !f.Has(p) && f.Unread[p] != NotReported }

// Deny notes that the user may not read a part, and what would be needed.
func (f *Facts) Deny(p Part, reason string) {
	if f.Unread == nil {
		f.Unread = map[Part]string{}
	}
	f.Unread[p] = reason
}

// NotPermitted returns the parts that the user may not read, ordered.
func (f *Facts) NotPermitted() []Part {
	var parts []Part
	for p := range f.Unread {
		if f.Denied(p) {
			parts = append(parts, p)
		}
	}
	slices.Sort(parts)
	return parts
}

// Totals count what the cluster has.
type Totals struct {
	Connections int64 `json:"connections"`
	Channels    int64 `json:"channels"`
	Consumers   int64 `json:"consumers"`
	Queues      int64 `json:"queues"`
	Ready       int64 `json:"ready"`
	Unacked     int64 `json:"unacked"`
	// PublishRate and DeliverRate are messages a second, of all vhosts.
	PublishRate float64 `json:"publish_rate"`
	DeliverRate float64 `json:"deliver_rate"`
	// OneVHost reports that only one vhost was counted, for which there are no rates.
	OneVHost bool `json:"-"`
}

// Listener is a port that a node listens on.
type Listener struct {
	Protocol, Address string
	Port              int
}

// Node is a member of the cluster.
type Node struct {
	Name      string        `json:"name"`
	Running   bool          `json:"running"`
	Draining  bool          `json:"draining,omitempty"`
	MemUsed   int64         `json:"memory_used"`
	MemLimit  int64         `json:"memory_limit"`
	MemAlarm  bool          `json:"memory_alarm"`
	DiskFree  int64         `json:"disk_free"`
	DiskLimit int64         `json:"disk_limit"`
	DiskAlarm bool          `json:"disk_alarm"`
	FDUsed    int64         `json:"file_descriptors_used"`
	FDTotal   int64         `json:"file_descriptors_total"`
	Uptime    time.Duration `json:"uptime"`
	// Partitions are the nodes that it is partitioned from.
	Partitions []string `json:"partitions,omitempty"`
}

// Measured reports whether the node has statistics: in its first seconds it reports nothing about
// its memory and disk.
func (n *Node) Measured() bool { return n.MemLimit > 0 }

// Queue is a queue as the cluster sees it.
type Queue struct {
	VHost, Name, Type, State string
	Members, Online          []string
	// Ready and Unacked are its messages; the broker's list has none for streams.
	Ready, Unacked int64
}

// Connection is a connection of a client.
type Connection struct {
	Name, VHost, User, Protocol, State, Peer string
	TLS                                      bool
	// Heartbeat is in seconds, 0 when the client asked for none.
	Heartbeat int64
	// Product is the name of the client library.
	Product string
}

// Channel is a channel of a connection.
type Channel struct {
	Name, VHost, User string
	Confirm, Tx       bool
	// Published counts messages since the channel was opened; PublishRate is messages a second.
	// Young is true for a channel that began to publish within the last seconds: Confirm and Tx may
	// be out of date.
	Published   int64
	Young       bool
	PublishRate float64
	// Delivered and Redelivered count messages.
	Delivered, Redelivered int64
	Unacked                int64
	// GlobalPrefetch is the limit that all consumers of the channel share, 0 for none.
	GlobalPrefetch int64
}

// Consumer is a consumer of a queue.
type Consumer struct {
	VHost, Queue, Channel string
	Prefetch              int64
	// Ack is false for a consumer without acknowledgements (no-ack).
	Ack bool
}

// User is a user of the broker.
type User struct {
	Name, Algorithm string
	Tags            []string
	// NoPassword reports that the user cannot log in with a password.
	NoPassword bool
}
