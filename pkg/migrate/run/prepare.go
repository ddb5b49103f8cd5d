package run

import (
	"context"
	"fmt"

	"github.com/msgctl/msgctl/pkg/topology"
)

// prepare makes everything that belongs to the migration. So it finds out what the broker refuses
// before anything is changed: a queue like the new one, or an access that is needed.
func (r *Runner) prepare(ctx context.Context) error {
	j := r.Job
	if err := r.Broker.Create(ctx, j.Trial()); err != nil {
		return fmt.Errorf("try whether the broker takes the new queue: %w", err)
	}
	if err := r.Broker.Delete(ctx, j.Trial(), topology.DeleteConditions{}); err != nil {
		return err
	}
	if err := r.Broker.Create(ctx, j.From); err != nil { // an equal one is there: that takes the permission
		return err
	}
	if err := r.makeOwn(ctx); err != nil {
		return err
	}
	if err := r.tryName(ctx); err != nil {
		return err
	}
	return r.Broker.Create(ctx, j.Bound(j.Route(), j.From))
}

// tryName finds out whether a new name is still free, and whether the login may configure and write
// it. What takes these permissions is to remove a queue and a binding that are not there.
func (r *Runner) tryName(ctx context.Context) error {
	j := r.Job
	if !j.Renames() {
		return nil
	}
	have, err := r.Broker.FindQueue(ctx, j.To.VHost, j.To.Name)
	if err != nil {
		return err
	}
	if have != nil {
		return fmt.Errorf("rename queue %q: queue %q exists already: choose a name that is free", j.From.Name, j.To.Name)
	}
	name := &topology.Queue{VHost: j.To.VHost, Name: j.To.Name, Type: topology.Classic, Durable: true}
	if err := r.Broker.Delete(ctx, name, topology.DeleteConditions{IfEmpty: true, IfUnused: true}); err != nil {
		return err
	}
	return r.Broker.Delete(ctx, j.Bound(j.Into(j.To), j.To), topology.DeleteConditions{})
}

// makeOwn makes what belongs to the migration, or what of it somebody has removed.
func (r *Runner) makeOwn(ctx context.Context) error {
	j := r.Job
	objects := []topology.Object{j.Backlog(), j.Arrivals()}
	for _, x := range j.Exchanges() {
		objects = append(objects, x)
	}
	objects = append(objects, j.Bound(j.Into(j.Backlog()), j.Backlog()), j.Bound(j.Into(j.Arrivals()), j.Arrivals()))
	for _, o := range objects {
		if err := r.Broker.Create(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

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
