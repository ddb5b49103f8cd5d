package cmd

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

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/dlq"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/topology"
)

const (
	// accounted is how many messages with ids each command takes out: half of them out of a classic
	// queue, half out of a quorum queue.
	accounted = 50_000
	// accountedWindow is how many messages are under way at once unless --prefetch says otherwise:
	// each loss of a connection, and each death of msgctl, may duplicate so many.
	accountedWindow = 2500
)

// TestEveryMessageIsAccountedFor takes 50,000 messages with ids out of dead-letter queues by each
// of the commands that do, while msgctl is killed at random moments, the target is full, or
// deleted, connections are cut at random bytes, the broker is stopped and started and raises a
// memory alarm. Every id has to be where it may be, and not more of them twice than were under way.
func TestEveryMessageIsAccountedFor(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		var all []*account
		for _, what := range []string{"replay", "move", "purge", "drain"} {
			for _, queueType := range []string{topology.Classic, topology.Quorum} {
				a := newAccount(t, n, what, queueType, accounted/2)
				a.fill()
				a.killTwice()
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
	*bench
	what      string
	queueType string
	n         int
	proxy     *rabbittest.Proxy
	program   *program
	dir       string
	archives  []string
	// may bounds the duplicates.
	may int
	// gone has the ids that went into a target that is not there any more, as the report says.
	gone map[string]int
	// before is how many messages the last run found.
	before int
	last   *running
}

func newAccount(t *testing.T, n *node.Node, what, queueType string, messages int) *account {
	b := newBench(t, rabbittest.Of(n))
	proxy := rabbittest.NewProxy(t, b.v.URL)
	a := &account{
		bench: b, what: what, queueType: queueType, n: messages, proxy: proxy, dir: t.TempDir(), gone: map[string]int{},
		program: newProgram(t, proxy.Through(b.v.URL), b.v.API),
	}
	b.declare("dlq", map[string]any{"x-queue-type": queueType})
	work := map[string]any{"x-queue-type": queueType}
	if what == "replay" {
		work["x-dead-letter-exchange"], work["x-dead-letter-routing-key"] = "", "dlq"
	}
	b.declare("work", work)
	return a
}

// fill makes the messages: for a replay they die, the other commands need no history.
func (a *account) fill() {
	a.t.Helper()
	if a.what != "replay" {
		a.publish("dlq", a.n)
		return
	}
	a.publish("work", a.n)
	a.reject("work", "dlq", a.n)
}

// command is what takes messages out of the queue, into "work" or a new archive.
func (a *account) command(more ...string) []string {
	file := filepath.Join(a.dir, fmt.Sprintf("%d.ndjson", len(a.archives)))
	var args []string
	switch a.what {
	case "replay":
		args = []string{"dlq", "replay", "dlq"}
		if a.queueType == topology.Quorum && a.v.Broker.Line == "4.3" {
			args = append(args, "--guard") // dead letters of quorum queues keep their delivery count there
		}
	case "move":
		args = []string{"dlq", "move", "dlq", "--to", "queue:work"}
	case "purge":
		args = []string{"dlq", "purge", "dlq", "--where", "headers.n % 3 != 1", "--archive", file, "--yes"}
	default:
		args = []string{"dlq", "export", "dlq", "--drain", "-f", file}
	}
	if !a.sends() {
		a.archives = append(a.archives, file)
	}
	return append(append(args, "-o", "json", "--reconnect-delay", "100ms", "--reconnect-attempts", "1000"), more...)
}

func (a *account) sends() bool { return a.what == "replay" || a.what == "move" }

// killTwice kills msgctl at a random moment in the middle of its work.
func (a *account) killTwice() {
	a.t.Helper()
	for range 2 {
		before := a.ready("dlq")
		a.proxy.Slow(4 << 20)
		r := a.program.start(a.command()...)
		a.awaitBelow("dlq", before-accountedWindow-rand.IntN(3000), r)
		_ = r.cmd.Process.Kill() // the exit code tells whether it was in time
		if res := a.program.wait(r); res.code != -1 {
			a.t.Fatalf("%s was through before it was killed: %s", a.what, lastPart(res.stdout+res.stderr))
		}
		a.proxy.Heal()
		a.may += accountedWindow
		a.awaitReturned("dlq")
	}
}

// fillTarget sends into a queue that soon refuses what comes.
func (a *account) fillTarget() {
	a.t.Helper()
	if !a.sends() {
		return
	}
	const room, tried = 1500, 4000
	a.declare("small", map[string]any{"x-queue-type": a.queueType, "x-max-length": room, "x-overflow": "reject-publish"})
	doc := a.partly("small", tried)
	if doc.Done < room || doc.Done+doc.Stays() != tried || doc.Stayed[0].Reason != dlq.ReasonNacked || doc.Resent != 0 {
		a.t.Errorf("%s %s into a full queue: %+v", a.what, a.queueType, doc)
	}
}

// deleteTarget deletes the queue that messages are sent into.
func (a *account) deleteTarget() {
	a.t.Helper()
	if !a.sends() {
		return
	}
	const tried = 4000
	a.declare("doomed", map[string]any{"x-queue-type": a.queueType})
	var deleted sync.WaitGroup
	arrived := 0
	deleted.Go(func() { arrived = a.deleteWhen("doomed", 500) })
	doc := a.partly("doomed", tried, "--rate", "4000")
	deleted.Wait()
	if doc.Done < int64(arrived) || doc.Done+doc.Stays() != tried || doc.Stayed[0].Reason != dlq.ReasonUnroutable {
		a.t.Errorf("%s %s into a queue that is deleted: %d had arrived, %+v", a.what, a.queueType, arrived, doc)
	}
	for _, id := range reportedDone(a.t, filepath.Join(a.dir, "doomed")) {
		a.gone[id]++
	}
}

type runDoc struct {
	Done, Skipped, Resent int64
	Stayed                []struct {
		Reason   dlq.Reason
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
	a.t.Helper()
	args := a.command(append(more, "--limit", strconv.Itoa(limit), "--report", filepath.Join(a.dir, target), "--to",
		"queue:"+target)...)
	res := a.program.run(args...)
	if res.code != exitPartly {
		a.t.Fatalf("%s into %s ended with %d: %s", a.what, target, res.code, lastPart(res.stdout+res.stderr))
	}
	return readRun(a.t, res)
}

func readRun(t *testing.T, res result) (doc runDoc) {
	t.Helper()
	if err := json.Unmarshal([]byte(res.stdout), &doc); err != nil {
		t.Fatalf("%v: %s", err, lastPart(res.stdout+res.stderr))
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
		var r dlq.Record
		if err := d.Decode(&r); err == io.EOF {
			return ids
		} else if err != nil {
			t.Fatal(err)
		}
		if r.Outcome != dlq.OutcomeStayed {
			ids = append(ids, r.MessageID)
		}
	}
}

// throughTheRest lets all commands take out what is left, at the same time, while connections are
// cut, the broker is stopped and started, and raises an alarm.
func throughTheRest(t *testing.T, n *node.Node, all []*account) {
	t.Helper()
	var cutting sync.WaitGroup
	for i, a := range all {
		a.proxy.Slow(slowly)
		a.before = a.ready("dlq")
		a.last = a.program.start(a.command()...)
		cutting.Go(func() { a.cutAtRandomBytes(uint64(i)) })
	}
	cutting.Wait()
	for _, a := range all {
		if a.last.ended() {
			t.Errorf("%s %s was through, or gave up, before the broker was stopped", a.what, a.queueType)
		}
	}
	if err := n.Restart(t.Context()); err != nil {
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

// slowly is how many bytes a second pass in each direction of a connection: so few that nobody is
// through before the broker is back.
const slowly = 60 << 10

// cutAtRandomBytes resets the last run's connections again and again, until it has restored them
// twice.
func (a *account) cutAtRandomBytes(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 7))
	a.awaitBelow("dlq", a.before, a.last) // it is at work
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && !a.last.ended() && a.restored() < 2; {
		time.Sleep(time.Duration(100+rng.IntN(300)) * time.Millisecond)
		a.proxy.CutAfter(rabbittest.Direction(rng.IntN(2)), 1+rng.IntN(slowly/8))
		time.Sleep(time.Duration(20+rng.IntN(300)) * time.Millisecond)
		a.proxy.Heal()
		a.proxy.Slow(slowly)
	}
}

// ignoresTheAlarm says that the command sends messages, and has not met the alarm yet: it may still
// wait before it connects again.
func (a *account) ignoresTheAlarm() bool {
	return a.sends() && !a.last.ended() && !strings.Contains(a.last.stderr.String(), pausedNote)
}

// pausedNote begins what is said when the broker takes no messages.
const pausedNote = "paused: "

func (a *account) restored() int { return strings.Count(a.last.stderr.String(), "connected again") }

// check waits for the last run and looks where every message is.
func (a *account) check(t *testing.T) {
	a.t, a.program.t = t, t
	res := a.program.wait(a.last)
	if res.code != exitOK {
		t.Fatalf("ended with %d: %s", res.code, lastPart(res.stdout+res.stderr))
	}
	doc := readRun(t, res)
	// Cut twice, and then there was no broker.
	if a.restored() < 3 || a.sends() && !strings.Contains(res.stderr, pausedNote) {
		t.Errorf("it was not disturbed enough: %s", lastPart(res.stderr))
	}
	a.may += int(doc.Resent)
	a.reconnect()
	left := a.collect("dlq")
	where := map[string]int{}
	for _, place := range []map[string]int{left, a.collect("work"), a.collect("small"), a.archived(), a.gone} {
		for id, times := range place {
			where[id] += times
		}
	}
	duplicates := 0
	for i := range a.n {
		times, stays := where[accountID(i)], a.what == "purge" && i%3 == 1
		switch {
		case times == 0:
			t.Fatalf("%s is lost", accountID(i))
		case stays && (times != 1 || left[accountID(i)] != 1):
			t.Fatalf("%s does not match, and is in the queue %d times and %d times in all", accountID(i), left[accountID(i)],
				times)
		case !stays && left[accountID(i)] != 0:
			t.Fatalf("%s is left in the queue", accountID(i))
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

func accountID(i int) string {
	return "id-" + strings.Repeat("0", 6-len(strconv.Itoa(i))) + strconv.Itoa(i)
}
