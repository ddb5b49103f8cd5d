package reconnect

import (
	"context"
	"time"
)

// maxRefusals is how many refused logins in a row are tried again, and refusedDelay is the maximum
// of Policy.Delay for such attempts. A broker that has just started may not know its users and
// vhosts yet.
const (
	maxRefusals  = 3
	refusedDelay = time.Second
)

// Repeat calls f, an operation that opens what it needs. established says that the broker was
// reached before. Repeat then calls f again while the error is transient, as p defines it, and a
// few times after a refused login. Otherwise it calls f once, so that a wrong address shows at
// once.
//
// The error is the last one of f. If ctx ended first, the error also wraps the cause of that.
// p.Attempts includes the first call. p.Patience is ignored: an error that is not transient ends
// Repeat.
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

// interrupted is the last error of an operation whose repetition a context ended.
type interrupted struct{ last, end error }

func (e *interrupted) Error() string   { return e.last.Error() }
func (e *interrupted) Unwrap() []error { return []error{e.last, e.end} }
