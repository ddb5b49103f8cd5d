package replay

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/publish"
)

// ArchiveSource yields archived messages. archive.Reader implements it.
type ArchiveSource interface {
	// Next returns the next message, io.EOF after the last, or an *archive.BrokenError.
	Next() (*message.Message, error)
}

// RestoreOptions say what to publish, and where to.
type RestoreOptions struct {
	// Archive is read to its end, and is required.
	Archive ArchiveSource
	// Dialer opens the publishing connection. It is required.
	Dialer publish.Dialer
	// To is the destination of all messages; nil is the queue that each was read from, through the
	// default exchange.
	To *publish.Target
	// Route returns, if To is nil, where a message goes, and false if that is unknown. A nil Route
	// is the queue that the message was read from.
	Route func(*message.Message) (publish.Target, bool)
	// Prepare returns what to publish in place of a message, which it must not change; nil
	// publishes the message as it was.
	Prepare func(*message.Message) *message.Message
	// Pace returns when the last message from Archive may be sent, or with an error when ctx ends
	// first; nil does not wait.
	Pace func(context.Context, *message.Message) error
	// Select selects the messages. The zero value selects all.
	Select Selection
	// Room returns the room of queues that drop messages when full: what does not fit is not sent.
	// nil sends everything.
	Room RoomOf
	// Identity is the user of the publishing connection. The zero value may publish no user_id.
	Identity Identity
	// Limit is the maximum number of messages to try, 0 for no limit; Rate is the maximum number
	// per second.
	Limit    int64
	Rate     float64
	Observer Observer
	Report   Recorder
	// Sending is called for each message that is sent; nil for none.
	Sending Sending
	// Reconnect configures reconnection after a lost connection. The zero value has the defaults.
	Reconnect Reconnect
}

// Restored is the result of a restore.
type Restored struct {
	Result
	// Broken has the first 100 places where the archive could not be read.
	Broken []*archive.BrokenError
}

// Partial reports whether part of the archive was not restored.
func (r *Restored) Partial() bool { return len(r.Broken) > 0 || r.Result.Partial() }

const maxBroken = 100

// Restore publishes the messages of an archive, each exactly as it was: no header is added or
// removed. Two things cannot be restored under their own names and are kept in other headers. One
// is a user_id that this login may not publish with (HeaderUserID). The other is CC and BCC, which
// would route further copies (HeaderCC, HeaderBCC). The broker sets exchange, routing key and
// redelivered anew.
//
// From a truncated or damaged archive, every intact message is restored, and Broken says where it
// is damaged. Messages are sent again if a connection is lost before they are confirmed; Resent
// counts them. The error says why the run ended early: the connection could not be restored, ctx
// ended, or Archive failed. The Restored is valid in any case.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	r := &restore{RestoreOptions: o, selection: o.Select.at(time.Now()), tally: report.NewTally(),
		progress: report.Meter{Observer: o.Observer}, rooms: newRooms(o.Room)}
	if o.Rate > 0 {
		r.limiter = rate.NewLimiter(rate.Limit(o.Rate), int(max(1, o.Rate/10)))
	}
	sending, stop := context.WithCancel(ctx)
	defer stop()
	r.stop = stop
	resent, err := pipeline.BulkPublish[*restoring]{
		Dialer: o.Dialer, Publisher: r.publisherOptions(), Next: r.next, Settled: r.settled,
		Unsent: func(i pipeline.BulkItem[*restoring], err error) {
			r.stays(i.Tag, ReasonInterrupted, err.Error(), &i.Target)
		},
	}.Run(sending)
	r.report(true)
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Restored{Broken: r.broken}
	out.Resent, out.Altered, out.Interrupted = resent, r.altered, ctx.Err() != nil
	r.tally.Into(&out.Result)
	if sending.Err() != nil {
		err = nil // the result says that it was interrupted, and failed says why it stopped
	}
	return out, errors.Join(err, r.failed)
}

type restore struct {
	RestoreOptions
	selection selection
	limiter   *rate.Limiter
	rooms     *rooms
	progress  report.Meter
	stop      context.CancelFunc // nothing more is sent
	line      int64              // of the archive, read last
	tried     int64

	mu      sync.Mutex // guards the fields below
	tally   report.Tally
	altered int64
	broken  []*archive.BrokenError
	failed  error
}

// restoring is one message being restored.
type restoring struct {
	line   int64
	target publish.Target
	m      *message.Message
	sent   report.Sent
}

// next returns the next message to send, and reports the messages before it that are not sent.
func (r *restore) next(ctx context.Context) (pipeline.BulkItem[*restoring], error) {
	var none pipeline.BulkItem[*restoring]
	for r.Limit <= 0 || r.tried < r.Limit {
		if err := ctx.Err(); err != nil {
			return none, err
		}
		m, err := r.Archive.Next()
		var broken *archive.BrokenError
		switch {
		case errors.As(err, &broken):
			r.line = broken.Line
			r.breaks(broken)
			if broken.Final {
				return none, io.EOF
			}
			continue
		case err != nil:
			return none, err
		}
		r.line++
		if !r.selected(m, r.line) {
			continue
		}
		r.tried++
		at, err := r.prepared(ctx, m)
		if err != nil {
			return none, err
		}
		if at != nil {
			at.sent.Begin(r.Sending, at.target, at.m)
			return pipeline.BulkItem[*restoring]{Target: at.target, Message: at.m, Tag: at}, nil
		}
	}
	return none, io.EOF
}

func (r *restore) selected(m *message.Message, line int64) bool {
	ok, err := r.selection.matches(m)
	switch {
	case err != nil:
		r.stays(&restoring{line: line, m: m}, ReasonUnreadable, err.Error(), nil)
		return false
	case !ok:
		r.mu.Lock()
		r.tally.Skipped++
		r.mu.Unlock()
	}
	return ok
}

func (r *restore) breaks(b *archive.BrokenError) {
	r.mu.Lock()
	if len(r.broken) < maxBroken {
		r.broken = append(r.broken, b)
	}
	r.mu.Unlock()
	r.stays(&restoring{line: b.Line, m: &message.Message{}}, ReasonBroken, b.Error(), nil)
}

// prepared makes the message to send, and waits until it may be sent. It returns nil if the message
// has no target, or one without room.
func (r *restore) prepared(ctx context.Context, m *message.Message) (*restoring, error) {
	at := &restoring{line: r.line, m: m}
	var known bool
	if at.target, known = r.target(m); !known {
		r.stays(at, ReasonNoHistory, "the archive does not record its queue: name a target", nil)
		return nil, nil
	}
	if r.Prepare != nil {
		m = r.Prepare(m)
	}
	var altered bool
	if at.m, altered = r.Identity.restorable(m); altered {
		r.mu.Lock()
		r.altered++
		r.mu.Unlock()
	}
	if reason, detail := r.rooms.Admit(at.target, at.m); reason != "" {
		r.stays(at, reason, detail, &at.target)
		return nil, nil
	}
	if err := r.paced(ctx, m); err != nil {
		r.stays(at, ReasonInterrupted, "the run ended before it was sent", &at.target)
		return nil, err
	}
	return at, nil
}

func (r *restore) target(m *message.Message) (publish.Target, bool) {
	switch {
	case r.To != nil:
		return *r.To, true
	case r.Route != nil:
		return r.Route(m)
	}
	return publish.Target{Key: m.Queue}, m.Queue != ""
}

// paced waits until a message may be sent.
func (r *restore) paced(ctx context.Context, m *message.Message) error {
	if r.Pace != nil {
		if err := r.Pace(ctx, m); err != nil {
			return err
		}
	}
	if r.limiter != nil {
		return r.limiter.Wait(ctx)
	}
	return nil
}

// restorable returns m, or a copy without what cannot be published as it is.
func (i Identity) restorable(m *message.Message) (*message.Message, bool) {
	_, hasCC := m.Headers[message.HeaderCC]
	_, hasBCC := m.Headers[message.HeaderBCC]
	if i.may(m) && !hasCC && !hasBCC {
		return m, false
	}
	c := *m
	c.Headers = make(message.Table, len(m.Headers)+1)
	for name, v := range m.Headers {
		c.Headers[name] = v
	}
	for from, to := range map[string]string{message.HeaderCC: HeaderCC, message.HeaderBCC: HeaderBCC} {
		if keys, ok := m.Headers[from]; ok {
			delete(c.Headers, from)
			c.Headers[to] = asText(keys)
		}
	}
	if !i.may(m) {
		c.Headers[HeaderUserID], c.Properties = m.UserID, c.Without(message.UserIDProperty)
	}
	return &c, true
}

// asText returns a header's value as JSON.
func asText(v any) string {
	text, err := jsonline.Append(nil, message.Plain(v, func(t time.Time) any { return t.Unix() }))
	if err != nil {
		return ""
	}
	return string(text)
}

func (r *restore) publisherOptions() publish.PublisherOptions {
	return publish.PublisherOptions{
		Republish: true, ReconnectDelay: r.Reconnect.Delay, ReconnectAttempts: r.Reconnect.Attempts,
		ConfirmTimeout: r.Reconnect.ConfirmTimeout, Notify: r.progress.PublisherNotice,
	}
}

func (r *restore) settled(outcomes []publish.Outcome[*restoring]) {
	for _, o := range outcomes {
		at := o.Tag
		if o.Kind != publish.Confirmed {
			reason, detail := report.ReasonOf(o.Kind, o.Err)
			r.rooms.Refund(at.target, at.m)
			r.stays(at, reason, detail, &at.target)
			continue
		}
		at.sent.End("", "")
		r.mu.Lock()
		r.tally.Went(&at.target, nil)
		r.mu.Unlock()
		r.record(Record{Outcome: OutcomeRestored, MessageID: at.m.MessageID, Line: at.line,
			Target: report.TargetOf(&at.target)})
	}
	r.report(false)
}

func (r *restore) stays(at *restoring, why Reason, detail string, t *publish.Target) {
	at.sent.End(why, detail)
	r.mu.Lock()
	r.tally.Stay(why, detail)
	r.mu.Unlock()
	r.record(Record{Outcome: OutcomeStayed, MessageID: at.m.MessageID, Line: at.line, Target: report.TargetOf(t),
		Reason: why,
		Detail: detail})
}

func (r *restore) record(rec Record) {
	if r.Report == nil {
		return
	}
	if err := r.Report.Record(rec); err != nil {
		r.mu.Lock()
		r.failed = errors.Join(r.failed, err)
		r.mu.Unlock()
		r.stop()
	}
}

func (r *restore) report(last bool) {
	r.mu.Lock()
	now := r.tally.Progress(0)
	r.mu.Unlock()
	r.progress.Tell(now, last)
}
