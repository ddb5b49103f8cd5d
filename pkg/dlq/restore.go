package dlq

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/publish"
)

// ArchiveSource yields archived messages. archive.Reader is one.
type ArchiveSource interface {
	// Next returns the next message, io.EOF after the last, or an *archive.BrokenError.
	Next() (*message.Message, error)
}

// RestoreOptions say what to put back, and where.
type RestoreOptions struct {
	Archive ArchiveSource
	// Dialer opens the connection that publishes.
	Dialer publish.Dialer
	// To is where all messages go; nil is the queue that each was read from, through the default
	// exchange.
	To *publish.Target
	// Route says, when To is nil, where a message goes, and false when that is not known; nil is
	// the queue it was read from.
	Route func(*message.Message) (publish.Target, bool)
	// Prepare returns what to publish in place of a message, which it must not change; nil
	// publishes it as it was.
	Prepare func(*message.Message) *message.Message
	// Pace returns when the message that Archive returned last may go, or with an error when ctx
	// ends first; nil does not wait.
	Pace func(context.Context, *message.Message) error
	// Select says which messages.
	Select Selection
	// Identity says whose connection publishes.
	Identity Identity
	// Limit is how many messages to try at most, 0 is no limit; Rate how many to send a second.
	Limit    int64
	Rate     float64
	Observer Observer
	Report   Recorder
	// Sending follows each message that is sent; nil follows none.
	Sending Sending
	// Reconnect says how to go on after a lost connection.
	Reconnect Reconnect
}

// Restored is what a restore did.
type Restored struct {
	Result
	// Broken has the places where the archive could not be read, the first 100 of them.
	Broken []*archive.BrokenError
}

// Partial says that not all of the archive is restored.
func (r *Restored) Partial() bool { return len(r.Broken) > 0 || r.Result.Partial() }

const maxBroken = 100

// Restore publishes what an archive holds, each message exactly as it was: no header is added, none
// is taken off. Two things cannot go back as they were and are kept under headers of msgctl's own:
// a user_id that this login may not publish with (HeaderUserID), and CC, which would route further
// copies (HeaderCC). The broker sets exchange, routing key and redelivered anew.
//
// Everything whole in an archive that is cut short or damaged is restored, and Broken says where it
// breaks. Messages are sent again when a connection is lost before they are confirmed: Resent
// counts them.
func Restore(ctx context.Context, o RestoreOptions) (Restored, error) {
	r := &restore{RestoreOptions: o, tally: newTally(), kick: make(chan struct{}, 1),
		progress: progressMeter{observer: o.Observer}}
	r.selection = o.Select.at(time.Now())
	if o.Rate > 0 {
		r.limiter = rate.NewLimiter(rate.Limit(o.Rate), int(max(1, o.Rate/10)))
	}
	var err error
	if r.to, err = publish.Open(ctx, o.Dialer, r.publisherOptions(), r.published); err != nil {
		return Restored{}, err
	}
	err = r.run(ctx)
	ended, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = r.to.Close(ended) // every message has its own outcome
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Restored{Broken: r.broken}
	out.Resent, out.Altered, out.Interrupted = r.resent, r.altered, ctx.Err() != nil
	r.tally.into(&out.Result)
	if out.Interrupted {
		err = nil
	}
	return out, errors.Join(err, r.failed)
}

type restore struct {
	RestoreOptions
	selection selection
	limiter   *rate.Limiter
	progress  progressMeter
	to        *publish.Publisher[*restoring]
	kick      chan struct{}
	stopping  atomic.Bool // nothing is sent again

	mu      sync.Mutex // guards what follows
	tally   tally
	resend  []*restoring
	flying  int
	resent  int64
	altered int64
	broken  []*archive.BrokenError
	failed  error
}

// restoring is one message on its way.
type restoring struct {
	line   int64
	target publish.Target
	m      *message.Message
	sent   sent
}

func (r *restore) run(ctx context.Context) error {
	line, tried := int64(0), int64(0)
	for r.Limit <= 0 || tried < r.Limit {
		if err := r.stopped(ctx); err != nil {
			break
		}
		if err := r.sendAgain(ctx); err != nil {
			return err
		}
		m, err := r.Archive.Next()
		var broken *archive.BrokenError
		switch {
		case errors.Is(err, io.EOF) && !errors.As(err, &broken):
			return r.wait(ctx)
		case errors.As(err, &broken):
			line = broken.Line
			r.breaks(broken)
			if broken.Final {
				return r.wait(ctx)
			}
			continue
		case err != nil:
			return errors.Join(err, r.wait(ctx))
		}
		line++
		if !r.selected(m, line) {
			continue
		}
		tried++
		if err := r.one(ctx, m, line); err != nil {
			return errors.Join(err, r.wait(ctx))
		}
	}
	return r.wait(ctx)
}

func (r *restore) selected(m *message.Message, line int64) bool {
	ok, err := r.selection.matches(m)
	switch {
	case err != nil:
		r.stays(&restoring{line: line, m: m}, ReasonUnreadable, err.Error(), nil)
		return false
	case !ok:
		r.mu.Lock()
		r.tally.skipped++
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

// one sends a message for the first time.
func (r *restore) one(ctx context.Context, m *message.Message, line int64) error {
	at := &restoring{line: line, m: m}
	var known bool
	if at.target, known = r.target(m); !known {
		r.stays(at, ReasonNoHistory, "the archive does not say where it was: name a place with --to", nil)
		return nil
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
	if err := r.paced(ctx, m); err != nil {
		r.stays(at, ReasonInterrupted, "the run ended before it was sent", &at.target)
		return nil //nolint:nilerr // the interruption is reported once, by the result
	}
	return r.send(ctx, at)
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

// paced waits until a message may go.
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
	cc, hasCC := m.Headers[message.HeaderCC]
	if i.may(m.UserID) && !hasCC {
		return m, false
	}
	c := *m
	c.Headers = make(message.Table, len(m.Headers)+1)
	for name, v := range m.Headers {
		c.Headers[name] = v
	}
	if hasCC {
		delete(c.Headers, message.HeaderCC)
		c.Headers[HeaderCC] = cc
	}
	if !i.may(m.UserID) {
		c.Headers[HeaderUserID], c.UserID = m.UserID, ""
	}
	return &c, true
}

func (r *restore) send(ctx context.Context, at *restoring) error {
	r.mu.Lock()
	r.flying++
	r.mu.Unlock()
	at.sent.begin(r.Sending, at.target, at.m)
	err := r.to.Publish(ctx, at.target, at.m, at)
	if err == nil {
		return nil
	}
	r.mu.Lock()
	r.flying--
	r.mu.Unlock()
	r.stays(at, ReasonInterrupted, err.Error(), &at.target)
	if ctx.Err() != nil {
		return nil //nolint:nilerr // the interruption is reported once, by the result
	}
	return err
}

func (r *restore) publisherOptions() publish.PublisherOptions {
	t := r.Reconnect.change(defaultTiming())
	return publish.PublisherOptions{
		ReconnectDelay: t.delay, ReconnectAttempts: t.attempts,
		Notify: func(n publish.Notice) { r.progress.notice(publisherNotice(n)) },
	}
}

func (r *restore) published(outcomes []publish.Outcome[*restoring]) {
	for _, o := range outcomes {
		f, why, detail := fateOf(o.Kind, o.Err)
		r.settled(o.Tag, f, why, detail)
	}
	poke(r.kick)
	r.report(false)
}

func (r *restore) settled(at *restoring, f fate, why Reason, detail string) {
	switch {
	case f == fateDone:
		at.sent.end("", "")
		r.mu.Lock()
		r.tally.went(&at.target)
		r.mu.Unlock()
		r.record(Record{Outcome: OutcomeRestored, MessageID: at.m.MessageID, Line: at.line, Target: recordTarget(&at.target)})
	case f == fateUnknown && !r.stopping.Load():
		r.mu.Lock()
		r.resent++
		r.resend = append(r.resend, at)
		r.mu.Unlock()
	default:
		r.stays(at, why, detail, &at.target)
	}
	r.mu.Lock()
	r.flying--
	r.mu.Unlock()
}

func (r *restore) sendAgain(ctx context.Context) error {
	for {
		r.mu.Lock()
		if len(r.resend) == 0 {
			r.mu.Unlock()
			return nil
		}
		at := r.resend[0]
		r.resend = r.resend[1:]
		r.mu.Unlock()
		if err := r.send(ctx, at); err != nil {
			return err
		}
	}
}

// wait returns when nothing is under way, nor to be sent again; after an interruption, at the end
// of the grace time.
func (r *restore) wait(ctx context.Context) error {
	grace, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		r.stopping.Store(true)
		if pause(grace, defaultTiming().grace) {
			cancel()
		}
	})
	defer stop()
	for {
		if err := r.sendAgain(ctx); err != nil {
			return err
		}
		r.mu.Lock()
		idle := r.flying == 0 && len(r.resend) == 0
		r.mu.Unlock()
		if idle {
			r.report(true)
			return nil
		}
		select {
		case <-r.kick:
		case <-grace.Done():
			r.stopping.Store(true)
			return errors.New("the broker did not say in time what became of the last messages: they may have arrived")
		}
	}
}

func (r *restore) stopped(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(ctx.Err(), r.failed)
}

func (r *restore) stays(at *restoring, why Reason, detail string, t *publish.Target) {
	at.sent.end(why, detail)
	r.mu.Lock()
	r.tally.stay(why, detail)
	r.mu.Unlock()
	r.record(Record{Outcome: OutcomeStayed, MessageID: at.m.MessageID, Line: at.line, Target: recordTarget(t), Reason: why,
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
	}
}

func (r *restore) report(last bool) {
	r.mu.Lock()
	now := Progress{Done: r.tally.done, Skipped: r.tally.skipped, Stayed: r.tally.staying()}
	r.mu.Unlock()
	now.Looked = now.Done + now.Skipped + now.Stayed
	r.progress.tell(now, last)
}
