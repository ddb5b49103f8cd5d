package run

import (
	"context"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Undo removes what prepare has made, which has changed nothing for applications, and the record.
func (r *Runner) Undo(ctx context.Context) error {
	j := r.Job
	objects := []topology.Object{j.Route(), j.Trial(), j.Backlog(), j.Arrivals()}
	for _, x := range j.Exchanges() {
		objects = append(objects, x)
	}
	for _, o := range append(objects, &topology.GlobalParameter{Name: j.Parameter()}) {
		if err := r.Broker.Delete(ctx, o, topology.DeleteConditions{}); err != nil {
			return err
		}
	}
	return nil
}
