package handle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Table is a Handler that passes each message to the handler for its type.
type Table struct {
	// ByType maps event types to handlers; "*" matches every other type.
	ByType map[string]Handler
	// Unknown is the verdict for a message whose type has no handler: Handled, Retry or DeadLetter.
	Unknown Verdict
}

// Handle implements Handler.
func (t *Table) Handle(ctx context.Context, a *Attempt) Result {
	h := t.ByType[a.Type]
	if h == nil {
		h = t.ByType["*"]
	}
	if h != nil {
		a.By = h.Name()
		return h.Handle(ctx, a)
	}
	text := fmt.Sprintf("no handler is named for type %q", a.Type)
	switch t.Unknown {
	case Handled:
		return Done()
	case Retry:
		return Again(ErrorUnknown, text)
	}
	return Never(ErrorUnknown, text)
}

// Name implements Handler.
func (*Table) Name() string { return "handlers" }

// Close implements Handler. It closes all handlers and joins their errors.
func (t *Table) Close(ctx context.Context) error {
	var err error
	for _, name := range slices.Sorted(maps.Keys(t.ByType)) {
		err = errors.Join(err, t.ByType[name].Close(ctx))
	}
	return err
}
