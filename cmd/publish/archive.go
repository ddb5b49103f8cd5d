package publish

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/deadletters"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/publish"
)

// archiveOptions are the flags for publishing an archive.
type archiveOptions struct {
	file  string
	speed float64
}

// headerArchive names the archive that a message was published from. Consumers can tell it from the
// original, which has the same id.
const headerArchive = "x-msgctl-archive"

func (o *archiveOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.file, "archive", "",
		"publish the messages of this archive `FILE` (tail --save, dlq export) to their original exchanges and keys, with "+
			"their original ids")
	flags.Float64Var(&o.speed, "speed", 1,
		"with --archive: multiple of the original speed; 0 does not wait between messages")
	_ = cmd.MarkFlagFilename("archive", "ndjson", "gz", "zst")
}

// check refuses flags that cannot be combined with --archive.
func (o *archiveOptions) check(cmd *cobra.Command, typ string) error {
	if o.file == "" {
		if cmd.Flags().Changed("speed") {
			return cmdutil.UsageError("msgctl publish --archive FILE --speed 2", "%s--speed needs --archive",
				cmdutil.Where(cmd))
		}
		return nil
	}
	if typ != "" {
		return cmdutil.UsageError("remove "+shell.Quote(typ),
			"%sTYPE and --archive exclude each other: the messages of an archive have their own types",
			cmdutil.Where(cmd))
	}
	if o.speed < 0 || o.speed != o.speed {
		return cmdutil.UsageError("--speed 2, or --speed 0 to publish without pauses", "%s--speed cannot be negative",
			cmdutil.Where(cmd))
	}
	for _, name := range []string{"data", "set", "sample", "ndjson", "exchange", "key", "id", "header", "format",
		"dry-run", "resume", "journal", "priority", "expiration",
		"delay", "allow-unroutable", "correlation-id", "causation-id", "user-id", "trace-id", "span-id", "app-id",
		"aggregate-id", "content-type"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			return cmdutil.UsageError("remove --"+name+": archived messages are published unchanged",
				"%s--%s and --archive exclude each other",
				cmdutil.Where(cmd), name)
		}
	}
	return nil
}

// playArchive publishes the messages of an archive again. It shares the code of dlq import, except
// for destinations and pacing.
func (o *publishOptions) playArchive(ctx context.Context) error {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return err
	}
	in, err := cmdmsg.OpenArchive(o.proc, o.archive.file)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	messages, err := cmdmsg.CheckArchive(in, o.archive.file)
	if err != nil {
		return err
	}
	b, err := o.open(ctx, conn, "publish")
	if err != nil {
		return err
	}
	defer b.Close()
	run := &cmdmsg.RunFlags{Deps: o.proc, Cmd: o.cmd, Output: o.output, Progress: o.progress, Report: o.bulk.report}
	recorder, closeReport, err := run.Recorder()
	if err != nil {
		return err
	}
	observer := cmdmsg.NewRunObserver(o.proc, o.progress, "publish", 0)
	player := &archivePlayer{in: in, speed: o.archive.speed, name: filepath.Base(o.archive.file),
		tell: tellDrops(ctx, b, conn.VHost, nil, observer.Bar.Note)}
	traces := cmdmsg.NewTracing(o.proc, conn, nil)
	defer func() { cmdmsg.EndTracing(o.proc, traces) }()
	start := time.Now()
	result, err := replay.Restore(ctx, replay.RestoreOptions{
		Archive: messages, Dialer: b.Dialer(conn.VHost), Route: wherePublished, Prepare: player.prepare, Pace: player.pace,
		Identity: replay.Identity{Login: conn.User}, Limit: o.bulk.count, Rate: o.bulk.rate, Observer: observer,
		Report: recorder, Sending: cmdmsg.CopySpans(traces), Reconnect: cmdmsg.Reconnect(conn),
	})
	observer.End()
	if closed := closeReport(); err == nil {
		err = closed
	}
	doc := deadletters.NewRunDocument("play", result.Result, time.Since(start))
	doc.VHost, doc.File = conn.VHost, o.archive.file
	for _, k := range result.Broken {
		doc.Broken = append(doc.Broken,
			deadletters.BrokenDocument{Line: k.Line, Byte: k.Byte, Final: k.Final, Reason: k.Reason.Error()})
	}
	return run.End(doc, err)
}

// wherePublished returns the exchange and key of the last publication. A message that records
// neither cannot be published again.
func wherePublished(m *message.Message) (publish.Target, bool) {
	return publish.Target{Exchange: m.Exchange, Key: m.RoutingKey}, m.Exchange != "" || m.RoutingKey != ""
}

// archivePlayer paces the messages of an archive.
type archivePlayer struct {
	in    *archive.Reader
	speed float64
	name  string
	tell  func(publish.Target, *message.Message)

	began time.Time // when the first message was sent
	first time.Time // when the first message was seen
}

// prepare removes headers that belong to the broker: a death history (fact client-death-history), and
// a stream offset, which no longer applies. The ids stay.
func (p *archivePlayer) prepare(m *message.Message) *message.Message {
	c := *m
	c.Headers = maps.Clone(m.Headers)
	maps.DeleteFunc(c.Headers, func(name string, _ any) bool {
		return message.BrokerOwned(name) &&
			name != message.HeaderCC
	})
	if c.Headers == nil {
		c.Headers = message.Table{}
	}
	c.Headers[headerArchive] = p.name
	if to, ok := wherePublished(m); ok {
		p.tell(to, &c)
	}
	return &c
}

// pace waits as long as there was between the first message and this one. The times are those at
// which the messages were seen, else the property timestamp, which has a resolution of seconds.
// Without either it does not wait.
func (p *archivePlayer) pace(ctx context.Context, m *message.Message) error {
	at := p.in.Seen()
	if at.IsZero() {
		at = message.Meant(m.Timestamp)
	}
	if p.speed == 0 || at.IsZero() {
		return ctx.Err()
	}
	if p.began.IsZero() {
		p.began, p.first = time.Now(), at
	}
	wait := time.Until(p.began.Add(time.Duration(float64(at.Sub(p.first)) / p.speed)))
	if wait <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return fmt.Errorf("wait for the time of a message: %w", ctx.Err())
	case <-timer.C:
		return nil
	}
}
