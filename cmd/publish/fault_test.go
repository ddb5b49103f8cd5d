package publish_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/event"
)

// eventCount is how many events the tests publish through faults, on each line.
func eventCount() int { return rabbittest.Cases(5000, 100_000) }

// eventFiles writes a topology and n payloads. It returns the topology and the file of payloads.
func eventFiles(t *testing.T, n int) (topologyFile, payloads string) {
	t.Helper()
	topologyFile = cmdtest.WriteFile(t, `name: faults
exchanges: { x: { type: topic } }
queues: { q: { bindings: [{ exchange: x, key: e }] } }
events:
  e:
    exchange: x
    aggregate: { type: N, id: /n }
    schema: { type: object, required: [n], properties: { n: { type: integer } } }
`)
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"n":%d,"fill":"%0200d"}`+"\n", i+1, i)
	}
	payloads = filepath.Join(t.TempDir(), "events.ndjson")
	if err := os.WriteFile(payloads, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return topologyFile, payloads
}

// arrived is what a queue got.
type arrived struct {
	ids     map[string]int // events by id
	repeats int
}

// drain takes everything out of a queue. It fails unless events come in the order of their numbers,
// apart from repeats.
func drain(t *testing.T, u rabbittest.User, queue string) arrived {
	t.Helper()
	ch := u.Channel(t)
	info, err := rabbittest.CountQueue(ch, queue)
	if err != nil {
		t.Fatal(err)
	}
	deliveries, err := ch.Consume(queue, "", true, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	a := arrived{ids: map[string]int{}}
	last := 0
	for range info.Messages {
		var d struct{ Body []byte }
		select {
		case m := <-deliveries:
			d.Body = m.Body
		case <-time.After(time.Minute):
			t.Fatal("the queue does not give all its messages")
		}
		e, err := event.Parse(d.Body)
		if err != nil {
			t.Fatal(err)
		}
		var payload struct{ N int }
		if err := json.Unmarshal(e.Payload, &payload); err != nil {
			t.Fatal(err)
		}
		if n, seen := a.ids[e.EventID]; seen {
			a.repeats++
			if n != payload.N {
				t.Fatalf("event %s is number %d and number %d", e.EventID, n, payload.N)
			}
			continue
		}
		if payload.N != last+1 {
			t.Fatalf("number %d came after number %d", payload.N, last)
		}
		last, a.ids[e.EventID] = payload.N, payload.N
	}
	return a
}

// TestPublishThroughFaults on a node of its own.
func TestPublishThroughFaults(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		t.Run("an alarm", func(t *testing.T) { publishUnderAnAlarm(t, n) })
		t.Run("cuts and a restart", func(t *testing.T) { publishThroughCuts(t, n) })
	})
}

// publishThroughCuts: the connection is cut at random bytes, and the broker is killed and comes
// back. Every event arrives, in order apart from repeats with the same id, and the report says so.
func publishThroughCuts(t *testing.T, n *node.Node) {
	total := eventCount()
	topologyFile, payloads := eventFiles(t, total)
	proxy := rabbittest.NewProxy(t, n.URL)
	cmdtest.NewProgram(t, n.URL, n.API).Run("apply", "-f", topologyFile, "--yes").Want(t, cmdutil.ExitOK)
	if err := n.SyncMetadata(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := cmdtest.NewProgram(t, proxy.Through(n.URL), n.API)
	proxy.HoldAfter(rabbittest.ToBroker, cmdtest.Portion)
	r := p.Start("publish", "e", "-f", topologyFile, "--ndjson", payloads, "--window", "500", "-o", "json",
		"--reconnect-delay", "300ms", "--reconnect-attempts", "40", "--timeout", "10s")
	journal := payloads + ".journal"
	random := rand.New(rand.NewPCG(1, 2))
	cuts := 0
	for eighths := 1; eighths < 8; eighths++ {
		advanceTo(t, proxy, r, journal, total*eighths/8)
		if eighths == 4 {
			if err := n.Kill(); err != nil {
				t.Fatal(err)
			}
			if err := n.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		d := rabbittest.Direction(random.IntN(2))
		bytes := random.IntN(4000)
		if d == rabbittest.ToClient {
			bytes /= 20 // a confirm has 21, and may speak for a whole portion: 4,000 would take it to the end
		}
		proxy.CutAfter(d, bytes)
		advance(t, proxy, "a cut", func() bool { return proxy.HasCut(d) || r.Ended() })
		proxy.CutAfter(d, -1)
		cuts++
	}
	proxy.Heal()
	res := p.Wait(r)
	res.Want(t, cmdutil.ExitOK)
	var report struct {
		Confirmed, Returned, Rejected, Unknown, Invalid, Unsent int
		Complete                                                bool
		Repeats                                                 int `json:"repeats_at_most"`
	}
	if err := json.Unmarshal([]byte(res.Stdout), &report); err != nil {
		t.Fatal(err, res.Stdout)
	}
	if report.Confirmed != total || report.Returned+report.Rejected+report.Unknown+report.Invalid+report.Unsent > 0 ||
		!report.Complete {
		t.Errorf("the report: %+v", report)
	}
	got := drain(t, rabbittest.User{URL: n.URL, API: n.API}, "q")
	t.Logf("%d cuts and a restart: %d repeats, at most %d by the report", cuts, got.repeats, report.Repeats)
	if len(got.ids) != total {
		t.Errorf("%d of %d events arrived", len(got.ids), total)
	}
	if got.repeats > report.Repeats {
		t.Errorf("%d repeats are more than the %d of the report", got.repeats, report.Repeats)
	}
}

// advanceTo lets a publisher behind a held proxy go on until its journal has more lines.
func advanceTo(t *testing.T, proxy *rabbittest.Proxy, r *cmdtest.Running, journal string, line int) {
	t.Helper()
	advance(t, proxy, "the journal to come to line "+strconv.Itoa(line),
		func() bool { return journalLine(journal) > line || r.Ended() })
	if r.Ended() {
		t.Fatalf("it ended at line %d: %s", line, cmdtest.LastPart(r.Stderr.String()))
	}
}

// advance lets a publisher behind a held proxy go on, a portion at a time.
func advance(t *testing.T, proxy *rabbittest.Proxy, what string, done func() bool) {
	t.Helper()
	waitFor(t, what, func() bool {
		if done() {
			return true
		}
		if proxy.Held(rabbittest.ToBroker) {
			proxy.HoldAfter(rabbittest.ToBroker, cmdtest.Portion)
		}
		return false
	})
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(4 * time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("waited four minutes for " + what)
}

// journalLine returns up to which line a journal says that all is done: 0 before the first, -1 when
// there is none.
func journalLine(name string) int {
	text, err := os.ReadFile(name)
	if err != nil {
		return -1
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	var p struct{ Line int }
	for i := len(lines) - 1; i > 0; i-- { // the last may be cut short
		if json.Unmarshal([]byte(lines[i]), &p) == nil {
			return p.Line
		}
	}
	return 0
}

// TestKilledPublishIsResumed: kill -9 twice (in a soak a thousand times), and each time --resume
// goes on behind the last line that the journal has. Nothing is missing; repeated is only what had
// arrived behind that line, with the ids of the first time.
func TestKilledPublishIsResumed(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		const window = 100
		total, kills := rabbittest.Cases(2000, 20_000), rabbittest.Cases(2, 1000)
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		topologyFile, payloads := eventFiles(t, total)
		journal := payloads + ".journal"
		proxy := rabbittest.NewProxy(t, v.URL)
		p := cmdtest.NewProgram(t, proxy.Through(v.URL), v.API)
		p.Run("apply", "-f", topologyFile, "--yes").Want(t, cmdutil.ExitOK)
		queue := &cmdtest.Fixture{T: t, VHost: v, Ch: v.Channel(t)}
		args := []string{"publish", "e", "-f", topologyFile, "--ndjson", payloads, "--window", fmt.Sprint(window)}
		most := 0
		for i := range kills {
			if i == 1 {
				args = append(args, "--resume")
			}
			proxy.HoldAfter(rabbittest.ToBroker, cmdtest.Portion)
			r := p.Start(args...)
			advanceTo(t, proxy, r, journal, total/2*(i+1)/kills)
			if err := r.Cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			p.Wait(r)
			proxy.Cut() // what is held back must not come later
			line := journalLine(journal)
			queue.AwaitReturned("q")
			most = queue.Ready("q") - line // the repeats of the first kill included
			t.Logf("killed behind line %d of the journal, with %d events in the queue", line, line+most)
		}
		proxy.Heal()
		res := p.Run(append(args, "-o", "json")...)
		res.Want(t, cmdutil.ExitOK, fmt.Sprintf(`"confirmed": %d,`, total), "Continuing after line")
		got := drain(t, v.User, "q")
		if len(got.ids) != total || got.repeats > most {
			t.Errorf("%d of %d events arrived, %d of them repeated; at most %d may be", len(got.ids), total, got.repeats, most)
		}
		t.Logf("%d repeats", got.repeats)
		if journalLine(journal) != -1 {
			t.Error("the journal is still there")
		}
	})
}

// publishUnderAnAlarm: a broker that stops publishers is waited for, and that is said.
func publishUnderAnAlarm(t *testing.T, n *node.Node) {
	topologyFile, payloads := eventFiles(t, 2000)
	p := cmdtest.NewProgram(t, n.URL, n.API)
	p.Run("apply", "-f", topologyFile, "--yes").Want(t, cmdutil.ExitOK)
	if err := n.SetMemoryAlarm(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	log := filepath.Join(t.TempDir(), "stderr")
	stderr, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	cmd := p.Command("publish", "e", "-f", topologyFile, "--ndjson", payloads, "--window", "100", "-o", "json")
	var stdout bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }() // it has ended, unless the test failed
	said := func(words string) func() bool {
		return func() bool {
			text, err := os.ReadFile(log)
			return err == nil && strings.Contains(string(text), words)
		}
	}
	waitFor(t, "the alarm to be told", said("paused: the broker stops publishers"))
	if line := journalLine(payloads + ".journal"); line != 0 {
		t.Errorf("line %d was confirmed under the alarm", line)
	}
	statusUnderAnAlarm(t, p)
	if err := n.SetMemoryAlarm(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(stdout.String(), `"confirmed": 2000,`) ||
		!said("resumed: the broker accepts messages again")() {
		t.Errorf("%v: %s", err, stdout.String())
	}
	if got := drain(t, rabbittest.User{URL: n.URL, API: n.API}, "q"); len(got.ids) != 2000 || got.repeats > 0 {
		t.Errorf("%d events, %d repeats", len(got.ids), got.repeats)
	}
}

// statusUnderAnAlarm: status says which node has the alarm, and that it blocks a connection.
// Connections show that some seconds late.
func statusUnderAnAlarm(t *testing.T, p *cmdtest.Program) {
	t.Helper()
	waitFor(t, "status to tell of the blocked connection", func() bool {
		return strings.Contains(p.Run("status").Stdout, "1 connection is blocked: ")
	})
	p.Run("status").Want(t, cmdutil.ExitPending, "memory alarm", `has a memory alarm: it uses `,
		"publishers are blocked until consumers catch up")
	p.Run("status", "-o", "nagios").Want(t, 2, "RABBITMQ CRITICAL - node ")
	p.Run("status", "-o", "prometheus").Want(t, cmdutil.ExitPending, `,resource="memory"} 1`, "msgctl_status_healthy 0",
		"msgctl_status_connections_blocked 1")
	p.Run("doctor", "--only", "alarms").Want(t, cmdutil.ExitPending, "has a memory alarm")
}
