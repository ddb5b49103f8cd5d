package otlp

import (
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The pauses between attempts: they double from the first to the longest, and each is up to a half
// shorter by chance. At the end of a run there is no time for that.
const (
	firstPause   = 500 * time.Millisecond
	longestPause = 10 * time.Second
	closingPause = 100 * time.Millisecond
	// unreachable is how long, at the end of a run, a receiver is tried that cannot be reached at
	// all.
	unreachable = time.Second
)

// deliver tries until the receiver has taken a request, has refused it for good, or ctx or the
// timeout ends.
func (e *Exporter) deliver(ctx context.Context, body []byte) (partial, error) {
	limited, cancel := context.WithTimeoutCause(ctx, e.config.Timeout, errTimeout)
	defer cancel()
	var last error // the reason that a timeout hides
	for n := 0; ; n++ {
		said, again, after, err := e.post(limited, body)
		switch {
		case err == nil:
			return said, nil
		case limited.Err() != nil:
			return partial{}, e.outOfTime(limited, last)
		case !again:
			return partial{}, err
		}
		last = err
		if e.isClosing() && notReached(err) && e.givesUp() {
			return partial{}, err
		}
		if !e.pause(limited, max(after, backoff(n))) {
			return partial{}, last
		}
	}
}

// givesUp says, at the end of a run, that the receiver was not there for long enough. That holds
// for all requests together.
func (e *Exporter) givesUp() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.absent.IsZero() {
		e.absent = time.Now()
	}
	return time.Since(e.absent) > unreachable
}

var errTimeout = errors.New("timeout")

// outOfTime says what it was that took so long.
func (e *Exporter) outOfTime(limited context.Context, last error) error {
	switch {
	case last != nil:
		return last
	case errors.Is(context.Cause(limited), errTimeout):
		return errorText("it did not answer in " + e.config.Timeout.String())
	}
	return errorText("it did not answer before the end")
}

func backoff(n int) time.Duration {
	d := min(firstPause<<min(n, 10), longestPause)
	return d/2 + rand.N(d/2)
}

func (e *Exporter) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// pause is false when ctx ends first. When the run ends it is cut short.
func (e *Exporter) pause(ctx context.Context, d time.Duration) bool {
	closing := e.closing
	if e.isClosing() {
		d, closing = min(d, closingPause), nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-closing:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// retryable are the answers of which the specification says that they may pass.
func retryable(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// maxRetryAfter bounds what a receiver may ask for; the timeout does so, too.
const maxRetryAfter = time.Minute

// retryAfter reads seconds, or a date of HTTP. Nonsense is 0.
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), maxRetryAfter)
	}
	if t, err := http.ParseTime(s); err == nil {
		return min(max(t.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

// notReached says that there was no connection, so that none of the request can have arrived.
func notReached(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// distrusted says that the receiver's certificate was refused: it will be the next time, too, and
// waiting would only hide the reason.
func distrusted(err error) bool {
	var certificate *tls.CertificateVerificationError
	return errors.As(err, &certificate)
}

type errorText string

func (e errorText) Error() string { return string(e) }

// hideAddress leaves out the address, which may hold a password.
func hideAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// clip bounds what a receiver says.
func clip(s string) string {
	const most = 300
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(s) > most {
		return strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}
