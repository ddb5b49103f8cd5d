package publish_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestMemoryDoesNotGrow: however many events a file has, publish and tail take no more memory than
// for the first few of them.
func TestMemoryDoesNotGrow(t *testing.T) {
	if cmdtest.UnderRace {
		t.Skip("the race detector takes many times the memory, and time: tail does not keep up, and fills its buffer")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not say how much memory a process had at most")
	}
	const total, first = 60_000, 6_000
	const most = 12 << 10 // KiB. The events take 27 MiB, and twice as much with what is made of them
	v := rabbittest.Any(t).VHost(t)
	t.Cleanup(func() { cmdtest.RemoveRecords(t, v.Broker, v.Name) })
	topologyFile, payloads := eventFiles(t, total)
	p := cmdtest.NewProgram(t, v.URL, v.API)
	p.Run("apply", "-f", topologyFile, "--yes").Want(t, cmdutil.ExitOK)
	name := filepath.Join(t.TempDir(), "seen.ndjson")
	out, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	tail := p.Command("tail", "-f", topologyFile, "-x", "x", "-o", "ndjson")
	tail.Stdout = out
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tail.Process.Kill(); _ = tail.Wait() })
	cmdtest.AwaitTail(t, v, 1)
	r := p.Start("publish", "e", "-f", topologyFile, "--ndjson", payloads, "--rate", "12000", "--progress", "none")
	journal := payloads + ".journal"
	waitFor(t, "the first events to be published", func() bool { return journalLine(journal) > first })
	publishing := cmdtest.PeakMemory(r.Cmd.Process.Pid)
	waitFor(t, "the first events to be seen", func() bool { return linesIn(t, name) > first })
	watching := cmdtest.PeakMemory(tail.Process.Pid)
	var grown int
	waitFor(t, "most events to be published", func() bool {
		if now := cmdtest.PeakMemory(r.Cmd.Process.Pid); now > 0 {
			grown = now - publishing
		}
		line := journalLine(journal)
		return line > total*9/10 || line < 0
	})
	p.Wait(r).Want(t, cmdutil.ExitOK, "60,000 confirmed")
	waitFor(t, "all events to be seen", func() bool { return linesIn(t, name) == total })
	if grown > most || publishing == 0 {
		t.Errorf("publish takes %d KiB more than the %d for the first %d", grown, publishing, first)
	}
	if more := cmdtest.PeakMemory(tail.Process.Pid) - watching; more > most || watching == 0 {
		t.Errorf("tail takes %d KiB more than the %d for the first %d", more, watching, first)
	}
}

func linesIn(t *testing.T, name string) int {
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte("\n"))
}
