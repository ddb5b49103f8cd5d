package ops

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render/status"
)

const doctorLong = `Check a live broker against the production checklist, for example before a
service goes live. Every item reports the evidence and, where something is
wrong, why it matters and how to fix it: default passwords, vhosts, permissions
and TLS; prefetch, acknowledgements, heartbeats and confirms of the connected
clients; dead-lettering, retries, limits and policies of every queue; alarms,
replicas, feature flags and deprecated features of the cluster; and whether the
broker matches its topology file.

Some items need a user with the monitoring or administrator tag; otherwise they
are "unknown", with the reason: --skip leaves them out. Items about clients
cover only the clients that are connected now. doctor tries to log in as guest
with the password guest, once.

Exit code 0: no finding at or above --fail-on (default error). 2: at least one,
or the user may not read what an item needs.`

type doctorOptions struct {
	proc       *cmdutil.Process
	open       OpenHealth
	connection *profile.Flags
	files      cmdutil.FileFlag
	output     cmdutil.OutputFlag
	failOn     cmdutil.SeverityFlag
	only, skip []string
	list       bool
}

// NewDoctorCmd is msgctl doctor.
func NewDoctorCmd(d *cmdutil.Process, open OpenHealth) *cobra.Command {
	opts := &doctorOptions{proc: d, open: open}
	cmd := &cobra.Command{
		Use:     "doctor",
		GroupID: cmdutil.GroupWatching,
		Short:   "Check a live broker against the production checklist",
		Long:    doctorLong,
		Example: "  msgctl doctor\n  msgctl doctor -f topology.yaml --fail-on warning\n  msgctl doctor --skip tls,vhosts\n" +
			"  msgctl doctor --only confirms -o json\n  msgctl doctor --list",
		Args: cmdutil.Args(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runDoctor(cmd.Context(), opts, cmd.Flags().Changed("vhost"))
		},
	}
	opts.files.Register(cmd)
	opts.output.Register(cmd, "text", "json", "yaml")
	opts.failOn.Value = string(health.Error)
	flags := cmd.Flags()
	flags.Var(&opts.failOn, "fail-on", "lowest severity that causes exit code 2: error, warning, never")
	flags.StringSliceVar(&opts.only, "only", nil, "check only these `ITEMS`, separated by commas")
	flags.StringSliceVar(&opts.skip, "skip", nil, "skip these `ITEMS`, separated by commas")
	flags.BoolVar(&opts.list, "list", false, "list the items and exit")
	for _, name := range []string{"only", "skip"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(itemIDs(), cobra.ShellCompDirectiveNoFileComp))
	}
	opts.connection = cmdutil.ConnectionFlags(cmd)
	return cmd
}

type itemDocument struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Why   string `json:"why"`
	Fix   string `json:"fix"`
}

// itemsDocument is what `doctor --list -o json` prints.
type itemsDocument struct {
	FormatVersion string         `json:"format_version"`
	Items         []itemDocument `json:"items"`
}

func itemDocuments() itemsDocument {
	doc := itemsDocument{FormatVersion: "1"}
	for _, i := range health.Checks() {
		doc.Items = append(doc.Items, itemDocument{i.ID, i.Title, i.Why, i.Fix})
	}
	return doc
}

func itemIDs() []string {
	var ids []string
	for _, i := range health.Checks() {
		ids = append(ids, i.ID)
	}
	return ids
}

func runDoctor(ctx context.Context, opts *doctorOptions, one bool) error {
	streams := opts.proc.Streams
	if opts.list {
		if done, err := opts.output.Encode(streams.Out, itemDocuments()); done {
			return err
		}
		return status.DoctorItems(streams.Out, health.Checks(), streams.OutStyler(opts.proc.Colour), streams.OutWidth())
	}
	for _, id := range slices.Concat(opts.only, opts.skip) {
		if ids := itemIDs(); !slices.Contains(ids, id) {
			return cmdutil.UsageError("see: msgctl doctor --list", "doctor: unknown item %q", id)
		}
	}
	conn, err := opts.proc.Connection(opts.connection)
	if err != nil {
		return err
	}
	in, live, err := inspectBroker(ctx, opts.open, "doctor", conn, one, true)
	if err != nil {
		return err
	}
	if in.Declared, err = declaredBy(opts.proc, &opts.files, conn, live); err != nil {
		return err
	}
	doc := status.NewDoctorDocument(in, health.RunChecks(in, opts.asked))
	if done, err := opts.output.Encode(streams.Out, doc); done || err != nil {
		return exitBy(err, doc, opts.failOn.Value)
	}
	err = status.DoctorText(streams.Out, doc, streams.OutStyler(opts.proc.Colour), streams.OutWidth())
	return exitBy(err, doc, opts.failOn.Value)
}

func (o *doctorOptions) asked(id string) bool {
	return (len(o.only) == 0 || slices.Contains(o.only, id)) && !slices.Contains(o.skip, id)
}

// exitBy returns a write error, or the exit code for the verdict.
func exitBy(err error, doc status.DoctorDocument, on string) error {
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	blind := slices.ContainsFunc(doc.Results, func(r health.Result) bool { return r.NotPermitted })
	if failsOn(doc.Status, blind, on) {
		return cmdutil.ExitWith(cmdutil.ExitPending)
	}
	return nil
}
