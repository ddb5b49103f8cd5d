// Package cmdmsg has what the commands that work with messages share: archives, expressions and jq
// programs, progress and reports of runs, spans, and errors about a vhost. Its functions write only
// to the streams of the command's cmdutil.Process. Its errors carry the exit code and the advice
// that the command shows.
package cmdmsg

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/dlq/browse"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
)

// VHostOptions returns the options for opening a vhost on a connection. match may be nil.
func VHostOptions(d *cmdutil.Process, conn *profile.Connection, match *regexp.Regexp) vhost.Options {
	return vhost.Options{Match: match, Login: conn.User, Reconnect: Reconnect(conn),
		Warn: func(text string) { d.Warn(text) }}
}

// Reconnect returns how a run that moves messages restores its connections.
func Reconnect(conn *profile.Connection) replay.Reconnect {
	return replay.Reconnect{Delay: conn.ReconnectDelay, Attempts: ReconnectAttempts(conn),
		ConfirmTimeout: ConfirmTimeout(conn)}
}

// ReconnectAttempts returns --reconnect-attempts for a publisher, a runner or a replay: the flag's 0
// means never, theirs is a default, and a negative value means never.
func ReconnectAttempts(conn *profile.Connection) int {
	if conn.ReconnectAttempts == 0 {
		return -1
	}
	return conn.ReconnectAttempts
}

// ConfirmTimeout returns --timeout for a publisher, a runner or a replay: the flag's 0 waits without
// limit, theirs is a default, and a negative value waits without limit.
func ConfirmTimeout(conn *profile.Connection) time.Duration {
	if conn.Timeout == 0 {
		return -1
	}
	return conn.Timeout
}

// AdviseMissing adds the likely name to an error about something that does not exist.
func AdviseMissing(err error) error {
	var missing *vhost.MissingError
	if !errors.As(err, &missing) {
		return err
	}
	near := suggest.Nearest(missing.Name, missing.Known)
	var advice string
	switch {
	case missing.Destination && near != "":
		advice = fmt.Sprintf("did you mean --to %s:%s?", missing.Kind, near)
	case missing.Destination:
		advice = "declare it first, or name another with --to"
	case near != "":
		advice = fmt.Sprintf("did you mean %s?", near)
	default:
		advice = "msgctl dlq ls lists the dead-letter queues, msgctl export all queues"
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: err, Advice: advice}
}

// NoteBrowsing says what reading a queue is about to do to it, if that is more than setting the
// flag redelivered. The user can still interrupt it.
func NoteBrowsing(d *cmdutil.Process, q *topology.Queue, l browse.Assessment, what string) {
	if !l.Override && vhost.OnlyMarks(l) == "" {
		return
	}
	notes := make([]string, len(l.Notes))
	for i, n := range l.Notes {
		notes[i] = n.Text
	}
	d.Note(fmt.Sprintf("%s %s queue %s: %s.", what, q.Type, q.Name, strings.Join(notes, "; ")))
}

// CompileMatch compiles --match; nil when it is empty.
func CompileMatch(text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	match, err := regexp.Compile(text)
	if err != nil {
		return nil, cmdutil.UsageError("write, for example: --match 'failed$'",
			"flag --match: %q is not a regular expression: %v", text, err)
	}
	return match, nil
}
