package topology

import (
	"context"
	"errors"
	"slices"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/apply"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Broker is the set of broker operations that the commands that plan and change use.
type Broker interface {
	apply.Writer
	// Live reads what is needed to compare the declared state.
	Live(ctx context.Context, want *topology.State) (*topology.Live, error)
	// Refine counts the messages and consumers of queues again.
	Refine(ctx context.Context, live *topology.Live, refs []topology.Ref) error
	// Lock prevents concurrent applies of the same topology until release is called.
	Lock(ctx context.Context, vhost, topologyName string) (release func(), err error)
	// Close ends all connections.
	Close()
}

// OpenBroker creates a client; it dials nothing. With noAPI it uses AMQP only.
type OpenBroker func(ctx context.Context, conn *profile.Connection, command string, noAPI bool) (Broker, error)

// OpenReader creates a client that only reads.
type OpenReader func(ctx context.Context, conn *profile.Connection, command string) (subject.Reader, error)

// planner makes a plan from the current state of the broker; apply calls it twice.
type planner func(ctx context.Context) (*plan.Plan, error)

// newPlanner returns a planner that reads, compares, and counts again what destructive steps would
// destroy.
func newPlanner(b Broker, read func(context.Context) (*topology.Live, error),
	diff func(*topology.Live) *plan.Plan) planner {
	return func(ctx context.Context) (*plan.Plan, error) {
		live, err := read(ctx)
		if err != nil {
			return nil, err
		}
		plan := diff(live)
		queues := atStake(plan, live)
		if len(queues) == 0 {
			return plan, nil
		}
		if err := b.Refine(ctx, live, queues); err != nil {
			return nil, err
		}
		return diff(live), nil
	}
}

// atStake returns the queues that the plan's destructive steps would delete or drop messages of:
// those named, and all queues of a deleted vhost.
func atStake(p *plan.Plan, live *topology.Live) []topology.Ref {
	var queues []topology.Ref
	for _, s := range p.Steps {
		queues = append(queues, s.Queues...)
		if s.Action != plan.Delete && s.Action != plan.Replace {
			continue
		}
		switch s.Ref.Kind {
		case topology.KindQueue:
			queues = append(queues, s.Ref)
		case topology.KindVHost:
			queues = append(queues, queuesIn(live, s.Ref.Name)...)
		}
	}
	slices.SortFunc(queues, topology.Ref.Compare)
	return slices.Compact(queues)
}

func queuesIn(live *topology.Live, vhost string) []topology.Ref {
	var queues []topology.Ref
	for _, o := range live.Objects() {
		if ref := o.Ref(); ref.Kind == topology.KindQueue && ref.VHost == vhost {
			queues = append(queues, ref)
		}
	}
	return queues
}

// adviseNoAPI suggests --no-api in the error that the management API cannot be reached.
func (c *comparison) adviseNoAPI(err error) error {
	if c.options.destroy || !errors.Is(err, topology.ErrAPI) || !errors.Is(err, topology.ErrUnreachable) {
		return err
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err,
		Advice: "to declare exchanges, queues and bindings over AMQP instead: msgctl " + c.command + " --no-api"}
}
