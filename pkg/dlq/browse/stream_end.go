package browse

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/msgctl/msgctl/pkg/consume"
)

const (
	// StreamPrefetch is large enough to keep the broker sending. Messages are acknowledged in
	// batches of half of it.
	StreamPrefetch = 1000
	// StreamWait is how long to wait for the first message of a stream before it counts as empty.
	StreamWait = 5 * time.Second
	// StreamStall is how long to wait for a message that the stream is known to have.
	StreamStall = 30 * time.Second
	// maxEndProbes limits the search for the end of a stream that grows as fast as it is read. No
	// chunk has more messages.
	maxEndProbes = 1 + 65535/StreamPrefetch
	// maxEndLosses is how many lost connections the search survives.
	maxEndLosses = 3
)

// StreamEnd returns the offset of the last message in a stream, and false if the stream is empty:
// no message arrives within wait. The broker begins with the last chunk, and its channel sends at
// once as much of it as fits into the prefetch, before it answers a cancel. If fewer messages than
// the prefetch arrive, they are all (fact stream-last-chunk). o.Prefetch may be smaller than the
// last chunk, but by a factor of at most maxEndProbes. Only an empty stream is recognized by a
// timeout. A lost connection is restored a few times; the error then wraps consume.ErrLost. Other
// errors are those of the source and of ctx.
func StreamEnd(ctx context.Context, src consume.Source, o consume.Options, wait time.Duration) (last int64, ok bool,
	err error) {
	o.Offset = "last"
	for probe, losses := 0, 0; probe < maxEndProbes; probe++ {
		count, at, err := probeEnd(ctx, src, o, wait)
		if errors.Is(err, consume.ErrLost) && losses < maxEndLosses {
			losses++
			continue
		}
		if err != nil {
			return 0, false, err
		}
		if count > 0 {
			last, ok = at, true
		}
		if count < o.Prefetch {
			break
		}
		o.Offset = last + 1
	}
	return last, ok, nil
}

// probeEnd counts the messages that the broker sends at once, and returns the offset of the last.
func probeEnd(ctx context.Context, src consume.Source, o consume.Options, wait time.Duration) (count int, last int64,
	err error) {
	sub, err := src.Subscribe(ctx, o)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = sub.Close() }()
	d, err := lastWait(ctx, sub, wait)
	if errors.Is(err, errIdle) {
		return 0, 0, nil
	}
	if err == nil {
		err = cancelWithin(ctx, sub)
	}
	for err == nil {
		if at, ok := d.Offset(); ok {
			count, last = count+1, at
		}
		d, err = sub.Next(ctx)
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return count, last, err
}

func cancelWithin(ctx context.Context, sub consume.Subscription) error {
	ctx, stop := context.WithTimeout(ctx, returnTimeout)
	defer stop()
	return sub.Cancel(ctx)
}
