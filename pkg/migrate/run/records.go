package run

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology"
)

// renameOwned writes the new name of the queue into the records of the topologies that own it or its
// bindings. So their files may name it, and pruning deletes it one day.
func (r *Runner) renameOwned(ctx context.Context) error {
	if !r.Job.Renames() {
		return nil
	}
	values, err := r.Broker.GlobalParameters(ctx)
	if err != nil {
		return err
	}
	for _, parameter := range slices.Sorted(maps.Keys(values)) {
		name, ok := topology.OwnershipName(parameter)
		if !ok {
			continue
		}
		have, err := topology.DecodeOwnership(name, values[parameter])
		if err != nil {
			r.note(fmt.Sprintf("if topology %q owns the queue, its record does not name it anew, because it cannot be read: %v",
				name, err))
			continue
		}
		if want, changed := have.Renamed(r.Job.From.Ref(), r.Job.To.Name); changed {
			if err := r.Broker.SaveOwnership(ctx, want); err != nil {
				return fmt.Errorf("record the new name of queue %q: %w", r.Job.From.Name, err)
			}
		}
	}
	return nil
}
