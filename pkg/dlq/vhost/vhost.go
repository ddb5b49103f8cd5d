// Package vhost is one vhost of a live broker as the commands that work with dead letters see it:
// its objects, its dead-letter queues, and counts that can be relied on.
//
// A VHost is read once and counted as often as its user likes. It joins what a single request does
// not tell:
//
//   - Counts of dead-letter queues are asked of the queues themselves, because the broker's lists
//     are some seconds late; a quorum queue whose leader is busy is asked again.
//   - Judge and Assess say whether browsing a queue is safe, with what is in it at this moment.
//   - Browse and WithOverride do it in the way that was judged: with the delivery limit lifted, and
//     with a confirmed copy of what the return would destroy.
//
// Nothing is printed: warnings go to a function, and errors name no flag of a command line. A VHost
// is for one goroutine, but for Browse, Judge and KeepCopy of different queues.
package vhost

import (
	"context"
	"regexp"
	"slices"

	"github.com/msgctl/msgctl/pkg/consume"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Broker is what a VHost needs of a live broker.
type Broker interface {
	browse.PolicyStore
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Counts has what every queue of a vhost holds, some seconds late.
	Counts(ctx context.Context, vhost string) (map[string]topology.QueueCounts, error)
	// Ready counts the ready messages of one queue at this moment.
	Ready(ctx context.Context, vhost, queue string) (int64, error)
	// ReadyConsuming is Ready, asked while we consume from the queue: see dlq.ConsumingCounter.
	ReadyConsuming(ctx context.Context, vhost, queue string) (int64, error)
	// MessageBytes is what a queue's messages took of its limit in bytes some seconds ago, -1
	// unknown, and how many they were.
	MessageBytes(ctx context.Context, vhost, queue string) (bytes, messages int64, err error)
	// Source reads messages, Dialer publishes them, each on connections of its own.
	Source(vhost string) consume.Source
	Dialer(vhost string) publish.Dialer
}

// Options are what a VHost knows besides the broker.
type Options struct {
	// Match takes queues for dead-letter queues by their names, too; nil for none.
	Match *regexp.Regexp
	// Login is the user of the connection.
	Login string
	// Reconnect says how connections that are lost are restored.
	Reconnect replay.Reconnect
	// Warn gets what a user should know and that is no error.
	Warn func(text string)
}

// VHost is one vhost of a live broker with its dead-letter queues.
type VHost struct {
	Name    string
	Broker  Broker
	Options Options
	// Live is what was read, Found the dead-letter queues in it.
	Live  *topology.Live
	Found discover.Discovery
	// Counts are by queue.
	Counts map[string]topology.QueueCounts
}

// New returns a vhost of which nothing was read yet.
func New(b Broker, name string, o Options) *VHost { return &VHost{Name: name, Broker: b, Options: o} }

// Read reads objects and counts, and finds the dead-letter queues. The error is a *MissingError
// when the vhost does not exist.
func (v *VHost) Read(ctx context.Context) error {
	live, err := v.Broker.Everything(ctx, []string{v.Name})
	if err != nil {
		return err
	}
	if slices.Contains(live.MissingVHosts, v.Name) {
		return &MissingError{Kind: "vhost", Name: v.Name}
	}
	v.Live = live
	return v.Count(ctx)
}

// Ref names a queue of the vhost.
func (v *VHost) Ref(queue string) topology.Ref {
	return topology.Ref{Kind: topology.KindQueue, VHost: v.Name, Name: queue}
}

// IsWait returns what reports whether a queue is one in which messages wait for their next attempt.
func (v *VHost) IsWait() func(string) bool { return v.Found.IsWait(v.Name) }

// Exists reports whether there is such a queue.
func (v *VHost) Exists(queue string) bool { return v.Live.Has(v.Ref(queue)) }
