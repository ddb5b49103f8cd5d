package queue

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/migrations"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
)

// options are the flags of the commands that begin a migration.
type options struct {
	proc       *cmdutil.Process
	open       OpenBroker
	command    string
	cmd        *cobra.Command
	connection *profile.Flags
	work       workFlags
	yes        string
	dryRun     bool
	exclusive  bool
}

func (o *options) register(cmd *cobra.Command) {
	o.cmd = cmd
	o.work.register(cmd)
	cmd.Flags().StringVarP(&o.yes, "yes", "y", "", "do not ask for confirmation; on a protected context: --yes=QUEUE")
	cmd.Flags().Lookup("yes").NoOptDefVal = cmdutil.PlainYes
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "change nothing; show what would happen")
	cmd.Flags().BoolVar(&o.exclusive, "exclusive", false,
		"move nothing while the queue has consumers: they empty it themselves, in order")
	o.connection = cmdutil.ReaderFlags(cmd)
}

// begin plans a migration, shows the plan, asks, and executes it.
func (o *options) begin(ctx context.Context, queue string, change migrate.Change) error {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return err
	}
	b, err := o.open(ctx, conn, o.command)
	if err != nil {
		return err
	}
	defer b.Close()
	release := func() {}
	if !o.dryRun {
		if release, err = lock(ctx, b, conn.VHost, queue); err != nil {
			return err
		}
	}
	defer release()
	live, err := b.Everything(ctx, []string{conn.VHost})
	if err != nil {
		return err
	}
	if slices.Contains(live.MissingVHosts, conn.VHost) {
		return live.WithoutVHost(conn.VHost)
	}
	if err := noneUnderWay(ctx, b, conn.VHost, queue, change.Name); err != nil {
		return err
	}
	if n, err := b.Ready(ctx, conn.VHost, queue); err == nil { // the counts that were read are late
		status := live.Status[topology.QueueRef(conn.VHost, queue)]
		status.Messages = max(status.Messages, n)
		live.Status[topology.QueueRef(conn.VHost, queue)] = status
	}
	p, err := migrate.New(live, conn.VHost, queue, change, who(), time.Now())
	if err != nil {
		return err
	}
	p.Job.AllowGap, p.Job.Exclusive = o.work.allowGap, o.exclusive
	if err := o.present(ctx, b, p); err != nil || o.dryRun {
		return err
	}
	if err := o.confirm(ctx, conn, p); err != nil {
		return err
	}
	o.work.began = true
	return o.work.execute(ctx, o.proc, b, conn, live, p.Job)
}

// present counts, and shows the plan. A plan that is refused is an error.
func (o *options) present(ctx context.Context, b Broker, p *migrate.Plan) error {
	counts, err := b.Counts(ctx, p.Job.From.VHost)
	if err != nil {
		return err
	}
	n := counts[p.Job.From.Name]
	p.Consumers = n.Consumers
	if n.Known {
		p.Messages = max(p.Messages, n.Ready+n.Unacked)
	}
	streams := o.proc.Streams
	doc := migrations.NewPlanDocument(p, o.work.options().Estimate(p.Job, p.Messages, p.Consumers))
	out, width := streams.Err, streams.ErrWidth()
	if o.dryRun {
		done, err := o.work.output.Encode(streams.Out, doc)
		if done && len(p.Refused) == 0 || err != nil {
			return err
		}
		if !done {
			out, width = streams.Out, streams.OutWidth()
		}
	}
	if err := migrations.PlanText(out, doc, streams.ErrStyler(o.proc.Colour), width); err != nil {
		return err
	}
	if len(p.Refused) > 0 {
		return fmt.Errorf("nothing was changed: queue %q cannot be migrated for the reasons above", p.Job.From.Name)
	}
	return nil
}

func (o *options) confirm(ctx context.Context, conn *profile.Connection, p *migrate.Plan) error {
	name := p.Job.From.Name
	switch {
	case o.yes == name || o.yes == cmdutil.PlainYes && !conn.Protected():
		return nil
	case o.yes != "" && conn.Protected():
		return cmdutil.UsageError("--yes="+shell.Quote(name), "%s: to replace a queue, --yes must name queue %q",
			conn.Protection(), name)
	case o.yes != "":
		return cmdutil.UsageError("--yes alone, or --yes="+shell.Quote(name), "--yes=%s does not name the queue %q", o.yes,
			name)
	}
	question := terminal.Neutralise(fmt.Sprintf("Replace queue %s?", name))
	ask := o.proc.Streams.Confirm
	if conn.Protected() {
		question = terminal.Neutralise(fmt.Sprintf("This replaces queue %s, and %s:", name, conn.Protection()))
		ask = func(ctx context.Context, question, flag string) (bool, error) {
			return o.proc.Streams.ConfirmName(ctx, question, name, flag+"="+shell.Quote(name))
		}
	}
	ok, err := ask(ctx, question, "--yes")
	if err != nil {
		return err
	}
	return cmdutil.Declined(ok)
}

// The broker learns a moment later that a msgctl was killed that held a lock.
const (
	lockPause = 200 * time.Millisecond
	lockWait  = 5 * time.Second
)

// lock prevents that two programs migrate a queue at the same time.
func lock(ctx context.Context, b Broker, vhost, queue string) (release func(), err error) {
	for end := time.Now().Add(lockWait); ; {
		release, err = b.Lock(ctx, vhost, "queue "+queue)
		switch {
		case !errors.Is(err, topology.ErrLocked):
			return release, err
		case time.Now().After(end):
			return release, fmt.Errorf("migrate queue %q: another msgctl is at it: wait until it has ended", queue)
		}
		select {
		case <-ctx.Done():
			return release, ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

// noneUnderWay refuses if a queue has a job already.
func noneUnderWay(ctx context.Context, b Broker, vhost string, queues ...string) error {
	jobs, _, err := readJobs(ctx, b)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.From.VHost == vhost && (slices.Contains(queues, j.From.Name) || slices.Contains(queues, j.To.Name)) {
			return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Advice: goOn(j), Err: fmt.Errorf("queue %q is being migrated "+
				"already, by job %s of %s, which stands at stage %s", j.From.Name, j.ID, j.By, j.Stage)}
		}
	}
	return nil
}

// goOn is what to type about an unfinished job.
func goOn(j *migrate.Job) string {
	lines := []string{"msgctl queue jobs resume " + j.ID + "   goes on"}
	if j.CanAbort() {
		lines = append(lines, "msgctl queue jobs abort "+j.ID+"    leads everything back to the queue as it was")
	}
	return strings.Join(lines, "\n")
}

// who is user@host, for people who find the job.
func who() string {
	name, host := "unknown", "unknown host"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return name + "@" + host
}
