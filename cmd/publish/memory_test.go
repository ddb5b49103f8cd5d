package publish_test

import (
	"bytes"
	"io"
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
	// In KiB. The events take 27 MiB, and twice as much with what is made of them.
	const most = 12 << 10
	queue := cmdtest.NewFixture(t, rabbittest.Any(t)) // q has every event, too
	v := queue.VHost
	t.Cleanup(func() { cmdtest.RemoveRecords(t, v.Broker, v.Name) })
	topologyFile, payloads := eventFiles(t, total)
	proxy := rabbittest.NewProxy(t, v.URL)
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
	const portion = 256 << 10 // a few hundred events: tail never has more than so many before it
	proxy.HoldAfter(rabbittest.ToBroker, portion)
	publisher := cmdtest.NewProgram(t, proxy.Through(v.URL), v.API)
	r := publisher.Start("publish", "e", "-f", topologyFile, "--ndjson", payloads, "--progress", "none")
	journal := payloads + ".journal"
	seen := counter{t: t, name: name}
	// advance waits for what, while the publisher goes on no faster than tail.
	advance := func(what string, done func() bool) {
		waitFor(t, what, func() bool {
			if done() {
				return true
			}
			if proxy.Held(rabbittest.ToBroker) && seen.lines() >= queue.Ready("q") {
				proxy.HoldAfter(rabbittest.ToBroker, portion)
			}
			return false
		})
	}
	advance("the first events to be published", func() bool { return journalLine(journal) > first })
	publishing := cmdtest.PeakMemory(r.Cmd.Process.Pid)
	advance("the first events to be seen", func() bool { return seen.lines() > first })
	watching := cmdtest.PeakMemory(tail.Process.Pid)
	var grown int
	advance("most events to be published", func() bool {
		if now := cmdtest.PeakMemory(r.Cmd.Process.Pid); now > 0 {
			grown = now - publishing
		}
		return journalLine(journal) > total*9/10 || r.Ended()
	})
	advance("all to be published", r.Ended)
	publisher.Wait(r).Want(t, cmdutil.ExitOK, "60,000 confirmed")
	waitFor(t, "all events to be seen", func() bool { return seen.lines() == total })
	if grown > most || publishing == 0 {
		t.Errorf("publish takes %d KiB more than the %d for the first %d", grown, publishing, first)
	}
	if more := cmdtest.PeakMemory(tail.Process.Pid) - watching; more > most || watching == 0 {
		t.Errorf("tail takes %d KiB more than the %d for the first %d", more, watching, first)
	}
}

// counter counts the lines of a file that grows.
type counter struct {
	t    *testing.T
	name string
	read int64
	n    int
}

func (c *counter) lines() int {
	f, err := os.Open(c.name)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.NewSectionReader(f, c.read, 1<<30))
	if err != nil {
		c.t.Fatal(err)
	}
	c.read += int64(len(text))
	c.n += bytes.Count(text, []byte("\n"))
	return c.n
}
