package dlq

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message"
)

// done makes the function of a command one that notes when it is called.
func done[O any, R any](log *[]string) func(context.Context, O) (R, error) {
	return func(context.Context, O) (r R, _ error) {
		*log = append(*log, "done")
		return r, nil
	}
}

// TestGuardLiftsTheLimitMeanwhile: the delivery limit is lifted before anything is taken from the
// queue, and restored afterwards.
func TestGuardLiftsTheLimitMeanwhile(t *testing.T) {
	for _, c := range []struct {
		args    []string
		command func(log *[]string) func(*cmdutil.Process, OpenBroker) *cobra.Command
		browses bool // the command has no function that could note itself
	}{
		{[]string{"policed"}, func(log *[]string) func(*cmdutil.Process, OpenBroker) *cobra.Command {
			return func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
				return newReplayCmd(p, open, done[replay.Options, replay.Result](log))
			}
		}, false},
		{[]string{"policed", "--to", "queue:work"}, func(log *[]string) func(*cmdutil.Process, OpenBroker) *cobra.Command {
			return func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
				return newMoveCmd(p, open, done[replay.Options, replay.Result](log))
			}
		}, false},
		{[]string{"policed", "--yes", "--limit", "1"},
			func(log *[]string) func(*cmdutil.Process, OpenBroker) *cobra.Command {
				return func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
					return newPurgeCmd(p, open, done[replay.PurgeOptions, replay.Result](log))
				}
			}, false},
		{[]string{"policed", "--drain", "--archive", file(t, "a.ndjson")},
			func(log *[]string) func(*cmdutil.Process, OpenBroker) *cobra.Command {
				return func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
					return newExportCmd(p, open, done[replay.DrainOptions, replay.Result](log))
				}
			}, false},
		{[]string{"policed"}, func(*[]string) func(*cmdutil.Process, OpenBroker) *cobra.Command {
			return newInspectCmd
		}, true},
	} {
		var log []string
		got := run(t, c.command(&log), c.args...)
		if got.code != cmdutil.ExitFailed || !strings.Contains(got.stderr.String(), "--guard") || len(log) > 0 ||
			len(got.limit) > 0 {
			t.Errorf("%q: exit code %d, %q, %q\n%s", c.args, got.code, log, got.limit, got.stderr.String())
		}
		broker := &fake{}
		note := func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
			return c.command(&broker.limit)(p, func(ctx context.Context, conn *profile.Connection, name string) (Broker, error) {
				b, err := open(ctx, conn, name)
				broker.messages = b.(*fake).messages
				return broker, err
			})
		}
		want := []string{"lifted to -1", "done", "restored"}
		if c.browses {
			want = slices.Delete(want, 1, 2)
		}
		got = run(t, note, append(c.args, "--guard")...)
		if got.code != cmdutil.ExitOK || !slices.Equal(broker.limit, want) {
			t.Errorf("%q --guard: exit code %d, %q, want %q\n%s", c.args, got.code, broker.limit, want, got.stderr.String())
		}
	}
}

// TestProgressIsShownWhereItIsAskedFor: off a terminal, only --progress=json shows any.
func TestProgressIsShownWhereItIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		args    []string
		command func(*cmdutil.Process, OpenBroker) *cobra.Command
	}{
		{[]string{"dlq"}, func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
			return newReplayCmd(p, open, replay.Replay)
		}},
		{[]string{"dlq", "--to", "queue:work"}, func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
			return newMoveCmd(p, open, replay.Move)
		}},
		{[]string{"dlq", "--yes", "--limit", "1"}, func(p *cmdutil.Process, open OpenBroker) *cobra.Command {
			return newPurgeCmd(p, open, replay.Purge)
		}},
		{[]string{"dlq", "--drain", "--archive", file(t, "a.ndjson")},
			func(p *cmdutil.Process, open OpenBroker) *cobra.Command { return newExportCmd(p, open, replay.Drain) }},
		{[]string{"dlq", "--group-by", "reason"}, newInspectCmd},
	} {
		for mode, want := range map[string]bool{"": false, "auto": false, "none": false, "json": true} {
			args := c.args
			if mode != "" {
				args = append(slices.Clone(args), "--progress", mode)
			}
			if i := slices.Index(args, "--archive"); i >= 0 { // an archive is not overwritten
				args = slices.Clone(args)
				args[i+1] = file(t, "a.ndjson")
			}
			got := run(t, c.command, args...)
			if shown := strings.Contains(got.stderr.String(), `{"`); got.code != cmdutil.ExitOK || shown != want {
				t.Errorf("%q: exit code %d, progress shown %t, want %t\n%s", args, got.code, shown, want, got.stderr.String())
			}
		}
	}
}

// TestChangedEventsAreChecked: against the topology file, unless --no-validate says otherwise.
func TestChangedEventsAreChecked(t *testing.T) {
	topology := file(t, "topology.yaml")
	if err := os.WriteFile(topology,
		[]byte("version: 1\nexchanges: { x: { type: topic } }\nevents:\n  done: { exchange: x, "+
			"schema: { type: object, properties: { n: { type: integer } } } }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	event := &message.Message{Properties: message.Properties{ContentType: "application/json"}, Body: []byte(
		`{"eventId": "1", "eventType": "done", "version": 1, "timestamp": "2026-01-02T03:04:05Z", "payload": {"n": 1}}`)}
	for _, c := range []struct {
		args    []string
		refused bool
	}{
		{[]string{"dlq", "--jq", ".body.payload.n = 2", "-f", topology}, false},
		{[]string{"dlq", "--jq", `.body.payload.n = "two"`, "-f", topology}, true},
		{[]string{"dlq", "--jq", `.body.payload.n = "two"`, "-f", topology, "--no-validate"}, false},
	} {
		got, ok, call := handed(t, sending(newReplayCmd), c.args...)
		if !ok {
			t.Fatalf("%q: exit code %d\n%s", c.args, call.code, call.stderr.String())
		}
		changed, err := got.Transform.Apply(t.Context(), event)
		if err == nil && got.CheckChanged != nil {
			err = got.CheckChanged(event, changed)
		}
		if refused := err != nil; refused != c.refused {
			t.Errorf("%q: %v", c.args, err)
		}
	}
}
