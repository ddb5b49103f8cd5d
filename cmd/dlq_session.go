package cmd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
)

// dlqSession is what a dlq command works on: a vhost, and how errors about it are told.
type dlqSession struct {
	*vhost.VHost
	deps       *deps
	command    string
	given      string // the flags that were typed, for a corrected command line
	connection *profile.Connection
	broker     messageBroker
}

// dlqSession connects and reads the vhost.
func (d *deps) dlqSession(ctx context.Context, command string, flags *profile.Flags) (*dlqSession, error) {
	s, err := d.dlqConnect(ctx, command, flags, nil)
	if err != nil {
		return nil, err
	}
	if err := s.Read(ctx); err != nil {
		s.close()
		return nil, adviseMissing(err)
	}
	return s, nil
}

// dlqConnect prepares a session that has read nothing yet.
func (d *deps) dlqConnect(ctx context.Context, command string, flags *profile.Flags, match *regexp.Regexp) (*dlqSession,
	error) {
	conn, err := d.connection(flags)
	if err != nil {
		return nil, err
	}
	if d.onDeadLetters != nil {
		d.onDeadLetters()
	}
	b, err := d.messages(ctx, conn, command)
	if err != nil {
		return nil, err
	}
	v := vhost.New(b, conn.VHost, vhostOptions(d, conn, match))
	return &dlqSession{VHost: v, deps: d, command: command, connection: conn, broker: b}, nil
}

func vhostOptions(d *deps, conn *profile.Connection, match *regexp.Regexp) vhost.Options {
	return vhost.Options{Match: match, Login: conn.User, Reconnect: reconnect(conn), Warn: func(text string) { d.warn(text) }}
}

func reconnect(conn *profile.Connection) dlq.Reconnect {
	attempts := conn.ReconnectAttempts
	if attempts == 0 {
		attempts = -1 // the flag's 0 is never
	}
	return dlq.Reconnect{Delay: conn.ReconnectDelay, Attempts: attempts}
}

func (s *dlqSession) close() { s.broker.Close() }

// lookup returns a queue of the vhost, or an error that names the one that was surely meant.
func (s *dlqSession) lookup(name string) (*topology.Queue, error) {
	q, err := s.Queue(name)
	return q, adviseMissing(err)
}

// adviseMissing says of what does not exist what was surely meant.
func adviseMissing(err error) error {
	var missing *vhost.MissingError
	if !errors.As(err, &missing) {
		return err
	}
	near := nearestName(missing.Name, missing.Known)
	advice := ""
	switch {
	case missing.Kind == "vhost":
		advice = "name another with --vhost"
	case missing.Kind == "queue" && near != "":
		advice = fmt.Sprintf("did you mean %s?", near)
	case missing.Kind == "queue":
		advice = "see what there is: msgctl dlq ls"
	case near != "":
		advice = "did you mean --to exchange:" + near + "?"
	default:
		advice = "declare it first, or name another with --to"
	}
	return &exitError{code: exitFailed, err: err, advice: advice}
}

// assess judges a look into a queue; an error says what would allow it. limit is how many messages
// are looked at, 0 all.
func (s *dlqSession) assess(ctx context.Context, q *topology.Queue, o lookOptions, limit int64) (dlq.Looking, error) {
	l, err := s.Assess(ctx, q, o.assess(limit))
	return l, s.adviseRefused(err)
}

// adviseRefused adds the flags that would allow a refused look.
func (s *dlqSession) adviseRefused(err error) error {
	var refused *vhost.RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	command := "msgctl " + s.command + " " + shell.Quote(refused.Looking.Queue)
	var advice []string
	if refused.Looking.Allow == dlq.PermitGuard {
		advice = append(advice, command+" --guard"+s.given+"   lifts the limit with a policy meanwhile")
	}
	if refused.Looking.Allow != dlq.PermitNone {
		advice = append(advice, command+" --force"+s.given+"   goes ahead all the same")
	}
	return &exitError{code: exitFailed, err: err, advice: strings.Join(advice, "\n")}
}

func nearestName(name string, names []string) string {
	best, least := "", max(2, len(name)/3)+1
	for _, n := range names {
		if d := levenshtein.ComputeDistance(strings.ToLower(name), strings.ToLower(n)); d < least {
			best, least = n, d
		}
	}
	return best
}
