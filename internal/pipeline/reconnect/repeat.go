package reconnect

import (
	"context"
	"time"
)

// maxRefusals is how many refused logins in a row are tried again, and refusedDelay the longest
// delay for that: a broker that has just started may not know its users and vhosts for a moment.
const (
	maxRefusals  = 3
	refusedDelay = time.Second
)

// Repeat calls f: an operation that opens what it needs. When established, the broker was reached
// before, and Repeat calls f again while the error is transient, as p says, and a few times while
// it is a refused login. Otherwise it calls f once, so that a wrong address shows at once.
//
// The error is the last one of f, joined with why ctx ended if that was first. p.Attempts counts
// the first call too; p.Patience is not used: an error that is not transient ends it.
func Repeat(ctx context.Context, p Policy, established bool, f func() error) error {
	if !established {
		p.Attempts = 1
	}
	p.Patience = -1
	var last error
	_, err := Open(ctx, p.Start(), nil, func(context.Context) (struct{}, error) {
		last = f()
		return struct{}{}, last
	}, nil)
	if err != nil && last != nil && ctx.Err() != nil {
		return &interrupted{last: last, end: context.Cause(ctx)}
	}
	return err
}

// interrupted is an error whose repetition was ended by a context.
type interrupted struct{ last, end error }

func (e *interrupted) Error() string   { return e.last.Error() }
func (e *interrupted) Unwrap() []error { return []error{e.last, e.end} }
