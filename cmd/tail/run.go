package tail

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/message/filter"
)

// tailing is one run of tail.
type tailing struct {
	*tailOptions
	conn      *profile.Connection
	broker    Broker
	known     *cmdutil.Declared // nil without a topology file
	vhost     string
	filter    *filter.Filter
	causation *events.CausationTree

	archive  *archive.Writer
	synced   time.Time
	unsynced bool
	shown    int64 // messages that were selected
	saved    int64
	broken   int64 // messages that were shown
	unknown  int64 // messages that --where could not evaluate
	lost     int64 // dropped before they were shown, though saved
	missed   int64 // dropped, and connections lost, since the last message shown
	gap      bool
	// unsaved and undecided are messages that were not saved, and of which it is not known whether
	// they are selected, because they were not read.
	unsaved, undecided notRead
}

// notRead counts messages that were not read.
type notRead struct {
	count int64
	first *message.Message
}

func (n *notRead) add(m *message.Message) {
	if n.count++; n.first == nil {
		n.first = m
	}
}

// warn says of how many messages what follows holds, and why.
func (n *notRead) warn(d *cmdutil.Process, one, many string) {
	if n.count == 0 {
		return
	}
	text := fmt.Sprintf("%s read: message %q: %s", terminal.FormatPlural(n.count, one, many), n.first.MessageID,
		n.first.Unread.Why)
	if n.first.Unread.TooLarge {
		text += "; --max-message-size SIZE reads larger messages"
	}
	d.Warn(text)
}

var (
	errEnough = errors.New("enough")
	errQuiet  = errors.New("no message arrived")
)

// stuck is how long an interrupted tail waits for an output that accepts nothing.
const stuck = 2 * time.Second

// run shows messages until a limit, an error or a signal ends it.
func (t *tailing) run(ctx context.Context, src *tailSource) (err error) {
	if t.follow != "" {
		t.causation = events.NewCausationTree(t.follow)
	}
	if t.save != "" {
		if t.archive, err = cmdmsg.CreateArchive(t.save); err != nil {
			return err
		}
	}
	out := t.newOutput()
	done := make(chan error, 1)
	guarded.Go(func() { done <- t.follows(ctx, src, out) })
	select {
	case err = <-done:
	case <-ctx.Done():
		select {
		case err = <-done:
		case <-time.After(stuck):
			return &cmdutil.ExitError{Code: cmdutil.ExitInterrupted,
				Err: fmt.Errorf("interrupted: %s received, and the output did not accept the last",
					terminal.FormatPlural(src.stats().Seen, "message was", "messages were"))}
		}
	}
	return t.end(ctx, src, err)
}

// follows runs the loop, and the loop that shows what has been saved.
func (t *tailing) follows(ctx context.Context, src *tailSource, out *tailOutput) error {
	if t.archive == nil {
		err := t.loop(ctx, src, out.show, out.flush)
		return errors.Join(err, out.end(t, src))
	}
	relay := tail.NewRelay(tail.DefaultBuffer, func(s *events.TailMessage) int64 { return s.Cost() })
	shown := make(chan error, 1)
	guarded.Go(func() { shown <- showRelayed(relay, out) })
	var missed int64
	err := t.loop(ctx, src, func(s *events.TailMessage) error {
		if s.Message.Unread != nil {
			t.unsaved.add(&s.Message)
		} else if err := t.archive.WriteSeen(&s.Message, s.When()); err != nil {
			return err
		} else {
			t.saved++
		}
		s.Dropped += missed
		if relay.Put(s) {
			missed = 0
		} else {
			t.lost++
			missed++
		}
		select {
		case err := <-shown: // it can only have failed
			shown <- err
			return err
		default:
			return nil
		}
	}, t.syncNow)
	err = errors.Join(err, t.archive.Close())
	relay.Close(errEnough)
	return errors.Join(err, <-shown, out.end(t, src))
}

// showRelayed shows what was saved.
func showRelayed(relay *tail.Relay[events.TailMessage], out *tailOutput) error {
	var items []events.TailMessage
	for {
		var err error
		if items, err = relay.Take(context.Background(), items); err != nil {
			return nil //nolint:nilerr // the end
		}
		for i := range items {
			if err := out.show(&items[i]); err != nil {
				return err
			}
		}
		if err := out.flush(); err != nil {
			return err
		}
	}
}

// loop takes messages, selects and passes them on; after each batch it calls flush.
func (t *tailing) loop(ctx context.Context, src *tailSource, each func(*events.TailMessage) error,
	flush func() error) error {
	idle := newIdleClock(ctx, t.idle)
	defer idle.stop()
	var items []tail.Item
	for {
		err := idle.run(func() (err error) {
			items, err = t.take(idle.ctx, src, items, flush)
			return err
		})
		if err != nil {
			return idle.why(err)
		}
		if ctx.Err() != nil && t.proc.Streams.OutTTY && t.archive == nil {
			return ctx.Err() // nobody wants thousands of lines after Ctrl-C
		}
		before := t.shown
		for i := range items {
			if err := t.one(src, &items[i], each); err != nil {
				return errors.Join(err, flush())
			}
		}
		if t.shown > before {
			idle.reset()
		}
		if err := flush(); err != nil {
			return err
		}
	}
}

// take waits for messages. With --save it waits at most a second, so that the archive is synced.
func (t *tailing) take(ctx context.Context, src *tailSource, items []tail.Item,
	flush func() error) ([]tail.Item, error) {
	for t.archive != nil && t.unsynced {
		short, cancel := context.WithTimeout(ctx, syncEvery)
		got, err := src.take(short, items)
		cancel()
		if err == nil || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return got, err
		}
		items = nil
		if err := flush(); err != nil {
			return nil, err
		}
	}
	return src.take(ctx, items)
}

// syncEvery is how often an archive is made durable.
const syncEvery = time.Second

func (t *tailing) syncNow() error {
	if time.Since(t.synced) < syncEvery {
		t.unsynced = true
		return nil
	}
	t.synced, t.unsynced = time.Now(), false
	return t.archive.Sync()
}

// one passes a message on if it is selected.
func (t *tailing) one(src *tailSource, item *tail.Item, each func(*events.TailMessage) error) error {
	s := t.read(item, src)
	s.Dropped, s.Gap = s.Dropped+t.missed, s.Gap || t.gap
	if t.missed, t.gap = s.Dropped, s.Gap; !t.means(src, s) {
		return nil // the next message shown reports what is missing
	}
	t.missed, t.gap = 0, false
	t.shown++
	if s.Validity == events.Invalid {
		t.broken++
	}
	if err := each(s); err != nil {
		return err
	}
	if t.limit > 0 && t.shown >= t.limit {
		return errEnough
	}
	return nil
}

// means reports whether a message is selected. It counts one of which that is not known.
func (t *tailing) means(src *tailSource, s *events.TailMessage) bool {
	unread := s.Message.Unread != nil
	if !src.wants(&s.Message) || t.invalid && !unread && s.Validity != events.Invalid {
		return false
	}
	sure := !t.invalid || !unread
	if t.filter != nil {
		ok, err := t.filter.Match(&s.Message)
		if !ok && !errors.As(err, new(*message.Unread)) {
			var not *filter.NotComparable
			if errors.As(err, &not) && !not.AbsentHeader {
				t.unknown++
			}
			return false
		}
		sure = sure && ok
	}
	if sure && (t.causation == nil || t.causation.Add(s)) {
		return true
	}
	if unread {
		t.undecided.add(&s.Message)
	}
	return false
}

// end shows the summary and returns the exit code.
func (t *tailing) end(ctx context.Context, src *tailSource, err error) error {
	st := src.stats()
	t.proc.Note(t.summary(st))
	if t.unknown > 0 {
		t.proc.Warn(fmt.Sprintf("--where could not be evaluated for %s, which therefore did not match",
			terminal.FormatPlural(t.unknown, "message", "messages")))
	}
	t.undecided.warn(t.proc, "message may be selected, but was not", "messages may be selected, but were not")
	t.unsaved.warn(t.proc, "message was not saved, because it was not", "messages were not saved, because they were not")
	ended := errors.Is(err, errEnough) || errors.Is(err, errQuiet)
	switch {
	case ended && t.invalid && t.broken > 0:
		return cmdutil.ExitWith(cmdutil.ExitPending)
	case errors.Is(err, errQuiet) && t.limit > 0 && !t.invalid:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("%s of %s arrived: there were none for %s",
			terminal.FormatCount(t.shown), terminal.FormatPlural(t.limit, "message", "messages"), t.idle)}
	case ended && t.unsaved.count+t.undecided.count > 0:
		return cmdutil.ExitWith(cmdutil.ExitPartly)
	case ended:
		return nil
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		return cmdutil.ExitWith(cmdutil.ExitInterrupted)
	}
	return err
}

func (t *tailing) summary(st tail.Stats) string {
	text := fmt.Sprintf("%s seen, %s shown", terminal.FormatPlural(st.Seen, "message", "messages"),
		terminal.FormatCount(t.shown-t.lost))
	if t.archive != nil {
		text += fmt.Sprintf(", %s saved to %s", terminal.FormatCount(t.saved), t.save)
	}
	if t.broken > 0 {
		text += fmt.Sprintf(", %s invalid", terminal.FormatCount(t.broken))
	}
	if n := st.Dropped; n > 0 {
		text += fmt.Sprintf("; %s dropped because the output or the network was too slow", terminal.FormatCount(n))
	}
	if st.Overflowed {
		text += "; more may be missing: the private queue was full, and the broker does not report how many messages it " +
			"dropped"
	}
	if st.Gaps > 0 {
		text += "; the connection was lost " + terminal.FormatPlural(st.Gaps, "time", "times")
	}
	return text + "."
}

// idleClock ends the wait for messages after an idle period. It stops while messages are shown,
// because a slow output does not mean that nothing arrives. It also ignores the time during which
// the process was suspended (Ctrl-Z), because messages that arrived meanwhile have not been read
// yet.
type idleClock struct {
	ctx   context.Context //nolint:containedctx // it is made here and lives as long as the clock
	end   context.CancelCauseFunc
	after time.Duration // 0 means never
	left  time.Duration

	mu    sync.Mutex
	timer *time.Timer // nil while stopped
	due   time.Time
}

// asleep is how late a timer must fire before the process counts as suspended. A process that was
// merely busy then waits once more, which does no harm.
const asleep = 100 * time.Millisecond

func newIdleClock(ctx context.Context, after time.Duration) *idleClock {
	c := &idleClock{after: after, left: after}
	c.ctx, c.end = context.WithCancelCause(ctx)
	return c
}

// run runs the clock while wait waits.
func (c *idleClock) run(wait func() error) error {
	if c.after <= 0 {
		return wait()
	}
	began := time.Now()
	c.mu.Lock()
	c.arm(max(c.left, 0))
	c.mu.Unlock()
	err := wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.timer.Stop()
	c.timer = nil
	if c.left -= time.Since(began); time.Since(c.due) > asleep {
		c.left = c.after // a message arrived, whether it is shown or not
	}
	return err
}

// arm starts the timer. The caller holds c.mu.
func (c *idleClock) arm(d time.Duration) {
	c.due = time.Now().Add(d)
	c.timer = time.AfterFunc(d, guarded.Func(c.ring))
}

func (c *idleClock) ring() {
	c.mu.Lock()
	defer c.mu.Unlock()
	late := time.Since(c.due)
	switch {
	case c.timer == nil, late < 0: // that of a wait that has ended
	case late > asleep:
		c.arm(c.after)
	default:
		c.end(errQuiet)
	}
}

// reset restarts the idle period.
func (c *idleClock) reset() { c.left = c.after }

func (c *idleClock) stop() { c.end(context.Canceled) }

// why returns errQuiet if the clock ended the wait.
func (c *idleClock) why(err error) error {
	if errors.Is(err, context.Canceled) && errors.Is(context.Cause(c.ctx), errQuiet) {
		return errQuiet
	}
	return err
}
