package publish

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/time/rate"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
	"github.com/msgctl/msgctl/pkg/publish/compose"
)

// bulkCount publishes one payload several times, each time with its own id.
func (r *publishing) bulkCount(ctx context.Context, from given) error {
	if _, err := r.makeOne(from); err != nil { // every event would have the same mistake
		return err
	}
	series, err := event.NewSeries()
	if err != nil {
		return err
	}
	var n int64
	return r.run(ctx, bulk.Options{Source: func() (bulk.Item, error) {
		if n == r.bulk.count {
			return bulk.Item{}, io.EOF
		}
		n++
		return r.item(from.text, n, 0, series), nil
	}}, r.bulk.count)
}

// item creates one message.
func (r *publishing) item(text []byte, line, end int64, series event.Series) bulk.Item {
	item := bulk.Item{Line: line, End: end}
	if line > math.MaxUint32 {
		item.Err = errors.New("a run is limited to 4,294,967,295 lines")
		return item
	}
	m, err := r.composer.Compose(text, series.ID(uint32(line)), time.Now())
	if err != nil {
		text := err.Error() // the error already names the line, and a report contains errors
		var invalid *compose.InvalidError
		if errors.As(err, &invalid) && invalid.Untyped {
			text += ": msgctl publish TYPE --ndjson FILE"
		}
		item.Err = errors.New(text)
		return item
	}
	item.ID, item.Target, item.Message = m.Message.MessageID, m.Target, m.Message
	if r.tellDrops != nil {
		r.tellDrops(m.Target, m.Message)
	}
	if m.Span != nil {
		item.With = m.Span
	}
	return item
}

// lines returns a source of lines. The reader reuses its buffer, and messages keep parts of a line,
// so each line is copied.
func (r *publishing) lines(l *bulk.Lines, series *event.Series) bulk.Source {
	var given int64
	ids := event.Series{}
	if series != nil {
		ids = *series
	}
	return func() (bulk.Item, error) {
		if r.bulk.count > 0 && given == r.bulk.count {
			return bulk.Item{}, io.EOF
		}
		given++
		line, err := l.Next()
		var long *bulk.TooLongError
		switch {
		case errors.As(err, &long):
			return bulk.Item{Line: l.Line(), End: l.End(), Err: err}, nil
		case err != nil:
			return bulk.Item{}, err
		}
		return r.item(append([]byte(nil), line...), l.Line(), l.End(), ids), nil
	}
}

// bulkFile publishes a file of payloads or events.
func (r *publishing) bulkFile(ctx context.Context) error {
	in, closeInput, err := r.openNDJSON()
	if err != nil {
		return err
	}
	defer closeInput()
	series, err := event.NewSeries()
	if err != nil {
		return err
	}
	o := bulk.Options{}
	var line, end int64
	if name := r.journalName(); name != "" {
		if o.Journal, o.Earlier, end, err = r.openJournal(name, in, &series); err != nil {
			return err
		}
		line = o.Earlier.Line
	}
	if err := endsWithin(in, end); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", r.bulk.ndjson, err), r.abandon(o.Journal))
	}
	lines := bulk.NewLines(in, line, end)
	if seeker, ok := in.(*os.File); ok && r.bulk.ndjson != "-" {
		_, err = seeker.Seek(end, io.SeekStart)
	} else if line > 0 {
		lines = bulk.NewLines(in, 0, 0)
		err = lines.Skip(line)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("continue after line %d: %w", line, err), r.abandon(o.Journal))
	}
	o.Source = r.lines(lines, &series)
	if line > 0 {
		r.proc.Say("Continuing after line %d.", line)
	}
	return r.run(ctx, o, 0)
}

func (r *publishing) journalName() string {
	switch {
	case r.bulk.journal == "none":
		return ""
	case r.bulk.journal != "":
		return r.bulk.journal
	case r.bulk.ndjson == "-" || !regular(r.bulk.ndjson): // a pipe cannot be read again from the last line
		return ""
	}
	return r.bulk.ndjson + ".journal"
}

func regular(name string) bool {
	info, err := os.Stat(name)
	return err != nil || info.Mode().IsRegular()
}

// endsWithin refuses a journal that points past the end of its file.
func endsWithin(in io.Reader, end int64) error {
	f, ok := in.(*os.File)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || end <= info.Size() {
		return err
	}
	return &cmdutil.ExitError{Code: cmdutil.ExitUsage,
		Err: fmt.Errorf("it has %d bytes, and its journal says that %d were published: it was cut since", info.Size(),
			end),
		Advice: "put the whole file back, or remove the journal to begin anew"}
}

// openJournal begins a journal, or continues an existing one.
func (r *publishing) openJournal(name string, in io.Reader,
	series *event.Series) (*bulk.Journal, bulk.Report, int64, error) {
	source := r.bulk.ndjson
	if abs, err := filepath.Abs(source); err == nil && source != "-" {
		source = abs
	}
	if !r.bulk.resume {
		check, err := fingerprint(in)
		if err != nil {
			return nil, bulk.Report{}, 0, err
		}
		j, err := bulk.CreateJournal(name, bulk.Header{Source: source, Check: check, Series: series.String(), Type: r.typ})
		if errors.Is(err, fs.ErrExist) {
			return nil, bulk.Report{}, 0, &cmdutil.ExitError{Code: cmdutil.ExitUsage,
				Err: fmt.Errorf("an earlier run of %s did not complete: its journal %s exists", r.bulk.ndjson, name),
				Advice: "to continue: add --resume\nto start over and publish the confirmed events again: rm " +
					shell.Quote(name)}
		}
		return j, bulk.Report{}, 0, err
	}
	j, h, report, end, err := bulk.ResumeJournal(name)
	if errors.Is(err, bulk.ErrNoJournal) {
		return nil, report, 0, &cmdutil.ExitError{Code: cmdutil.ExitUsage, Err: err,
			Advice: "the run completed, or there was none: remove --resume"}
	}
	if err != nil {
		return nil, report, 0, err
	}
	if err := r.sameRun(h, in, name); err != nil {
		_ = j.Close(false) // nothing was written
		return nil, report, 0, err
	}
	*series, err = event.ParseSeries(h.Series)
	return j, report, end, err
}

func (r *publishing) sameRun(h bulk.Header, in io.Reader, name string) error {
	check, err := fingerprint(in)
	switch {
	case err != nil:
		return err
	case h.Check != check:
		return &cmdutil.ExitError{Code: cmdutil.ExitUsage,
			Err: fmt.Errorf("%s does not begin as it did when its journal %s was written",
				r.bulk.ndjson, name), Advice: "name the file that the journal belongs to, or delete the journal"}
	case h.Type != r.typ:
		return &cmdutil.ExitError{Code: cmdutil.ExitUsage, Err: fmt.Errorf("the journal %s is for events of type %q", name,
			h.Type),
			Advice: "msgctl publish " + shell.Quote(h.Type) + " --ndjson " + shell.Quote(r.bulk.ndjson) + " --resume"}
	}
	return nil
}

// fingerprint identifies a file by its first line. Only that line counts, since the rest may be
// appended before a run is resumed. Standard input has no fingerprint.
func fingerprint(in io.Reader) (string, error) {
	f, ok := in.(*os.File)
	if !ok {
		return "", nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return "", err
	}
	buf := make([]byte, 4096)
	n, err := f.ReadAt(buf, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the events: %w", err)
	}
	buf = buf[:n]
	for i, b := range buf {
		if b == '\n' {
			buf = buf[:i]
			break
		}
	}
	sum := sha256.Sum256(buf)
	return hex.EncodeToString(sum[:]), nil
}

// run publishes the events of the source and reports the result.
func (r *publishing) run(ctx context.Context, o bulk.Options, total int64) (err error) {
	record, closeReport, err := r.recorder()
	if err != nil {
		return errors.Join(err, r.abandon(o.Journal))
	}
	b, err := r.publishOptions.open(ctx, r.conn, "publish")
	if err != nil {
		return errors.Join(err, r.abandon(o.Journal))
	}
	defer b.Close()
	watch := cmdmsg.NewRunObserver(r.proc, r.progress, "publish", total)
	r.tellDrops = tellDrops(ctx, b, r.vhost, r.declaredState(), watch.Bar.Note)
	watch.Begin()
	o.Dialer, o.StopOnError, o.Delayed = b.Dialer(r.vhost), r.bulk.onError == "stop", r.props.delay > 0
	o.AllowUnroutable = r.props.unroutable
	o.Publisher = r.publisherOptions(r.bulk.window)
	o.Publisher.Notify = func(n publish.Notice) { watch.Bar.Note(noticeText(n)) }
	if r.bulk.rate > 0 {
		o.Publisher.Limiter = rate.NewLimiter(rate.Limit(r.bulk.rate), max(1, int(r.bulk.rate/50)))
	}
	o.Breaker = publish.BreakerOptions{Failures: r.bulk.breaker, Pause: r.bulk.pause,
		Notify: func(s publish.BreakerState) { watch.Bar.Note(r.breakerText(s)) }}
	if r.bulk.breaker == 0 {
		o.Breaker.Failures = -1
	}
	failed, live := 0, r.showsFailures()
	o.Settled = func(x bulk.Result) {
		watch.Bar.Add(1)
		endSpan(x)
		if x.Err == nil {
			return
		}
		record(x)
		if failed++; live && failed <= maxFailuresShown {
			watch.Bar.Note(fmt.Sprintf("line %d is %s: %v", x.Line, x.Outcome, x.Err))
		}
	}
	start := time.Now()
	report, err := bulk.Run(ctx, o)
	watch.End()
	err = errors.Join(err, closeReport())
	return r.endBulk(ctx, o, report, time.Since(start), err)
}

// abandon closes the journal of a run that cannot begin, and removes it if the run was to create it.
func (r *publishing) abandon(j *bulk.Journal) error {
	if j == nil {
		return nil
	}
	return j.Close(!r.bulk.resume)
}

func (r *publishing) breakerText(s publish.BreakerState) string {
	switch s {
	case publish.BreakerOpen:
		which := "an event was"
		if r.bulk.breaker > 1 {
			which = fmt.Sprintf("%d events in a row were", r.bulk.breaker)
		}
		return fmt.Sprintf("circuit breaker: %s returned or refused; paused for %s", which, r.bulk.pause)
	case publish.BreakerStillOpen:
		return fmt.Sprintf("circuit breaker: the probe failed; paused for another %s", r.bulk.pause)
	case publish.BreakerProbing:
		return "circuit breaker: sending one event as a probe"
	}
	return "circuit breaker: the probe was confirmed; resumed"
}
