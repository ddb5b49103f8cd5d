package dlq_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/dlq/replay"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/topology"
)

// accounted is how many messages with ids each command takes out of a classic queue, and as many
// out of a quorum queue.
func accounted() int { return rabbittest.Cases(2500, 25_000) }

// TestEveryMessageIsAccountedFor takes messages with ids out of dead-letter queues by each of the
// commands that do, while msgctl is killed at random moments, the target is full, or deleted,
// connections are cut at random bytes, the broker is stopped and started and raises a memory alarm.
// Every id has to be where it may be, and not more of them twice than were under way.
func TestEveryMessageIsAccountedFor(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		var all []*account
		for _, what := range []string{"replay", "move", "purge", "drain"} {
			for _, queueType := range []string{topology.Classic, topology.Quorum} {
				a := newAccount(t, n, what, queueType, accounted())
				a.random = rand.New(rand.NewPCG(uint64(rabbittest.Seed(t)), uint64(len(all))))
				a.fill()
				a.kill(rabbittest.Cases(2, 5))
				a.fillTarget()
				a.deleteTarget()
				all = append(all, a)
			}
		}
		throughTheRest(t, n, all)
		for _, a := range all {
			t.Run(a.what+" "+a.queueType, a.check)
		}
	})
}

// account keeps account of the messages of one queue "dlq" that one command takes out.
type account struct {
	*cmdtest.Fixture
	what      string
	queueType string
	n         int
	// window is how many messages are under way at once: each loss of a connection, and each death
	// of msgctl, may duplicate so many.
	window   int
	proxy    *rabbittest.Proxy
	program  *cmdtest.Program
	dir      string
	archives []string
	// may bounds the duplicates.
	may int
	// gone has the ids that went into a target that is not there any more, as the report says.
	gone map[string]int
	// before is how many messages the last run found.
	before int
	last   *cmdtest.Running
	random *rand.Rand
}

func newAccount(t *testing.T, n *node.Node, what, queueType string, messages int) *account {
	b := cmdtest.NewFixture(t, rabbittest.Of(n))
	proxy := rabbittest.NewProxy(t, b.VHost.URL)
	a := &account{
		Fixture: b, what: what, queueType: queueType, n: messages, window: archiveWindow, proxy: proxy, dir: t.TempDir(),
		gone:    map[string]int{},
		program: cmdtest.NewProgram(t, proxy.Through(b.VHost.URL), b.VHost.API),
	}
	if a.sends() {
		a.window = messages / 25
	}
	b.Declare("dlq", map[string]any{"x-queue-type": queueType})
	work := map[string]any{"x-queue-type": queueType}
	if what == "replay" {
		work["x-dead-letter-exchange"], work["x-dead-letter-routing-key"] = "", "dlq"
	}
	b.Declare("work", work)
	return a
}

// archiveWindow is how many messages purge and export take in hand at most.
const archiveWindow = 2500

// fill makes the messages: for a replay they die, the other commands need no history.
func (a *account) fill() {
	a.T.Helper()
	if a.what != "replay" {
		a.Publish("dlq", a.n)
		return
	}
	a.Publish("work", a.n)
	a.Reject("work", "dlq", a.n)
}

// command is what takes messages out of the queue, into "work" or a new archive.
func (a *account) command(more ...string) []string {
	file := filepath.Join(a.dir, fmt.Sprintf("%d.ndjson", len(a.archives)))
	var args []string
	switch a.what {
	case "replay":
		args = []string{"dlq", "replay", "dlq"}
		if a.queueType == topology.Quorum && a.VHost.Broker.Line == "4.3" {
			args = append(args, "--guard") // dead letters of quorum queues keep their delivery count there
		}
	case "move":
		args = []string{"dlq", "move", "dlq", "--to", "queue:work"}
	case "purge":
		args = []string{"dlq", "purge", "dlq", "--where", "headers.n % 3 != 1", "--archive", file, "--yes"}
	default:
		args = []string{"dlq", "export", "dlq", "--drain", "--archive", file}
	}
	if a.sends() {
		args = append(args, "--prefetch", strconv.Itoa(a.window))
	} else {
		a.archives = append(a.archives, file)
	}
	return append(append(args, "-o", "json", "--reconnect-delay", "100ms", "--reconnect-attempts", "1000"), more...)
}

func (a *account) sends() bool { return a.what == "replay" || a.what == "move" }

// kill kills msgctl at random moments in the middle of its work.
func (a *account) kill(times int) {
	a.T.Helper()
	for range times {
		before := a.Ready("dlq")
		a.proxy.HoldAfter(rabbittest.ToClient, cmdtest.Portion)
		r := a.program.Start(a.command()...)
		if a.sends() {
			a.AdvanceBelow(a.proxy, "dlq", before-a.window-a.random.IntN(a.n/16), r)
		} else {
			a.advanceArchive(1+a.random.IntN(10), r)
		}
		_ = r.Cmd.Process.Kill() // the exit code tells whether it was in time
		if res := a.program.Wait(r); res.Code != -1 {
			a.T.Fatalf("%s was through before it was killed: %s", a.what, cmdtest.LastPart(res.Stdout+res.Stderr))
		}
		a.proxy.Heal()
		a.may += a.window
		a.AwaitReturned("dlq")
	}
}

// advanceArchive lets the run go on until it has written to its archive, and so many portions more
// have passed.
func (a *account) advanceArchive(portions int, r *cmdtest.Running) {
	a.T.Helper()
	end := -1
	a.Advance(a.proxy, rabbittest.ToClient, func() bool {
		passed := a.proxy.Passed(rabbittest.ToClient)
		if info, err := os.Stat(a.archives[len(a.archives)-1]); end < 0 && err == nil && info.Size() > 0 {
			end = passed + portions*cmdtest.Portion
		}
		return r.Ended() || end >= 0 && passed >= end
	}, "nothing is archived")
}

// fillTarget sends into a queue that soon refuses what comes.
func (a *account) fillTarget() {
	a.T.Helper()
	if !a.sends() {
		return
	}
	room, tried := a.n*6/100, a.n*16/100
	a.Declare("small", map[string]any{"x-queue-type": a.queueType, "x-max-length": room, "x-overflow": "reject-publish"})
	doc := a.partly("small", tried)
	if doc.Done < int64(room) || doc.Done+doc.Stays() != int64(tried) || doc.Stayed[0].Reason != replay.ReasonNacked ||
		doc.Resent != 0 {
		a.T.Errorf("%s %s into a full queue: %+v", a.what, a.queueType, doc)
	}
}

// deleteTarget deletes the queue that messages are sent into.
func (a *account) deleteTarget() {
	a.T.Helper()
	if !a.sends() {
		return
	}
	tried := a.n * 16 / 100
	a.Declare("doomed", map[string]any{"x-queue-type": a.queueType})
	var deleted sync.WaitGroup
	arrived := 0
	a.proxy.HoldAfter(rabbittest.ToBroker, cmdtest.Portion)
	deleted.Go(func() {
		a.Advance(a.proxy, rabbittest.ToBroker, func() bool { return a.Ready("doomed") >= a.n/50 }, "nothing is sent")
		arrived = a.Delete("doomed")
		a.proxy.Heal()
	})
	doc := a.partly("doomed", tried)
	deleted.Wait()
	if doc.Done < int64(arrived) || doc.Done+doc.Stays() != int64(tried) ||
		doc.Stayed[0].Reason != replay.ReasonUnroutable {
		a.T.Errorf("%s %s into a queue that is deleted: %d had arrived, %+v", a.what, a.queueType, arrived, doc)
	}
	for _, id := range reportedDone(a.T, filepath.Join(a.dir, "doomed")) {
		a.gone[id]++
	}
}

type runDoc struct {
	Done, Skipped, Resent int64
	Stayed                []struct {
		Reason   replay.Reason
		Messages int64
	}
}

// Stays counts what stayed.
func (d runDoc) Stays() (n int64) {
	for _, s := range d.Stayed {
		n += s.Messages
	}
	return n
}

// partly runs the command with another target: some messages stay, and the exit code says so.
func (a *account) partly(target string, limit int, more ...string) runDoc {
	a.T.Helper()
	args := a.command(append(more, "--limit", strconv.Itoa(limit), "--report", filepath.Join(a.dir, target), "--to",
		"queue:"+target)...)
	res := a.program.Run(args...)
	if res.Code != cmdutil.ExitPartly {
		a.T.Fatalf("%s into %s ended with %d: %s", a.what, target, res.Code, cmdtest.LastPart(res.Stdout+res.Stderr))
	}
	return readRun(a.T, res)
}

func readRun(t *testing.T, res cmdtest.Result) (doc runDoc) {
	t.Helper()
	if err := json.Unmarshal([]byte(res.Stdout), &doc); err != nil {
		t.Fatalf("%v: %s", err, cmdtest.LastPart(res.Stdout+res.Stderr))
	}
	return doc
}

func reportedDone(t *testing.T, file string) (ids []string) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	for d := json.NewDecoder(f); ; {
		var r replay.Record
		if err := d.Decode(&r); err == io.EOF {
			return ids
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Outcome != replay.OutcomeStayed {
			ids = append(ids, r.MessageID)
		}
	}
}

// throughTheRest lets all commands take out what is left, at the same time, while connections are
// cut, the broker is stopped and started, and raises an alarm.
func throughTheRest(t *testing.T, n *node.Node, all []*account) {
	t.Helper()
	var cutting, waiting sync.WaitGroup
	stopped := make(chan struct{})
	for _, a := range all {
		a.proxy.HoldAfter(rabbittest.ToClient, cmdtest.Portion)
		a.before = a.Ready("dlq")
		a.last = a.program.Start(a.command()...)
		cutting.Go(func() {
			a.cutAtRandomBytes()
			waiting.Go(func() { cmdtest.KeepBusy(a.proxy, stopped) })
		})
	}
	cutting.Wait()
	for _, a := range all {
		if a.last.Ended() {
			t.Errorf("%s %s was through, or gave up, before the broker was stopped; %s", a.what, a.queueType,
				a.VHost.Holdings(t))
		}
	}
	err := n.Restart(t.Context())
	close(stopped)
	waiting.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.SetMemoryAlarm(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		a.proxy.Heal()
	}
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end) &&
		slices.ContainsFunc(all, (*account).ignoresTheAlarm); {
		time.Sleep(100 * time.Millisecond)
	}
	if err := n.SetMemoryAlarm(context.Background(), false); err != nil {
		t.Fatal(err)
	}
}

// cutAtRandomBytes resets the last run's connections again and again, until it has restored them
// twice. They get so few bytes that nobody is through before the broker is back.
func (a *account) cutAtRandomBytes() {
	a.AdvanceBelow(a.proxy, "dlq", a.before, a.last) // it is at work
	for cuts := 0; cuts < 20 && a.restored() < 2 && !a.last.Ended(); cuts++ {
		before, d := a.restored(), rabbittest.Direction(a.random.IntN(2))
		a.proxy.HoldAfter(rabbittest.ToClient, cmdtest.Portion)
		a.proxy.CutAfter(d, 1+a.random.IntN(cmdtest.Portion))
		for soon := time.Now().Add(time.Second); !a.proxy.HasCut(d) && time.Now().Before(soon); {
			time.Sleep(10 * time.Millisecond)
		}
		a.proxy.Cut()                                                       // where so many bytes did not come
		time.Sleep(time.Duration(20+a.random.IntN(300)) * time.Millisecond) // attempts fail meanwhile
		a.proxy.CutAfter(d, -1)
		a.Advance(a.proxy, rabbittest.ToClient, func() bool { return a.restored() > before || a.last.Ended() },
			"the connections are not restored")
	}
}

// ignoresTheAlarm reports whether the command sends messages, and has not met the alarm yet: it may
// still wait before it connects again.
func (a *account) ignoresTheAlarm() bool {
	return a.sends() && !a.last.Ended() && !strings.Contains(a.last.Stderr.String(), pausedNote)
}

// pausedNote begins what is said when the broker takes no messages.
const pausedNote = "paused: "

func (a *account) restored() int { return strings.Count(a.last.Stderr.String(), "connected again") }

// check waits for the last run and looks where every message is.
func (a *account) check(t *testing.T) {
	a.T, a.program.T = t, t
	res := a.program.Wait(a.last)
	if res.Code != cmdutil.ExitOK {
		t.Fatalf("ended with %d: %s", res.Code, cmdtest.LastPart(res.Stdout+res.Stderr))
	}
	doc := readRun(t, res)
	// Cut twice, and then there was no broker.
	if a.restored() < 3 || a.sends() && !strings.Contains(res.Stderr, pausedNote) {
		t.Errorf("it was not disturbed enough: %s", cmdtest.LastPart(res.Stderr))
	}
	a.may += int(doc.Resent)
	a.Reconnect()
	left := a.Collect("dlq")
	where := map[string]int{}
	for _, place := range []map[string]int{left, a.Collect("work"), a.Collect("small"), a.archived(), a.gone} {
		for id, times := range place {
			where[id] += times
		}
	}
	duplicates := 0
	for i := range a.n {
		times, stays := where[cmdtest.MessageID(i)], a.what == "purge" && i%3 == 1
		switch {
		case times == 0:
			t.Fatalf("%s is lost", cmdtest.MessageID(i))
		case stays && (times != 1 || left[cmdtest.MessageID(i)] != 1):
			t.Fatalf("%s does not match, and is in the queue %d times and %d times in all", cmdtest.MessageID(i),
				left[cmdtest.MessageID(i)],
				times)
		case !stays && left[cmdtest.MessageID(i)] != 0:
			t.Fatalf("%s is left in the queue", cmdtest.MessageID(i))
		}
		duplicates += times - 1
	}
	if duplicates > a.may {
		t.Errorf("%d duplicates, where %d may be", duplicates, a.may)
	}
	t.Logf("%d messages: %d duplicates of at most %d; %d connections restored", a.n, duplicates, a.may, a.restored())
}

// archived returns what is whole in the archives.
func (a *account) archived() map[string]int {
	out := map[string]int{}
	for _, file := range a.archives {
		f, err := os.Open(file)
		if err != nil {
			continue // killed before it was made
		}
		for r := archive.NewReader(bufio.NewReader(f), archive.ReaderOptions{}); ; {
			m, err := r.Next()
			if err != nil {
				break
			}
			out[m.MessageID]++
		}
		_ = f.Close()
	}
	return out
}
