package broker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
)

const (
	// answerWithin bounds the wait for the answer to a creation that is under way when the context
	// ends, and for one whose outcome is not known.
	answerWithin = 30 * time.Second
	// deleteWithin bounds the deletion of what was temporary, which happens also after the context
	// has ended.
	deleteWithin = 30 * time.Second
)

// CreateTemporary makes an object that its caller deletes again, and leaves nothing behind when it
// returns an error. The broker may still carry out a request that was interrupted or got no answer.
// When ctx ends while a creation is under way, CreateTemporary therefore waits for its outcome, and
// deletes what was made. Where that is not possible, the error wraps a *topology.LeftBehindError.
func (c *Client) CreateTemporary(ctx context.Context, want topology.Object) error {
	if ctx.Err() != nil {
		return c.on("declare", want).Failed(ctx, ctx.Err())
	}
	working, cancel := outlast(ctx, answerWithin)
	defer cancel()
	err := c.Create(working, want)
	switch uncertain := err != nil && c.api != nil && c.api.MayHaveChanged(err); {
	case err == nil && ctx.Err() == nil:
		return nil
	case uncertain:
		// A repeated request is carried out after the first one, if the first is carried out at
		// all.
		again, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
		defer cancel()
		_ = c.Create(again, want)
	case err != nil:
		return cmp.Or(ctx.Err(), err)
	}
	return errors.Join(cmp.Or(ctx.Err(), err), c.deleteTemporary(want))
}

// deleteTemporary deletes what CreateTemporary made, without guards and whatever the caller's
// context says.
func (c *Client) deleteTemporary(o topology.Object) error {
	ctx, cancel := context.WithTimeout(context.Background(), deleteWithin)
	defer cancel()
	err := c.explain(ctx, c.on("delete", o), missingIsFine(c.deleteHTTP(ctx, o)))
	if err == nil {
		return nil
	}
	text := fmt.Sprintf("the temporary %s may still exist; remove it", o.Ref())
	if command := deletion(o); command != "" {
		text += " with: " + command
	}
	return &topology.LeftBehindError{Text: text, Cause: err}
}

// deletion is the command that deletes an object; "" where there is no plain one.
func deletion(o topology.Object) string {
	switch o := o.(type) {
	case *topology.VHost:
		return "rabbitmqctl delete_vhost " + shell.Quote(o.Name)
	case *topology.Policy:
		verb := "clear_policy"
		if o.Operator {
			verb = "clear_operator_policy"
		}
		return fmt.Sprintf("rabbitmqctl %s -p %s %s", verb, shell.Quote(o.VHost), shell.Quote(o.Name))
	}
	return ""
}

// outlast returns a context that ends some time after ctx does.
func outlast(ctx context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, guarded.Func(func() { time.AfterFunc(by, guarded.Func(cancel)) }))
	return lasting, func() {
		stop()
		cancel()
	}
}
