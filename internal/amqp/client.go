package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Client opens connections to the AMQP listener of one broker. It holds no connection itself and is
// safe for concurrent use.
type Client struct{ opts Options }

// New returns a client, with defaults for what o leaves at zero. It does no I/O.
func New(o Options) *Client { return &Client{opts: o.withDefaults()} }

// URL returns the URL of the listener, without credentials and vhost.
func (c *Client) URL() string { return c.opts.URL() }

// Explain returns an AMQP error in words for users. It returns nil for nil. If err is explained
// already, Explain only adds the operation.
func Explain(ctx context.Context, o refusal.Operation, err error) error { return explain(ctx, o, err) }

func explain(ctx context.Context, o refusal.Operation, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := o.Known(err); ok {
		return known
	}
	var x *amqp091.Error
	switch {
	case errors.As(err, &x):
		return exception(o, x)
	case !errors.Is(ctx.Err(), context.Canceled) && errors.Is(err, context.DeadlineExceeded):
		return refusal.Unreachable(o.Op, "the time for it ran out", err)
	}
	return o.Failed(ctx, err)
}

// IsException reports whether err is an AMQP exception, raised by the broker or by the client
// library.
func IsException(err error) bool {
	var x *amqp091.Error
	return errors.As(err, &x)
}

// IsNotFound reports whether the broker answered that the object does not exist (404).
func IsNotFound(err error) bool { return hasCode(err, amqp091.NotFound) && !IsDown(err) }

// IsDown reports whether the broker answered that a queue exists, but does not run: its node is
// down, or it crashed. The broker says that with a 404, too; only the text differs ("no queue ..."
// if there is none): fact down-queue-counts.
func IsDown(err error) bool {
	var x *amqp091.Error
	return hasCode(err, amqp091.NotFound) && errors.As(err, &x) && !strings.HasPrefix(x.Reason, "NOT_FOUND - no ")
}

// IsRefused reports whether the broker answered that the login lacks a permission (403).
func IsRefused(err error) bool { return hasCode(err, amqp091.AccessRefused) }

// IsLocked reports whether the broker answered that the queue is exclusive to another connection
// (405).
func IsLocked(err error) bool { return hasCode(err, amqp091.ResourceLocked) }

func hasCode(err error, code int) bool {
	var x *amqp091.Error
	return errors.As(err, &x) && x.Server && x.Code == code
}

func exception(o refusal.Operation, x *amqp091.Error) error {
	if !x.Server {
		return unsendable(o, x)
	}
	r := refusal.Parse(x.Reason)
	if text, kind := o.Reason(r); text != "" {
		return &refusal.Error{Op: o.Op, Text: text, Remedy: r.Remedy(), Sentinel: kind, Cause: x}
	}
	switch x.Code {
	case amqp091.ConnectionForced:
		return refusal.Unreachable(o.Op, "the broker closed the connection: it is stopping, or an operator closed it", x)
	case amqp091.InternalError:
		return &refusal.Error{Op: o.Op, Text: "the broker failed on it with an internal error and closed the connection: " +
			o.Suspect(), Cause: x}
	case amqp091.AccessRefused:
		return &refusal.Error{Op: o.Op, Text: "the broker refuses: " + r.Detail, Sentinel: topology.ErrNotPermitted, Cause: x}
	}
	return &refusal.Error{Op: o.Op, Text: "the broker refuses: " + refusal.OrUnsaid(r.Detail), Cause: x}
}

// unsendable explains an error that the client library detected before it sent anything.
func unsendable(o refusal.Operation, x *amqp091.Error) error {
	switch {
	case errors.Is(x, amqp091.ErrFieldType), x.Code == amqp091.SyntaxError:
		return &refusal.Error{Op: o.Op, Text: fmt.Sprintf("an argument's value, or a name, cannot be sent over AMQP: names "+
			"have at most %d bytes", maxShortString), Cause: x}
	case errors.Is(x, amqp091.ErrFrameTooLarge):
		return &refusal.Error{Op: o.Op, Text: "its arguments are too long for an AMQP frame (128 KiB)", Cause: x}
	}
	return refusal.Unreachable(o.Op, "the connection was lost", x)
}
