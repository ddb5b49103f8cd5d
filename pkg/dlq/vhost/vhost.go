// Package vhost represents one vhost of a live broker for work on dead letters: its objects, its
// dead-letter queues, and reliable counts. A VHost is read once and may be counted repeatedly.
//
// It combines what no single request returns:
//
//   - Dead-letter queues are counted individually, because the broker's lists are some seconds
//     late; a quorum queue whose leader is busy is asked again.
//   - Judge and Assess check whether browsing a queue is safe, with what it holds now.
//   - Browse and WithOverride browse as the assessment says: with the delivery limit lifted, and
//     with a confirmed copy of what the return would destroy.
//
// It prints nothing: warnings go to a function, and errors name no command-line flags. A VHost is
// not safe for concurrent use, except for Browse, Judge and KeepCopy of different queues.
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
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// Broker is the set of broker operations that a VHost uses. Errors are for users and wrap the
// sentinel errors of package topology. It is safe for concurrent use.
type Broker interface {
	browse.PolicyStore
	// Everything reads all objects of some vhosts and of the cluster.
	Everything(ctx context.Context, vhosts []string) (*topology.Live, error)
	// Counts returns the counts of every queue of a vhost, some seconds late.
	Counts(ctx context.Context, vhost string) (map[string]topology.QueueCounts, error)
	// Ready counts the ready messages of one queue now.
	Ready(ctx context.Context, vhost, queue string) (int64, error)
	// ReadyConsuming is Ready for a queue that we consume from: see browse.ConsumingCounter.
	ReadyConsuming(ctx context.Context, vhost, queue string) (int64, error)
	// MessageBytes returns how many bytes of its limit a queue's messages used some seconds ago, -1
	// if unknown, and how many messages there were.
	MessageBytes(ctx context.Context, vhost, queue string) (bytes, messages int64, err error)
	// Source reads messages, Dialer publishes them, each on its own connections. Neither fails:
	// they connect when they are used.
	Source(vhost string) consume.Source
	Dialer(vhost string) publish.Dialer
}

// Options configure a VHost.
type Options struct {
	// Match selects further dead-letter queues by name; nil for none.
	Match *regexp.Regexp
	// Login is the user of the connection. "" is unknown.
	Login string
	// Reconnect configures reconnection after a lost connection. The zero value has the defaults.
	Reconnect replay.Reconnect
	// Warn receives what the user should know and what is not an error. It is required.
	Warn func(text string)
}

// VHost is one vhost of a live broker with its dead-letter queues.
type VHost struct {
	Name    string
	Broker  Broker
	Options Options
	// Live is the broker's state, Found the dead-letter queues in it.
	Live  *topology.Live
	Found discover.Discovery
	// Counts are by queue.
	Counts map[string]topology.QueueCounts
}

// New returns a vhost that has not been read yet.
func New(b Broker, name string, o Options) *VHost { return &VHost{Name: name, Broker: b, Options: o} }

// Read reads objects and counts, and finds the dead-letter queues. If the vhost does not exist, the
// error is a *topology.MissingVHostError.
func (v *VHost) Read(ctx context.Context) error {
	live, err := v.Broker.Everything(ctx, []string{v.Name})
	if err != nil {
		return err
	}
	if slices.Contains(live.MissingVHosts, v.Name) {
		return live.WithoutVHost(v.Name)
	}
	v.Live = live
	return v.Count(ctx)
}

// Ref returns the reference of a queue of the vhost.
func (v *VHost) Ref(queue string) topology.Ref {
	return topology.Ref{Kind: topology.KindQueue, VHost: v.Name, Name: queue}
}

// IsWait returns a function that reports whether a queue is a wait queue.
func (v *VHost) IsWait() func(string) bool { return v.Found.IsWait(v.Name) }

// Exists reports whether a queue exists.
func (v *VHost) Exists(queue string) bool { return v.Live.Has(v.Ref(queue)) }

// HasExchange reports whether an exchange exists.
func (v *VHost) HasExchange(name string) bool {
	return capability.IsPredeclared(name) || v.Live.Has(topology.ExchangeRef(v.Name, name))
}
