package vhost

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// MissingError says that a queue or an exchange does not exist.
type MissingError struct {
	// Kind is "queue" or "exchange".
	Kind, Name string
	// VHost is the vhost that was searched.
	VHost string
	// Known are the existing names, the likeliest kind first.
	Known []string
	// Destination says that messages were to be sent to it.
	Destination bool
}

// Error implements error.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s %q does not exist in vhost %q", e.Kind, e.Name, e.VHost)
}

// Queue returns a queue of the vhost, or a *MissingError, or a *topology.MigratedError.
func (v *VHost) Queue(name string) (*topology.Queue, error) {
	if err := v.Live.Migrated(v.Name, name); err != nil {
		return nil, err
	}
	if o, ok := v.Live.Get(v.Ref(name)); ok {
		return o.(*topology.Queue), nil
	}
	return nil, &MissingError{Kind: "queue", Name: name, VHost: v.Name, Known: v.queueNames()}
}

// queueNames returns the names of all queues, dead-letter queues first.
func (v *VHost) queueNames() []string {
	var names []string
	for _, q := range v.Found.Queues {
		names = append(names, q.Name)
	}
	others := slices.DeleteFunc(v.names(topology.KindQueue), func(n string) bool { return slices.Contains(names, n) })
	return append(names, others...)
}

func (v *VHost) names(kind topology.Kind) (names []string) {
	for _, o := range v.Live.Objects() {
		if ref := o.Ref(); ref.Kind == kind && ref.VHost == v.Name {
			names = append(names, ref.Name)
		}
	}
	slices.Sort(names)
	return names
}

// CheckDestination returns a *MissingError if the queue or exchange of a destination does not
// exist, and a *topology.MigratedError for one of a migration.
func (v *VHost) CheckDestination(to replay.Destination) error {
	switch to.Kind {
	case replay.ToQueue:
		if err := v.Live.Migrated(v.Name, to.Queue); err != nil {
			return err
		}
		if !v.Exists(to.Queue) {
			return &MissingError{Kind: "queue", Name: to.Queue, VHost: v.Name, Known: v.queueNames(), Destination: true}
		}
	case replay.ToExchange:
		if v.HasExchange(to.Exchange) {
			return nil
		}
		return &MissingError{Kind: "exchange", Name: to.Exchange, VHost: v.Name, Known: v.names(topology.KindExchange),
			Destination: true}
	}
	return nil
}

// Reaches returns the queues that get a copy of what is published to a target.
func (v *VHost) Reaches(t publish.Target) discover.Reach {
	return discover.Reaches(&v.Live.State, v.Name, v.Live.Server.Version, t)
}
