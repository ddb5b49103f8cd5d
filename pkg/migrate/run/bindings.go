package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
)

// lead makes what goes to one object go to another instead: each binding is copied, and removed
// when all copies are seen to be there. It repeats that until there is no binding left, because
// applications bind meanwhile.
func (r *Runner) lead(ctx context.Context, from, to topology.Ref) (found int, err error) {
	for {
		list, err := r.othersTo(ctx, from)
		if err != nil || len(list) == 0 {
			return found, err
		}
		found += len(list)
		if err := r.copyAll(ctx, list, to); err != nil {
			return found, err
		}
		for _, b := range list {
			if err := r.Broker.Delete(ctx, b, topology.DeleteConditions{}); err != nil {
				return found, err
			}
		}
	}
}

// leadAll is lead for a way that is closed next. It waits for publications that the broker has begun
// to route: one that has seen the old bindings only must still find where they lead to.
func (r *Runner) leadAll(ctx context.Context, from, to topology.Object) error {
	found, err := r.lead(ctx, from.Ref(), to.Ref())
	if err != nil || found == 0 {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(onTheWay):
		return nil
	}
}

// leadAgain leads away what was bound to the queue meanwhile. gone reports whether the queue is missing.
func (r *Runner) leadAgain(ctx context.Context) (bound int, gone bool, err error) {
	have, err := r.Broker.FindQueue(ctx, r.Job.From.VHost, r.Job.From.Name)
	if err != nil || have == nil {
		return 0, have == nil, err
	}
	if bound, err = r.lead(ctx, r.Job.From.Ref(), r.Job.Route().Ref()); bound > 0 && err == nil {
		r.cut = cutoff{at: time.Now()}
	}
	return bound, false, err
}

// awaitedNow adds the applications that bind the queue again to what a drain waits for.
func (r *Runner) awaitedNow(bound int, awaited string) string {
	switch {
	case bound > 0 && awaited == "":
		return fmt.Sprintf("somebody binds queue %q again whenever its bindings were led away", r.Job.From.Name)
	case awaited == "":
		r.progress() // it waits for time to pass only
	}
	return awaited
}

// othersTo returns the bindings to an object that do not belong to the migration.
func (r *Runner) othersTo(ctx context.Context, to topology.Ref) (list []*topology.Binding, err error) {
	all, err := r.Broker.BindingsTo(ctx, to)
	for _, b := range all {
		if !migrate.Belongs(b.Source) {
			list = append(list, b)
		}
	}
	return list, err
}

// copyAll binds an object as another is bound. The broker tells bindings apart by the types of their
// arguments, which nobody can read; but the key that it gives them depends on the types. So a copy
// with another key is made again with narrower integers.
func (r *Runner) copyAll(ctx context.Context, list []*topology.Binding, to topology.Ref) error {
	have, err := r.keys(ctx, to)
	if err != nil {
		return err
	}
	for _, b := range list {
		if have[keyOf(b)] {
			continue
		}
		if err := r.Broker.Create(ctx, copyOf(b, to, b.Arguments)); err != nil {
			return err
		}
	}
	if have, err = r.keys(ctx, to); err != nil {
		return err
	}
	wanted := map[bindingKey]bool{}
	for _, b := range list {
		wanted[keyOf(b)] = true
	}
	for _, b := range list {
		if have[keyOf(b)] {
			continue
		}
		if err := r.copyNarrow(ctx, b, to, wanted); err != nil {
			return errors.Join(err, r.withdraw(ctx, list, to, wanted))
		}
	}
	return nil
}

// withdraw removes the copies of bindings that are not as they are.
func (r *Runner) withdraw(ctx context.Context, list []*topology.Binding, to topology.Ref,
	wanted map[bindingKey]bool) error {
	all, err := r.Broker.BindingsTo(ctx, to)
	for _, made := range all {
		like := func(b *topology.Binding) bool { return looksLike(made, b) }
		if !wanted[keyOf(made)] && slices.ContainsFunc(list, like) {
			err = errors.Join(err, r.Broker.Delete(ctx, made, topology.DeleteConditions{}))
		}
	}
	return err
}

// copyNarrow tries other widths of integers for one binding, and keeps the first copy if none fits.
func (r *Runner) copyNarrow(ctx context.Context, b *topology.Binding, to topology.Ref,
	wanted map[bindingKey]bool) error {
	c := copying{r: r, of: b, wanted: wanted}
	for _, width := range []int{64, 32, 16, 8} {
		args, ok := narrow(b.Arguments, width)
		if !ok {
			continue
		}
		before, err := r.keys(ctx, to)
		if err != nil {
			return err
		}
		if err := r.Broker.Create(ctx, copyOf(b, to, args)); err != nil {
			return err
		}
		after, err := r.Broker.BindingsTo(ctx, to)
		if err != nil {
			return err
		}
		if equal, err := c.choose(ctx, before, after); equal || err != nil {
			return err
		}
	}
	if c.kept == nil {
		return fmt.Errorf("bind %s as before: the broker confirmed the binding from exchange %q and does not list it", to,
			b.Source)
	}
	if !sameRoutes(b.Arguments) {
		return fmt.Errorf("%w: bind %s as exchange %q binds it with key %q: the broker does not show the AMQP types of the "+
			"arguments %v: bind it with text, booleans or integers only", ErrNotCopied, to, b.Source, b.RoutingKey, b.Arguments)
	}
	r.note(fmt.Sprintf("the binding from exchange %q with key %q has arguments of other AMQP types than before; they "+
		"route the same messages", b.Source, b.RoutingKey))
	return nil
}

// ErrNotCopied is wrapped if a binding cannot be led elsewhere without routing other messages.
var ErrNotCopied = errors.New("a binding cannot be copied")

// sameRoutes reports whether arguments route the same messages although their AMQP types are others:
// those of integers do not count. A fraction may be a decimal, and a table has types within.
func sameRoutes(args topology.Arguments) bool {
	for _, v := range args {
		switch v := v.(type) {
		case int64, bool, nil:
		case string:
			if strings.HasPrefix(v, notText) {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// notText begins what the management API shows instead of bytes that are no text.
const notText = "Not UTF-8, base64 is: "

// copying is the search for a copy of a binding that is equal to it.
type copying struct {
	r      *Runner
	of     *topology.Binding
	wanted map[bindingKey]bool
	kept   *topology.Binding // the first copy
}

// choose removes what another try made, unless it is equal to the binding. Then the first copy goes.
func (c *copying) choose(ctx context.Context, before map[bindingKey]bool, after []*topology.Binding) (equal bool,
	err error) {
	for _, made := range after {
		switch key := keyOf(made); {
		case key == keyOf(c.of):
			if c.kept != nil && !c.wanted[keyOf(c.kept)] {
				return true, c.r.Broker.Delete(ctx, c.kept, topology.DeleteConditions{})
			}
			return true, nil
		case c.kept == nil && looksLike(made, c.of):
			c.kept = made
		case !before[key] && !c.wanted[key] && c.kept != nil && key != keyOf(c.kept):
			if err := c.r.Broker.Delete(ctx, made, topology.DeleteConditions{}); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// bindingKey tells the bindings of one object apart.
type bindingKey struct{ source, properties string }

func keyOf(b *topology.Binding) bindingKey { return bindingKey{b.Source, b.PropertiesKeys[0]} }

func (r *Runner) keys(ctx context.Context, to topology.Ref) (map[bindingKey]bool, error) {
	list, err := r.Broker.BindingsTo(ctx, to)
	have := make(map[bindingKey]bool, len(list))
	for _, b := range list {
		have[keyOf(b)] = true
	}
	return have, err
}

func looksLike(a, b *topology.Binding) bool {
	return a.Source == b.Source && a.RoutingKey == b.RoutingKey && a.Arguments.Equal(b.Arguments)
}

func copyOf(b *topology.Binding, to topology.Ref, args topology.Arguments) *topology.Binding {
	kind := topology.ToQueue
	if to.Kind == topology.KindExchange {
		kind = topology.ToExchange
	}
	return &topology.Binding{VHost: b.VHost, Source: b.Source, Destination: to.Name, DestinationType: kind,
		RoutingKey: b.RoutingKey, Arguments: args}
}

// narrow returns the arguments with integers of another width, and false if one does not fit.
func narrow(args topology.Arguments, width int) (topology.Arguments, bool) {
	out := args.Clone()
	for name, v := range args {
		n, ok := v.(int64)
		if !ok {
			continue
		}
		switch width {
		case 32:
			out[name], ok = int32(n), int64(int32(n)) == n
		case 16:
			out[name], ok = int16(n), int64(int16(n)) == n
		case 8:
			out[name], ok = int8(n), int64(int8(n)) == n
		}
		if !ok {
			return nil, false
		}
	}
	return out, true
}
