// Package graph turns a topology into nodes and edges: exchanges, queues, events, and the paths of
// messages between them, with dead letters, retry steps, alternate exchanges, depths and problems.
// It draws nothing: internal/render does.
package graph

import (
	"github.com/msgctl/msgctl/pkg/topology"
)

// Graph has nodes and edges in stable order. Edges refer to nodes by index.
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
	// Wait is a wait queue, one retry step: its messages expire on purpose and return.
	Wait Role = "wait"
	// Missing is an exchange or a queue that is used but not declared.
	Missing Role = "missing"
)

// Node is an exchange, a queue or an event.
type Node struct {
	// Ref identifies the exchange or queue. For an event only Name and VHost are set.
	Ref  topology.Ref
	Role Role
	// Type is the type of the exchange or queue: topic, quorum.
	Type string
	// Facts are further properties, for people: "message TTL" "24h".
	Facts []Fact
	// Status has the counts of a live queue.
	Status topology.QueueStatus
	// Problems are the problems of the object.
	Problems []Problem
	// Members are the names of the objects that a folded node stands for; nil for a single one.
	Members []string
}

// Problem is one problem, in a sentence. Mild ones do not lose messages.
type Problem struct {
	Text string
	Mild bool
}

// Fact is one property of a node.
type Fact struct{ Name, Value string }

// EdgeKind is the reason why messages pass along an edge.
type EdgeKind string

// The kinds.
const (
	Binding    EdgeKind = "binding"
	DeadLetter EdgeKind = "dead letter"
	Alternate  EdgeKind = "alternate"
	Publish    EdgeKind = "publish"
)

// Edge leads from one node to another. All bindings between two nodes are one edge.
type Edge struct {
	From, To int
	Kind     EdgeKind
	// Labels are the routing keys or header matches of the bindings, in order.
	Labels []string
	// DeadLetters reports whether only dead letters pass along a binding: they are all that its
	// source receives.
	DeadLetters bool
	// Back reports whether messages return from a wait queue.
	Back bool
	// Lost reports whether dead letters on this edge reach no queue.
	Lost     bool
	Problems []Problem
}

// Options say what the graph contains. The zero value shows the state.
type Options struct {
	// Version is the version of the broker, "4.3" or "4.3.6"; "" is the newest.
	Version string
	// VHosts limits the graph; nil means all.
	VHosts []string
	// Status has the counts of live queues.
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
