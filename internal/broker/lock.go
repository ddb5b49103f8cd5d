package broker

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/amqp"
	"github.com/msgctl/msgctl/internal/amqp/declare"
	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Arguments of a lock's queue, which brokers ignore and show: who holds the lock, since when.
const (
	lockHolder = "msgctl-holder"
	lockSince  = "msgctl-since"
)

// Lock prevents two applies of one topology at the same time, also from different machines. It is
// an exclusive queue msgctl.lock.<name> in the vhost ("" means the options' vhost), on a connection
// of its own. The broker deletes the queue when that connection ends, so a killed process leaves no
// lock behind (at the latest when the heartbeat fails, twice its interval). A holder whose
// connection is lost loses the lock without notice: the lock prevents accidents, it guarantees
// nothing. It is given up before its time where it takes the place of a queue or of a connection
// that a limit allows: see Create.
//
// The error wraps topology.ErrLocked when another apply holds it. Where it wraps
// topology.ErrUnreachable or ErrNotPermitted, no lock is available, and the caller may continue
// with a warning. release is never nil and may be called more than once.
func (c *Client) Lock(ctx context.Context, vhost, name string) (release func(), err error) {
	if vhost == "" {
		vhost = c.opts.VHost
	}
	queue := lockQueue(vhost, name)
	op := refusal.Operation{Op: fmt.Sprintf("lock topology %q", name), Object: queue, User: c.opts.User}
	release, err = declare.Lock(ctx, c.amqp, queue)
	switch {
	case err == nil:
		release = sync.OnceFunc(release)
		c.mu.Lock()
		c.locks = append(c.locks, release)
		c.mu.Unlock()
		return release, nil
	case amqp.IsLocked(err):
		return func() {}, &refusal.Error{Op: op.Op, Sentinel: topology.ErrLocked, Cause: err,
			Text: "another apply of it is running in vhost " + fmt.Sprintf("%q", vhost) + c.holder(ctx, queue) +
				": wait until it has ended, then run apply again"}
	}
	return func() {}, amqp.Explain(ctx, op, err)
}

// holdsLocks reports whether a lock was held at any time.
func (c *Client) holdsLocks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.locks) > 0
}

// A broker that is busy still counts a connection for a moment that has just been closed. So what
// needed the place of a lock is tried again every yieldPause, until yieldWait after the locks were
// released.
const (
	yieldPause = 100 * time.Millisecond
	yieldWait  = 10 * time.Second
)

// yieldingLocks calls f. If it reaches a limit while locks are held, they are released, and f is
// called again. That is repeated while it reaches a limit and the broker may still count the locks.
func (c *Client) yieldingLocks(ctx context.Context, f func() error) error {
	held := c.holdsLocks()
	if err := f(); !held || !errors.Is(err, topology.ErrLimit) {
		return err
	}
	c.mu.Lock()
	locks := c.locks
	if c.yielded.IsZero() {
		c.yielded = time.Now()
	}
	end := c.yielded.Add(yieldWait)
	c.mu.Unlock()
	for _, release := range locks {
		release()
	}
	for {
		err := f()
		if !errors.Is(err, topology.ErrLimit) || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(yieldPause):
		}
	}
}

func lockQueue(vhost, name string) *topology.Queue {
	return &topology.Queue{VHost: vhost, Name: topology.LockName(name), Exclusive: true, AutoDelete: true,
		Arguments: topology.Arguments{lockHolder: holderName(), lockSince: time.Now().UTC().Format(time.RFC3339)}}
}

// holderName is user@host (process) for people who find the lock taken.
func holderName() string {
	who := "unknown"
	if u, err := user.Current(); err == nil {
		who = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s@%s (process %d)", who, host, os.Getpid())
}

// holder says who holds the lock, if the management API knows: ", held by root@ci (process 7) since
// 2026-01-02T15:04:05Z".
func (c *Client) holder(ctx context.Context, queue *topology.Queue) string {
	if c.api == nil {
		return ""
	}
	who, since := c.api.Holder(ctx, queue, lockHolder, lockSince)
	if who == "" {
		return ""
	}
	return fmt.Sprintf(", held by %.100s since %.40s", refusal.Printable(who), refusal.Printable(since))
}
