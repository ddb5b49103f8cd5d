package dlq

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/topology"
)

const exportLong = `Write the messages of a queue to an archive, as a backup or to work on them
elsewhere. An archive is NDJSON, one message per line, with everything that is
needed to restore the message exactly: properties, typed headers, body and death
history. Files that end in .gz or .zst are compressed; - is stdout.

Without --drain the messages stay in the queue. With --drain each message leaves
the queue after it was durably written to the archive.`

type exportOptions struct {
	drainQueue drainFunc
	open       OpenBroker
	common     cmdmsg.RunFlags
	connection *profile.Flags
	selection  selectOptions
	browsing   browseOptions
	queue      string
	file       string
	drain      bool
}

func newExportCmd(d *cmdutil.Process, open OpenBroker, drainQueue drainFunc) *cobra.Command {
	opts := &exportOptions{open: open, drainQueue: drainQueue, common: cmdmsg.RunFlags{Deps: d}}
	cmd := &cobra.Command{
		Use:   "export QUEUE",
		Short: "Write messages to an archive, optionally draining the queue",
		Long:  exportLong,
		Example: "  msgctl dlq export orders.dlq --archive orders.ndjson.zst\n  msgctl dlq export orders.dlq --drain " +
			"--archive " +
			"orders.ndjson.gz --older-than 7d\n  msgctl dlq export orders.dlq | jq -r .properties.messageId",
		Args: cmdutil.Args("QUEUE"),
		RunE: func(cmd *cobra.Command, names []string) error {
			opts.queue, opts.common.Cmd = names[0], cmd
			return runExport(cmd.Context(), opts)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&opts.file, "archive", "-", "archive `FILE` to write; - is stdout")
	flags.BoolVar(&opts.drain, "drain", false, "remove each message from the queue after it was durably written")
	opts.selection.register(cmd)
	opts.selection.registerLimit(cmd, "write")
	opts.browsing.register(cmd)
	opts.common.Output.Register(cmd, "text", "json", "yaml")
	cmdmsg.RegisterProgress(cmd, &opts.common.Progress)
	cmdutil.MarkNewFile(cmd, "archive")
	opts.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

func (o *exportOptions) check() error {
	switch {
	case o.file == "":
		return cmdutil.UsageError("pass --archive FILE, or --archive - for stdout", "%sflag --archive is empty",
			cmdutil.Where(o.common.Cmd))
	case o.file == "-" && o.common.Deps.Streams.OutTTY:
		return cmdutil.UsageError("msgctl dlq export "+shell.Quote(o.queue)+" --archive FILE",
			"%sstdout is a terminal: name a file, or pipe the output", cmdutil.Where(o.common.Cmd))
	}
	return o.selection.check(o.common.Cmd)
}

func runExport(ctx context.Context, opts *exportOptions) error {
	if err := opts.check(); err != nil {
		return err
	}
	v, err := openVHost(ctx, opts.common.Deps, opts.open, "dlq export", opts.connection)
	if err != nil {
		return err
	}
	defer v.close()
	v.given = flagsGiven(opts.common.Cmd)
	q, err := v.lookup(opts.queue)
	if err != nil {
		return err
	}
	p, err := v.pick(q, &opts.selection, opts.selection.limit)
	if err != nil {
		return err
	}
	if err := p.allowed(ctx, opts.browsing); err != nil {
		return err
	}
	if q.Type == topology.Stream && opts.drain {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err: fmt.Errorf("queue %q: %w: it can be exported but not drained",
				q.Name,
				replay.ErrStream), Advice: "remove --drain"}
	}
	defer p.chosen.warn(opts.common.Deps)
	return (&exporting{opts, p}).run(ctx)
}

// exporting is one export of a queue.
type exporting struct {
	*exportOptions
	*picker
}

func (e *exporting) run(ctx context.Context) error {
	ready, err := e.v.Ready(ctx, e.q.Name)
	if err != nil {
		return err
	}
	w, err := e.open()
	if err != nil {
		return err
	}
	if e.drain {
		cmdmsg.NoteBrowsing(e.v.proc, e.q, e.selection.reordering(e.q, e.assessment), "Consuming from")
	} else {
		cmdmsg.NoteBrowsing(e.v.proc, e.q, e.assessment, "Browsing")
	}
	action := map[bool]string{true: "drain", false: "export"}[e.drain]
	observer := cmdmsg.NewRunObserver(e.common.Deps, e.common.Progress, action, ready)
	start := time.Now()
	var result replay.Result
	if e.drain {
		err = e.v.WithOverride(ctx, e.q, e.assessment, func() (err error) {
			result, err = e.drainQueue(ctx, replay.DrainOptions{
				From:   e.v.From(ctx, e.q, e.assessment, ready),
				Select: e.chosen.Selection, Archive: w, Limit: e.selection.limit, ID: replay.NewRunID(), Observer: observer,
			})
			return err
		})
	} else {
		result, err = e.copy(ctx, w, observer)
	}
	observer.End()
	err = errors.Join(err, w.Close())
	doc := deadletters.NewRunDocument(action, result, time.Since(start))
	doc.Queue, doc.VHost, doc.File = e.q.Name, e.v.Name, e.file
	doc.HeldByOthers, doc.Reorders = e.v.heldByOthers(e.q), e.drain && mayReorder(e.q)
	return e.finish(doc, err)
}

func (e *exporting) open() (*archive.Writer, error) {
	if e.file == "-" {
		return archive.NewWriter(redirected{e.common.Deps.Streams.Out}, archive.None)
	}
	return cmdmsg.CreateArchive(e.file)
}

// finish reports the result, on stderr if the archive went to stdout.
func (e *exporting) finish(doc deadletters.RunDocument, err error) error {
	if e.file != "-" {
		return e.common.End(doc, err)
	}
	doc.File = "stdout"
	errOnly := *e.common.Deps
	streams := *e.common.Deps.Streams
	streams.Out, streams.OutTTY = streams.Err, streams.ErrTTY
	errOnly.Streams = &streams
	o := e.common
	o.Deps = &errOnly
	return o.End(doc, err)
}

// copy writes messages to the archive and leaves them in the queue.
func (e *exporting) copy(ctx context.Context, w *archive.Writer, observer *cmdmsg.RunObserver) (replay.Result, error) {
	result := replay.Result{Queue: e.q.Name}
	e.whole = true
	looked := func(n *int64) {
		if *n++; (result.Done+result.Skipped)%256 == 0 {
			observer.Progress(replay.Progress{Processed: result.Done + result.Skipped})
		}
	}
	_, err := e.each(ctx, func(m *message.Message) error {
		err := w.Write(m)
		if err == nil {
			looked(&result.Done)
		}
		return err
	}, func() { looked(&result.Skipped) })
	result.Stayed = e.unread.Stayed()
	observer.Progress(replay.Progress{Processed: result.Done + result.Skipped})
	if result.Interrupted = ctx.Err() != nil; result.Interrupted {
		err = nil // the messages are back in the queue, and the archive is complete
	}
	return result, err
}

// redirected is stdout as an archive. It is not closed, and it is synced if it is a file.
type redirected struct{ io.Writer }

// Sync makes the written data durable; on a pipe it does nothing.
func (r redirected) Sync() error {
	f, ok := r.Writer.(interface {
		Sync() error
		Stat() (fs.FileInfo, error)
	})
	if !ok {
		return nil
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // what cannot be looked at cannot be synced either
	}
	return f.Sync()
}
