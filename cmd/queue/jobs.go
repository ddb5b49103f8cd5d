package queue

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/migrations"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
)

const jobsLong = `Show the migrations of queues that are under way or were interrupted, in every
vhost, and go on with them. A migration is recorded in the broker, so any
machine can go on. Reading the records takes the tag policymaker.`

const abortLong = `Lead everything back to the queue as it was: the messages that were moved out of
it, then those that were published meanwhile, and the bindings. This is possible
as long as the queue was not replaced. Afterwards, resume the migration, and
convert the queue back.`

func newJobsCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	cmd := cmdutil.NewGroupCmd("jobs", "Show and resume migrations that were interrupted", jobsLong)
	cmd.AddCommand(newListCmd(d, open), newShowCmd(d, open), newResumeCmd(d, open), newAbortCmd(d, open))
	return cmd
}

// jobsOptions are the flags of the commands about jobs.
type jobsOptions struct {
	proc       *cmdutil.Process
	open       OpenBroker
	output     cmdutil.OutputFlag
	connection *profile.Flags
	work       workFlags
}

func newListCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	o := &jobsOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use: "ls", Short: "List migrations that are not finished", Args: cmdutil.Args(),
		Long:    "List the migrations that are under way or were interrupted, in every vhost.",
		Example: "  msgctl queue jobs ls\n  msgctl queue jobs ls -o json",
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.list(cmd.Context()) },
	}
	o.output.Register(cmd, "text", "json", "yaml")
	o.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func newShowCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	o := &jobsOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use: "show ID", Short: "Show one migration", Args: cmdutil.Args("ID"),
		Long:    "Show one migration: what it does, how far it is, and where messages wait.",
		Example: "  msgctl queue jobs show k3v9q2m1xa",
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.with(cmd.Context(), "queue jobs show", names[0], o.show)
		},
	}
	o.output.Register(cmd, "text", "json", "yaml")
	o.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

func newResumeCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	o := &jobsOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use: "resume ID", Short: "Go on with a migration", Args: cmdutil.Args("ID"),
		Long:    "Go on with a migration at the stage that is recorded, which is executed again.",
		Example: "  msgctl queue jobs resume k3v9q2m1xa\n  msgctl queue jobs resume k3v9q2m1xa --allow-gap",
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.with(cmd.Context(), "queue jobs resume", names[0], o.resume)
		},
	}
	o.work.register(cmd)
	o.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

func newAbortCmd(d *cmdutil.Process, open OpenBroker) *cobra.Command {
	o := &jobsOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use: "abort ID", Short: "Lead everything back to the queue as it was", Args: cmdutil.Args("ID"),
		Long: abortLong, Example: "  msgctl queue jobs abort k3v9q2m1xa",
		RunE: func(cmd *cobra.Command, names []string) error {
			return o.with(cmd.Context(), "queue jobs abort", names[0], o.abort)
		},
	}
	o.work.register(cmd)
	o.connection = cmdutil.ReaderFlags(cmd)
	return cmd
}

// readJobs reads all jobs, in the order of their beginnings, and says which cannot be read.
func readJobs(ctx context.Context, b Broker) (jobs []*migrate.Job, unreadable []string, err error) {
	values, err := b.GlobalParameters(ctx)
	for name, text := range values {
		if !migrate.IsJob(name) {
			continue
		}
		j, err := migrate.Decode(name, text)
		if err != nil {
			unreadable = append(unreadable, err.Error())
			continue
		}
		jobs = append(jobs, j)
	}
	slices.SortFunc(jobs, func(a, b *migrate.Job) int {
		if c := a.Started.Compare(b.Started); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	slices.Sort(unreadable)
	return jobs, unreadable, err
}

func (o *jobsOptions) list(ctx context.Context) error {
	_, b, err := o.connect(ctx, "queue jobs ls")
	if err != nil {
		return err
	}
	defer b.Close()
	jobs, unreadable, err := readJobs(ctx, b)
	if err != nil {
		return err
	}
	doc := migrations.JobsDocument{FormatVersion: migrations.FormatVersion, Jobs: []migrations.JobDocument{},
		Unreadable: unreadable}
	for _, j := range jobs {
		doc.Jobs = append(doc.Jobs, migrations.NewJobDocument(j))
	}
	streams := o.proc.Streams
	if done, err := o.output.Encode(streams.Out, doc); done {
		return err
	}
	if len(jobs)+len(unreadable) == 0 {
		o.proc.Say("No migration is under way or was interrupted.")
	}
	return migrations.JobsText(streams.Out, doc, streams.OutStyler(o.proc.Colour), streams.OutWidth())
}

func (o *jobsOptions) connect(ctx context.Context, command string) (*profile.Connection, Broker, error) {
	conn, err := o.proc.Connection(o.connection)
	if err != nil {
		return nil, nil, err
	}
	b, err := o.open(ctx, conn, command)
	return conn, b, err
}

// jobFunc is what a command does with a job.
type jobFunc func(context.Context, Broker, *profile.Connection, *migrate.Job) error

// with finds a job and passes it on.
func (o *jobsOptions) with(ctx context.Context, command, id string, f jobFunc) error {
	conn, b, err := o.connect(ctx, command)
	if err != nil {
		return err
	}
	defer b.Close()
	j, err := findJob(ctx, b, id)
	if err != nil {
		return err
	}
	return f(ctx, b, conn, j)
}

func findJob(ctx context.Context, b Broker, id string) (*migrate.Job, error) {
	jobs, unreadable, err := readJobs(ctx, b)
	if err != nil {
		return nil, err
	}
	for _, j := range jobs {
		if j.ID == id {
			return j, nil
		}
	}
	for _, text := range unreadable {
		if strings.Contains(text, id) {
			return nil, fmt.Errorf("%s", text)
		}
	}
	return nil, &cmdutil.ExitError{Code: cmdutil.ExitFailed, Advice: "msgctl queue jobs ls   lists them",
		Err: fmt.Errorf("there is no migration %q: it is finished, or was never begun", id)}
}

func (o *jobsOptions) show(_ context.Context, _ Broker, _ *profile.Connection, j *migrate.Job) error {
	doc, streams := migrations.NewJobDocument(j), o.proc.Streams
	if done, err := o.output.Encode(streams.Out, doc); done {
		return err
	}
	if err := migrations.JobText(streams.Out, doc, streams.OutStyler(o.proc.Colour), streams.OutWidth()); err != nil {
		return err
	}
	for line := range strings.Lines(goOn(j)) {
		o.proc.Say("%s", strings.TrimSuffix(line, "\n"))
	}
	return nil
}

func (o *jobsOptions) resume(ctx context.Context, b Broker, conn *profile.Connection, j *migrate.Job) error {
	return o.work.goOn(ctx, o.proc, b, conn, j, func(*migrate.Job) error { return nil })
}

func (o *jobsOptions) abort(ctx context.Context, b Broker, conn *profile.Connection, j *migrate.Job) error {
	live, err := b.Everything(ctx, []string{j.From.VHost})
	if err != nil {
		return err
	}
	if slices.Contains(live.MissingVHosts, j.From.VHost) { // with everything that was in it
		o.proc.Say("Vhost %s does not exist any more: the record of the migration is removed.", j.From.VHost)
		return b.Delete(ctx, &topology.GlobalParameter{Name: j.Parameter()}, topology.DeleteConditions{})
	}
	return o.work.goOn(ctx, o.proc, b, conn, j, func(j *migrate.Job) error {
		can, err := canAbort(ctx, b, j)
		if err != nil {
			return err
		}
		if !can {
			return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Advice: goOn(j), Err: fmt.Errorf("migration %s cannot be "+
				"aborted: queue %q may have been replaced already (stage %s)", j.ID, j.From.Name, j.Stage)}
		}
		if !j.Aborted {
			j.Abort()
		}
		return nil
	})
}

// canAbort looks at the queue at the stage in which it is replaced.
func canAbort(ctx context.Context, b Broker, j *migrate.Job) (bool, error) {
	if j.Stage != migrate.Switch || j.Aborted {
		return j.Aborted || j.CanAbort(), nil
	}
	have, err := b.FindQueue(ctx, j.From.VHost, j.From.Name)
	return have != nil && migrate.Same(have, j.From), err
}

// goOn locks the queue of a job, reads the job again, and executes it.
func (w *workFlags) goOn(ctx context.Context, d *cmdutil.Process, b Broker, conn *profile.Connection, j *migrate.Job,
	change func(*migrate.Job) error) error {
	live, err := b.Everything(ctx, []string{j.From.VHost})
	if err != nil {
		return err
	}
	if slices.Contains(live.MissingVHosts, j.From.VHost) {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Advice: "msgctl queue jobs abort " + j.ID + "   removes its record",
			Err:    fmt.Errorf("the vhost %q of migration %s does not exist any more", j.From.VHost, j.ID)}
	}
	release, err := lock(ctx, b, j.From.VHost, j.From.Name)
	if err != nil {
		return err
	}
	defer release()
	if j, err = findJob(ctx, b, j.ID); err != nil { // another may have finished it meanwhile
		return err
	}
	if err := change(j); err != nil {
		return err
	}
	j.AllowGap = j.AllowGap || w.allowGap
	return w.execute(ctx, d, b, conn, live, j)
}
