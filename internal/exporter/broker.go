package exporter

import (
	"context"

	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
)

// Broker is what the exporter needs of a live broker.
type Broker interface {
	vhost.Broker
	// VHosts lists the vhosts that the user may see.
	VHosts(ctx context.Context) ([]string, error)
	// Owned is Everything, and reads what the ownership record of a topology names.
	Owned(ctx context.Context, owner string, vhosts []string) (*topology.Live, error)
	// ReadyBytes returns the bytes of the ready messages of every queue of a vhost.
	ReadyBytes(ctx context.Context, vhost string) (map[string]int64, error)
	// Close ends all connections.
	Close()
}

// Files is what the topology files declare.
type Files interface {
	State() *topology.State
	// Lint returns the findings about what was read of the broker.
	Lint(live *topology.Live) []lint.Finding
}
