package dlq

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/publish"
)

// sending has the function of replay and move unnamed, as generic code needs it.
func sending(c func(*cmdutil.Process, OpenBroker, sendFunc) *cobra.Command) func(*cmdutil.Process, OpenBroker,
	func(context.Context, replay.Options) (replay.Result, error)) *cobra.Command {
	return func(p *cmdutil.Process, open OpenBroker,
		f func(context.Context, replay.Options) (replay.Result, error)) *cobra.Command {
		return c(p, open, f)
	}
}

func sendCases(t *testing.T) []flagCase[replay.Options] {
	return []flagCase[replay.Options]{
		{[]string{"--where", `reason == "rejected"`}, func(o replay.Options) bool {
			return o.Select.Where != nil && meant(o.Select)
		}},
		{[]string{"--id", "a", "--id", "b"}, func(o replay.Options) bool {
			return slices.Equal(o.Select.IDs,
				[]string{"a", "b"})
		}},
		{[]string{"--older-than", "2h"}, func(o replay.Options) bool { return o.Select.OlderThan == 2*time.Hour }},
		{[]string{"--limit", "5"}, func(o replay.Options) bool { return o.Limit == 5 }},
		{[]string{"-n", "5"}, func(o replay.Options) bool { return o.Limit == 5 }},
		{[]string{"--rate", "2.5"}, func(o replay.Options) bool { return o.Rate == 2.5 }},
		{[]string{"--prefetch", "7"}, func(o replay.Options) bool { return o.Prefetch == 7 }},
		{[]string{"--copy"}, func(o replay.Options) bool { return o.Copy }},
		{[]string{"--jq", ".body.n = 1"}, func(o replay.Options) bool { return o.Transform != nil }},
		{[]string{"--report", file(t, "report.ndjson")}, func(o replay.Options) bool { return o.Report != nil }},
		{[]string{"--to", "exchange:x/k"}, func(o replay.Options) bool {
			return o.To == replay.Destination{Kind: replay.ToExchange, Exchange: "x", Key: "k", HasKey: true}
		}},
	}
}

func TestReplayHandsOnItsFlags(t *testing.T) {
	checkFlags(t, sending(newReplayCmd), []string{"dlq"}, append(sendCases(t)[:10], []flagCase[replay.Options]{
		{[]string{"--to", "origin"}, func(o replay.Options) bool { return o.To.Kind == replay.ToOrigin }},
		{[]string{"--to", "queue:work"}, func(o replay.Options) bool {
			return o.To.Kind == replay.ToQueue && o.To.Queue == "work"
		}},
		{[]string{"--restore-ttl"}, func(o replay.Options) bool { return o.RestoreTTL }},
		{[]string{"--max-replays", "4"}, func(o replay.Options) bool { return o.MaxReplays == 4 }},
		{[]string{"--max-replays", "0"}, func(o replay.Options) bool { return o.MaxReplays == -1 }},
		{[]string{"--ramp", "1,10"}, func(o replay.Options) bool { return slices.Equal(o.Ramp.Stages, []int64{1, 10}) }},
		{[]string{"--ramp", "1", "--settle", "9s"}, func(o replay.Options) bool { return o.Ramp.Settle == 9*time.Second }},
		{[]string{"--ramp", "1", "--abort-if-returned", "7%"},
			func(o replay.Options) bool { return o.Ramp.AbortIfReturned == 7 }},
	}...))
	got, _, _ := handed(t, sending(newReplayCmd), "dlq")
	if got.Queue != "dlq" || got.Total != 3 || got.MaxReplays != replay.DefaultMaxReplays || !got.Exists("work") ||
		got.Exists("none") {
		t.Errorf("without flags: %+v", got)
	}
	// The only dead-letter queue with messages needs no name.
	if got, ok, _ := handed(t, sending(newReplayCmd)); !ok || got.Queue != "dlq" {
		t.Errorf("without a queue: %+v", got)
	}
}

func TestReplayRefuses(t *testing.T) {
	checkRefusals(t, sending(newReplayCmd), []refusal{
		{[]string{"dlq", "--rate", "-1"}, cmdutil.ExitUsage, "--rate"},
		{[]string{"dlq", "--limit", "-1"}, cmdutil.ExitUsage, "--limit"},
		{[]string{"dlq", "--settle", "1s"}, cmdutil.ExitUsage, "--ramp"},
		{[]string{"dlq", "--ramp", "1", "--copy"}, cmdutil.ExitUsage, "exclude"},
		{[]string{"dlq", "--all"}, cmdutil.ExitUsage, "--all"},
		{[]string{"dlq", "--to", "nowhere"}, cmdutil.ExitUsage, "--to"},
		{[]string{"dlq", "--to", "queue:none"}, cmdutil.ExitFailed, `"none"`},
		{[]string{"dlq", "--where", "reason =="}, cmdutil.ExitUsage, "--where"},
		{[]string{"dlq", "--jq", ".body ="}, cmdutil.ExitUsage, "--jq"},
		{[]string{"dqL"}, cmdutil.ExitFailed, "dlq"},
		{[]string{"log"}, cmdutil.ExitFailed, "--copy"},
		{[]string{"limited"}, cmdutil.ExitFailed, "--force"},
	})
	if _, ok, c := handed(t, sending(newReplayCmd), "limited", "--force"); !ok {
		t.Errorf("--force: exit code %d\n%s", c.code, c.stderr.String())
	}
	if _, ok, c := handed(t, sending(newReplayCmd), "log", "--copy"); !ok {
		t.Errorf("a copy of a stream: exit code %d\n%s", c.code, c.stderr.String())
	}
	// A dry run decides about every message, and sends none.
	_, ok, c := handed(t, sending(newReplayCmd), "dlq", "--dry-run", "-o", "json")
	if ok || c.code != cmdutil.ExitOK || !strings.Contains(c.stdout.String(), `"dry_run": true`) ||
		!strings.Contains(c.stdout.String(), `"routing_key": "work"`) {
		t.Errorf("--dry-run: sent %t, exit code %d\n%s", ok, c.code, c.stdout.String())
	}
}

func TestMoveHandsOnItsFlags(t *testing.T) {
	checkFlags(t, sending(newMoveCmd), []string{"dlq", "--to", "queue:work"}, sendCases(t))
	checkRefusals(t, sending(newMoveCmd), []refusal{
		{[]string{"dlq"}, cmdutil.ExitUsage, "--to is missing"},
		{[]string{"dlq", "--to", "origin"}, cmdutil.ExitUsage, "dlq replay"},
		{[]string{"dlq", "--to", "queue:none"}, cmdutil.ExitFailed, `"none"`},
		{[]string{"log", "--to", "queue:work"}, cmdutil.ExitFailed, "--copy"},
		{[]string{"limited", "--to", "queue:work"}, cmdutil.ExitFailed, "--force"},
	})
}

func TestPurgeHandsOnItsFlags(t *testing.T) {
	command := func(p *cmdutil.Process, open OpenBroker,
		f func(context.Context, replay.PurgeOptions) (replay.Result, error)) *cobra.Command {
		return newPurgeCmd(p, open, f)
	}
	checkFlags(t, command, []string{"dlq", "--yes"}, []flagCase[replay.PurgeOptions]{
		{[]string{"--where", `reason == "rejected"`}, func(o replay.PurgeOptions) bool {
			return o.Select.Where != nil && meant(o.Select) && !o.AtOnce()
		}},
		{[]string{"--id", "a"}, func(o replay.PurgeOptions) bool { return slices.Equal(o.Select.IDs, []string{"a"}) }},
		{[]string{"--older-than", "30d"}, func(o replay.PurgeOptions) bool { return o.Select.OlderThan == 720*time.Hour }},
		{[]string{"--limit", "2"}, func(o replay.PurgeOptions) bool { return o.Limit == 2 && !o.AtOnce() }},
		{[]string{"--archive", file(t, "a.ndjson")}, func(o replay.PurgeOptions) bool {
			return o.Archive != nil &&
				!o.AtOnce()
		}},
		{[]string{"--report", file(t, "r.ndjson")}, func(o replay.PurgeOptions) bool {
			return o.Report != nil &&
				!o.AtOnce()
		}},
	})
	got, _, c := handed(t, command, "dlq", "--yes")
	if !got.AtOnce() || got.Queue != "dlq" || got.Total != 3 {
		t.Errorf("without a selection: %+v\n%s", got, c.stderr.String())
	}
	checkRefusals(t, command, []refusal{
		{[]string{"dlq"}, cmdutil.ExitUsage, "--yes"}, // nobody can be asked
		{[]string{"dlq", "--yes=other"}, cmdutil.ExitUsage, "does not name"},
		{[]string{"log", "--yes"}, cmdutil.ExitFailed, "stream"},
		{[]string{"limited", "--yes", "--limit", "1"}, cmdutil.ExitFailed, "--force"},
		{[]string{"dlq", "--dry-run"}, cmdutil.ExitOK, ""},
		{[]string{"work", "--yes"}, cmdutil.ExitOK, ""}, // it is empty
	})
	if got, ok, _ := handed(t, command, "limited", "--yes"); !ok || !got.AtOnce() {
		t.Errorf("the broker's own purge harms no message that stays: %+v", got)
	}
}

func TestExportHandsOnItsFlags(t *testing.T) {
	command := func(p *cmdutil.Process, open OpenBroker,
		f func(context.Context, replay.DrainOptions) (replay.Result, error)) *cobra.Command {
		return newExportCmd(p, open, f)
	}
	name := func() string { return file(t, "a.ndjson") }
	checkRefusals(t, command, []refusal{
		{[]string{"dlq", "--archive", ""}, cmdutil.ExitUsage, "--archive"},
		{[]string{"dlq", "--limit", "-1"}, cmdutil.ExitUsage, "--limit"},
		{[]string{"log", "--drain", "--archive", name()}, cmdutil.ExitFailed, "drain"},
		{[]string{"limited", "--archive", name()}, cmdutil.ExitFailed, "--force"},
		{[]string{"dlq", "--archive", name()}, cmdutil.ExitOK, ""}, // copies leave the queue alone
	})
	for _, f := range []flagCase[replay.DrainOptions]{
		{nil, func(o replay.DrainOptions) bool { return o.Queue == "dlq" && o.Total == 3 && o.Select.All() }},
		{[]string{"--limit", "2"}, func(o replay.DrainOptions) bool { return o.Limit == 2 }},
		{[]string{"--id", "a"}, func(o replay.DrainOptions) bool { return slices.Equal(o.Select.IDs, []string{"a"}) }},
		{[]string{"--older-than", "7d"}, func(o replay.DrainOptions) bool { return o.Select.OlderThan == 168*time.Hour }},
		{[]string{"--where", `reason == "rejected"`}, func(o replay.DrainOptions) bool { return meant(o.Select) }},
	} {
		args := append([]string{"dlq", "--drain", "--archive", name()}, f.args...)
		if got, ok, c := handed(t, command, args...); !ok || c.code != cmdutil.ExitOK || !f.holds(got) || got.Archive == nil {
			t.Errorf("%q: called %t, exit code %d, %+v\n%s", args, ok, c.code, got, c.stderr.String())
		}
	}
	_, _, c := handed(t, command, "dlq", "--id", "id-1")
	if n := strings.Count(c.stdout.String(), `"messageId":"id-`); n != 1 ||
		!strings.Contains(c.stdout.String(), `"id-1"`) {
		t.Errorf("%d messages on stdout:\n%s", n, c.stdout.String())
	}
}

func TestImportHandsOnItsFlags(t *testing.T) {
	command := func(p *cmdutil.Process, open OpenBroker,
		f func(context.Context, replay.RestoreOptions) (replay.Restored, error)) *cobra.Command {
		return newImportCmd(p, open, f)
	}
	archive := file(t, "a.ndjson")
	if err := os.WriteFile(archive, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	checkFlags(t, command, []string{archive}, []flagCase[replay.RestoreOptions]{
		{[]string{"--to", "queue:work"}, func(o replay.RestoreOptions) bool {
			return o.To != nil && *o.To == publish.Target{Key: "work"}
		}},
		{[]string{"--where", `reason == "rejected"`}, func(o replay.RestoreOptions) bool {
			return o.Select.Where != nil && meant(o.Select)
		}},
		{[]string{"--id", "a"}, func(o replay.RestoreOptions) bool { return slices.Equal(o.Select.IDs, []string{"a"}) }},
		{[]string{"--older-than", "2h"}, func(o replay.RestoreOptions) bool { return o.Select.OlderThan == 2*time.Hour }},
		{[]string{"--limit", "4"}, func(o replay.RestoreOptions) bool { return o.Limit == 4 }},
		{[]string{"--rate", "9"}, func(o replay.RestoreOptions) bool { return o.Rate == 9 }},
		{[]string{"--report", file(t, "r.ndjson")}, func(o replay.RestoreOptions) bool { return o.Report != nil }},
	})
	checkRefusals(t, command, []refusal{
		{[]string{archive + ".gone"}, cmdutil.ExitUsage, ".gone"},
		{[]string{archive, "--rate", "-1"}, cmdutil.ExitUsage, "--rate"},
		{[]string{archive, "--to", "origin"}, cmdutil.ExitUsage, "--to"},
		{[]string{archive, "--to", "exchange:amq.direct"}, cmdutil.ExitUsage, "routing key"},
		{[]string{archive, "--to", "queue:none"}, cmdutil.ExitFailed, `"none"`},
	})
}

// TestInspectShowsWhatIsAskedFor: the messages are those of the fake, id-0 to id-2.
func TestInspectShowsWhatIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		args     []string
		code     int
		has, not string
	}{
		{[]string{"dlq", "-o", "ndjson"}, cmdutil.ExitOK, "id-2", "\x00"},
		{[]string{"dlq", "-o", "ndjson", "-n", "1"}, cmdutil.ExitOK, "id-0", "id-1"},
		{[]string{"dlq", "-o", "ndjson", "--id", "id-1"}, cmdutil.ExitOK, "id-1", "id-0"},
		{[]string{"dlq", "-o", "ndjson", "--where", "headers.n > 1"}, cmdutil.ExitOK, "id-2", "id-1"},
		{[]string{"dlq", "-o", "ndjson", "--older-than", "1h"}, cmdutil.ExitOK, "id-0", "\x00"},
		{[]string{"dlq", "--group-by", "headers.n", "--jq", ".count"}, cmdutil.ExitOK, "1\n1\n1\n", "id"},
		{[]string{"dlq", "--jq", ".headers.n"}, cmdutil.ExitOK, "0\n1\n2\n", "id"},
		{[]string{"dlq", "--full"}, cmdutil.ExitOK, "history", "\x00"},
		{[]string{"dlq"}, cmdutil.ExitOK, "3 messages", "history"},
		{[]string{"dlq", "-n", "-1"}, cmdutil.ExitUsage, "", "id"},
		{[]string{"dlq", "--group-by", "reason,"}, cmdutil.ExitUsage, "", "id"},
		{[]string{"limited"}, cmdutil.ExitFailed, "", "id"},
		{[]string{"none"}, cmdutil.ExitFailed, "", "id"},
	} {
		got := run(t, newInspectCmd, c.args...)
		out := strings.ToLower(got.stdout.String())
		if got.code != c.code || !strings.Contains(out, c.has) || strings.Contains(out, c.not) {
			t.Errorf("%q: exit code %d, want %d\n%s\n%s", c.args, got.code, c.code, out, got.stderr.String())
		}
		if left := got.messages.Left(); len(left) != 3 {
			t.Errorf("%q: left %v", c.args, left)
		}
	}
}

// TestListReadsWhatIsAskedFor: which vhosts, and queues by name.
func TestListReadsWhatIsAskedFor(t *testing.T) {
	for _, c := range []struct {
		args   []string
		vhosts []string
		names  string
	}{
		{nil, []string{"/"}, "dlq "},
		{[]string{"--vhost", "orders"}, []string{"orders"}, "dlq "},
		{[]string{"--match", "^wor"}, []string{"/"}, "dlq work "},
		{[]string{"--all-vhosts"}, []string{"/", "other"}, "dlq dlq "},
	} {
		got := run(t, newListCmd, append([]string{"--no-browse", "-o", "ndjson"}, c.args...)...)
		names := ""
		for _, name := range []string{"dlq", "work"} {
			names += strings.Repeat(name+" ", strings.Count(got.stdout.String(), `"name":"`+name+`"`))
		}
		if got.code != cmdutil.ExitOK || !slices.Equal(slices.Compact(slices.Sorted(slices.Values(got.asked))), c.vhosts) ||
			names != c.names {
			t.Errorf("%q: exit code %d, read %q, listed %q\n%s", c.args, got.code, got.asked, names, got.stderr.String())
		}
	}
	for _, args := range [][]string{{"--interval", "1ms"}, {"--match", "("}} {
		if got := run(t, newListCmd, args...); got.code != cmdutil.ExitUsage || len(got.asked) > 0 {
			t.Errorf("%q: exit code %d, read %q", args, got.code, got.asked)
		}
	}
}
