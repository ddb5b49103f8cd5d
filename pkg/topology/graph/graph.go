// Package graph builds the graph of a topology. Its nodes are exchanges, queues and events. Its
// edges are the paths of messages between them, including dead letters, retry steps and alternate
// exchanges. Nodes and edges also have the depths of queues and the problems of objects. The
// package draws nothing: internal/render does.
package graph

import (
	"github.com/msgctl/msgctl/pkg/topology"
)

// Graph contains nodes and edges in a stable order. Edges refer to nodes by index.
type Graph struct {
	// Name is the name of the topology, "" for a live broker.
	Name  string
	Nodes []Node
	Edges []Edge
}

// Role is the purpose of a node. Each node has one, the most specific.
type Role string

const (
	// Plain is an exchange or a queue without a special role.
	Plain Role = ""
	// Event is a declared event.
	Event Role = "event"
	// DeadLetters is an exchange that gets dead letters, or a queue that gets nothing else.
	DeadLetters Role = "dead letters"
	// Wait is a wait queue, which is one step of a retry: its messages expire on purpose and
	// return.
	Wait Role = "wait"
	// Missing is an exchange or a queue that is used but not declared.
	Missing Role = "missing"
)

// Node is an exchange, a queue or an event.
type Node struct {
	// Ref identifies the exchange or queue. For an event only Name and VHost are set.
	Ref  topology.Ref
	Role Role
	// Type is the type of the exchange or queue, such as topic or quorum.
	Type string
	// Facts are further properties, for people: "message ttl" "24h".
	Facts []Fact
	// Status contains the counts of a live queue.
	Status topology.QueueStatus
	// Problems are the problems of the object.
	Problems []Problem
	// Members are the names of the objects that a folded node stands for. It is nil for a single
	// object.
	Members []string
}

// Problem is one problem, in a sentence. A Mild problem does not lose messages.
type Problem struct {
	Text string
	Mild bool
}

// Fact is one property of a node.
type Fact struct{ Name, Value string }

// WaitFact is the name of the fact that says how long messages wait in a wait queue.
const WaitFact = "message ttl"

// RetryFact is the name of the fact that says after which times a queue delivers failed messages
// again, if the broker itself delays them.
const RetryFact = "retries after"

// EdgeKind is the reason why messages pass along an edge.
type EdgeKind string

// The kinds.
const (
	Binding    EdgeKind = "binding"
	DeadLetter EdgeKind = "dead letter"
	Alternate  EdgeKind = "alternate"
	Publish    EdgeKind = "publish"
	// Retry leads from a queue to a wait queue. The consumer of the queue publishes failed messages
	// to it.
	Retry EdgeKind = "retry"
)

// Edge leads from one node to another. All bindings between two nodes are one edge.
type Edge struct {
	// From and To are indexes of Graph.Nodes, from 0.
	From, To int
	Kind     EdgeKind
	// Labels are the routing keys or header matches of the bindings, in order.
	Labels []string
	// DeadLetters reports whether only dead letters pass along a binding, because its source
	// receives nothing else.
	DeadLetters bool
	// Back reports whether messages return from a wait queue along the edge.
	Back bool
	// Lost reports whether dead letters on this edge reach no queue.
	Lost     bool
	Problems []Problem
}

// Options say what the graph contains. The zero value shows the state.
type Options struct {
	// Version is the version of the broker, such as "4.3" or "4.3.6". "" is the newest.
	Version string
	// VHosts limits the graph to these vhosts. nil means all vhosts.
	VHosts []string
	// Status contains the counts of live queues.
	Status map[topology.Ref]topology.QueueStatus
	// Problems are the problems of exchanges, queues and bindings.
	Problems map[topology.Ref][]Problem
	// Losing are the queues with dead letters that reach no queue.
	Losing map[topology.Ref]bool
	// Events are the declared events.
	Events []EventSource
}

// EventSource is a declared event.
type EventSource struct {
	VHost, Name, Exchange, Key string
}
