// Package health judges a live broker: whether it can do its work now (Problems), and whether it is
// run as a production broker should be (Checklist). It is pure: internal/rabbit reads the Facts.
package health

import (
	"slices"
	"time"
)

// Part is something that is read of a broker by itself, and may be closed to a user.
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
)

// Facts are what a broker tells of itself at one moment. Statistics (connections, channels, rates)
// are up to 5 s old (3.10.8, 4.0.5, 4.3.6).
type Facts struct {
	Cluster, Version, Erlang string
	// User is who asked.
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
	// GuestWorks says that the user guest can log in with the password guest.
	GuestWorks bool
	// Unread are the parts that could not be read, with the reason.
	Unread map[Part]string
}

// Limit leaves out what belongs to other vhosts.
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

// CountMessages sums up the messages of the queues.
func (f *Facts) CountMessages() {
	f.Totals.Ready, f.Totals.Unacked = 0, 0
	for _, q := range f.Queues {
		f.Totals.Ready += q.Ready
		f.Totals.Unacked += q.Unacked
	}
}

// Has reports whether a part could be read.
func (f *Facts) Has(p Part) bool { return f.Unread[p] == "" }

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
	// OneVHost says that one vhost was counted: there are no rates then.
	OneVHost bool `json:"-"`
}

// Listener is a port that a node listens at.
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
	// Partitions are the nodes that it has lost sight of.
	Partitions []string `json:"partitions,omitempty"`
}

// Measured reports whether the node's statistics are there: a node tells nothing of its memory and
// disk in its first seconds.
func (n *Node) Measured() bool { return n.MemLimit > 0 }

// Queue is a queue as the cluster sees it.
type Queue struct {
	VHost, Name, Type, State string
	Members, Online          []string
	// Ready and Unacked are its messages; the broker's list has none for streams.
	Ready, Unacked int64
}

// Connection is a client's.
type Connection struct {
	Name, VHost, User, Protocol, State, Peer string
	TLS                                      bool
	// Heartbeat is in seconds, 0 when the client asked for none.
	Heartbeat int64
	// Product is how the client's library names itself.
	Product string
}

// Channel is one of a connection.
type Channel struct {
	Name, VHost, User string
	Confirm, Tx       bool
	// Published counts messages since the channel was opened; PublishRate is messages a second.
	Published   int64
	PublishRate float64
	// Delivered and Redelivered count messages.
	Delivered, Redelivered int64
	Unacked                int64
	// GlobalPrefetch is the limit that all consumers of the channel share, 0 for none.
	GlobalPrefetch int64
}

// Consumer takes from a queue.
type Consumer struct {
	VHost, Queue, Channel string
	Prefetch              int64
	// Ack is false for a consumer that gets messages as acknowledged already.
	Ack bool
}

// User may log in.
type User struct {
	Name, Algorithm string
	Tags            []string
	// NoPassword says that no password lets this user in.
	NoPassword bool
}
