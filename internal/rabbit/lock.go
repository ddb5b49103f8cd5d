package rabbit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/user"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/pkg/topology"
)

// Arguments of a lock's queue, which brokers ignore and show: who holds the lock, since when.
const (
	lockHolder = "msgctl-holder"
	lockSince  = "msgctl-since"
)

// LockApply keeps two applies of one topology apart, also from different machines: an exclusive
// queue msgctl.lock.<name> in the vhost ("" means the options' vhost), on a connection of its own.
// The broker deletes the queue when that connection ends, so a killed process leaves no lock behind
// (at the latest when the heartbeat fails, twice its interval). A holder whose connection is cut
// loses the lock without being told: it keeps careless people apart, it is no proof.
//
// The error wraps ErrLocked when another apply holds it. Where it wraps topology.ErrUnreachable or
// ErrNotPermitted there is just no lock to be had, and the caller may go on with a warning. release
// is never nil and may be called more than once.
func (c *Client) LockApply(ctx context.Context, vhost, name string) (release func(), err error) {
	if vhost == "" {
		vhost = c.opts.VHost
	}
	op := fmt.Sprintf("lock topology %q", name)
	l, err := dial(ctx, c.opts, vhost)
	if err != nil {
		return func() {}, explainer{op: op, user: c.opts.User}.explain(ctx, err)
	}
	release = sync.OnceFunc(l.close)
	queue := lockQueue(vhost, name)
	s := newSession(c.opts, vhost)
	err = s.once(ctx, l, declaration(queue))
	if err == nil {
		return release, nil
	}
	release()
	var exception *amqp.Error
	if errors.As(err, &exception) && exception.Code == amqp.ResourceLocked {
		return func() {}, &Error{Op: op, Kind: ErrLocked, cause: err,
			Text: "another apply of it is running in vhost " + fmt.Sprintf("%q", vhost) + c.holder(ctx, queue) +
				": wait until it has ended, then run apply again"}
	}
	return func() {}, explainer{op: op, object: queue, user: c.opts.User}.explain(ctx, err)
}

func lockQueue(vhost, name string) *topology.Queue {
	queue := lockPrefix + name
	if len(queue) > 100 { // 4.x answers 541 instead of 405 where the refusal of a long name does not fit its reply text
		queue = fmt.Sprintf("%s%x", lockPrefix, sha256.Sum256([]byte(name)))
	}
	return &topology.Queue{VHost: vhost, Name: queue, Exclusive: true, AutoDelete: true, Arguments: topology.Arguments{
		lockHolder: holderName(), lockSince: time.Now().UTC().Format(time.RFC3339),
	}}
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

// holder says who has the lock, if the management API tells: ", held by root@ci (process 7) since
// 2026-01-02T15:04:05Z".
func (c *Client) holder(ctx context.Context, queue *topology.Queue) string {
	if c.api == nil {
		return ""
	}
	var q queueJSON
	if c.api.get(ctx, path("queues", queue.VHost, queue.Name)+"?disable_stats=true&columns=arguments", &q) != nil {
		return ""
	}
	who, _ := q.Arguments[lockHolder].(string)
	since, _ := q.Arguments[lockSince].(string)
	if who == "" {
		return ""
	}
	return fmt.Sprintf(", held by %.100s since %.40s", printable(who), printable(since))
}

// printable drops control characters, which a server or another client may have sent to harm a
// terminal.
func printable(s string) string {
	clean := []rune{}
	for _, r := range s {
		if r == '\n' || r == '\t' {
			r = ' '
		}
		if r >= ' ' && r != 0x7f && (r < 0x80 || r > 0x9f) {
			clean = append(clean, r)
		}
	}
	return string(clean)
}
