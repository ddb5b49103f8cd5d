// Package graph makes a picture's content of a topology: exchanges, queues, events and what leads
// from one to the other, with dead letters, retry ladders, alternate exchanges, depths and
// problems. It draws nothing: internal/render does.
package graph

import (
	"github.com/msgctl/msgctl/pkg/topology"
)

// Graph is what there is to draw, in stable order. Edges name nodes by their index.
type Graph struct {
	// Name is the topology's, "" for a live broker.
	Name  string
	Nodes []Node
	Edges []Edge
}

// Role says what a node is for; a node has the role that says most.
type Role string

const (
	// Plain is an exchange or a queue without a special role.
	Plain Role = ""
	// Event is a declared event: what is published.
	Event Role = "event"
	// DeadLetters is an exchange that gets dead letters, or a queue that gets nothing else.
	DeadLetters Role = "dead letters"
	// Wait is a step of a retry ladder: a queue whose messages expire on purpose and go back.
	Wait Role = "wait"
	// Missing is what something leads to and nobody declares.
	Missing Role = "missing"
)

// Node is an exchange, a queue or an event.
type Node struct {
	// Ref identifies the exchange or queue. For an event only Name and VHost are set.
	Ref  topology.Ref
	Role Role
	// Type is the exchange's or queue's: topic, quorum.
	Type string
	// Facts are what else there is to know, for people: "message TTL" "24h".
	Facts []Fact
	// Status has the counts of a live queue.
	Status topology.QueueStatus
	// Problems are faults of the object.
	Problems []Problem
}

// Problem is a fault, in a sentence. Mild ones do not lose messages.
type Problem struct {
	Text string
	Mild bool
}

// Fact is one thing to know about a node.
type Fact struct{ Name, Value string }

// EdgeKind says why messages go along an edge.
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
	// Labels are routing keys or header matches, one for each binding that has any, ordered.
	Labels []string
	// DeadLetters says that a binding's messages are dead letters: it leads out of an exchange that
	// nothing else feeds.
	DeadLetters bool
	// Back says that messages go back to where they were: out of a wait queue.
	Back bool
	// Lost says that dead letters on it reach no queue.
	Lost     bool
	Problems []Problem
}

// Options say what goes into the picture. The zero value draws the state.
type Options struct {
	// Version is the broker's, "4.3" or "4.3.6"; "" is the newest.
	Version string
	// VHosts limits the picture; nil means all.
	VHosts []string
	// Status has the counts of live queues.
	Status map[topology.Ref]topology.QueueStatus
	// Problems has what is wrong with an exchange, a queue or a binding.
	Problems map[topology.Ref][]Problem
	// Losing are the queues whose dead letters, or some, reach no queue.
	Losing map[topology.Ref]bool
	// Events are published to exchanges.
	Events []EventSource
}

// EventSource is a declared event.
type EventSource struct {
	VHost, Name, Exchange, Key string
}
