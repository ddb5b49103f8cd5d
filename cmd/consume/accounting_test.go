package consume_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/topology"
)

// consumed is how many messages each account takes.
func consumed() int { return rabbittest.Cases(2500, 10_000) }

// consumedWindow is how many messages are in hand at once: so many may be handled twice for each
// lost connection, and so many copies sent twice.
const consumedWindow = 200

// TestConsumerLosesNothing gives messages, half of them in a classic and half in a quorum queue, to
// a handler that fails by plan: retryable twice and always, fatal, with an error that is no text,
// with a crash, a hang, a line that is no answer, 100 MB of output. Meanwhile msgctl is killed
// twice, connections are cut, and the broker is stopped and started. Every message has to be
// handled, or to be a dead letter with its history, after as many attempts as declared.
func TestConsumerLosesNothing(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		t.Run("nothing is acknowledged before its copy is confirmed", func(t *testing.T) { unconfirmed(t, n) })
		all := []*consumption{newConsumption(t, n, topology.Classic), newConsumption(t, n, topology.Quorum)}
		var disturbing sync.WaitGroup
		disturbed := make(chan struct{})
		var waiting sync.WaitGroup
		for i, c := range all {
			disturbing.Go(func() {
				c.disturb(i)
				waiting.Go(func() { cmdtest.KeepBusy(c.proxy, disturbed) })
			})
		}
		disturbing.Wait()
		var err error
		if !t.Failed() {
			err = n.Restart(t.Context()) // a stop alone may take longer than the idle time
		}
		close(disturbed)
		waiting.Wait()
		if err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
		for _, c := range all {
			c.proxy.Heal()
		}
		for _, c := range all {
			t.Run(c.queueType, c.check)
		}
	})
}

// unconfirmed lets every message fail while an alarm keeps the broker from taking their copies, and
// kills msgctl then: all originals have to be there.
func unconfirmed(t *testing.T, n *node.Node) {
	const messages = 100
	b := cmdtest.NewFixture(t, rabbittest.Of(n))
	p := cmdtest.NewProgram(t, b.VHost.URL, b.VHost.API)
	b.Declare("work", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dlq"})
	b.Declare("dlq", nil)
	b.Publish("work", messages)
	log := filepath.Join(t.TempDir(), "handled")
	if err := n.SetMemoryAlarm(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	r := p.Start("consume", "work", "--exec",
		"while read -r line; do echo x >> "+log+`; echo '{"result":"dead-letter"}'; done`, "--persistent", "--prefetch",
		"100")
	b.Await(func() bool {
		text, _ := os.ReadFile(log)
		return strings.Count(string(text), "x") >= messages || r.Ended()
	}, "the handler did not get all")
	b.Await(func() bool {
		return strings.Contains(r.Stderr.String(), "paused") || strings.Contains(r.Stderr.String(), "wait") || r.Ended()
	}, "nothing was said of the alarm")
	_ = r.Cmd.Process.Kill()
	p.Wait(r)
	if err := n.SetMemoryAlarm(t.Context(), false); err != nil {
		t.Fatal(err)
	}
	b.Await(func() bool { return b.Ready("work") > 0 }, "all were acknowledged, though no copy was confirmed")
	b.AwaitReturned("work")
	for i, got := 0, b.Collect("work"); i < messages; i++ {
		if got[cmdtest.MessageID(i)] == 0 {
			t.Fatalf("%s was acknowledged before its copy was confirmed", cmdtest.MessageID(i))
		}
	}
}

// consumption keeps account of one queue.
type consumption struct {
	*cmdtest.Fixture
	queueType string
	native    bool
	n         int
	log, file string
	proxy     *rabbittest.Proxy
	program   *cmdtest.Program
	last      *cmdtest.Running
	may       int // duplicates
}

func newConsumption(t *testing.T, n *node.Node, queueType string) *consumption {
	b := cmdtest.NewFixture(t, rabbittest.Of(n))
	dir := t.TempDir()
	c := &consumption{
		Fixture: b, queueType: queueType, n: consumed(), log: filepath.Join(dir, "handled"), proxy: rabbittest.NewProxy(t,
			b.VHost.URL),
		native: queueType == topology.Quorum && b.VHost.Broker.Line == "4.3",
	}
	c.program = cmdtest.NewProgram(t, c.proxy.Through(b.VHost.URL), b.VHost.API, "HANDLER_LOG="+c.log)
	// On 4.3 the quorum queue has to delay retries itself: its delivery limit must leave room for
	// lost connections.
	c.file = cmdtest.WriteFile(t, fmt.Sprintf(`version: 1
name: account-%s
vhost: %q
queues:
  work: { type: %s, deadLetter: dlq, retry: { backoff: [300ms, 600ms] }%s }
  dlq: { type: classic }
`, queueType, b.VHost.Name, queueType, map[string]string{topology.Quorum: ", deliveryLimit: 1000"}[queueType]))
	t.Cleanup(func() { cmdtest.RemoveRecords(t, b.VHost.Broker, b.VHost.Name) })
	direct := cmdtest.NewProgram(t, b.VHost.URL, b.VHost.API)
	direct.Run("apply", "-f", c.file, "--yes").Want(t, cmdutil.ExitOK,
		map[bool]string{true: "by the broker", false: "by wait queues"}[c.native])
	b.Publish("work", c.n)
	return c
}

func (c *consumption) start() {
	c.T.Helper()
	// The file says how many attempts there are: of a queue that delays retries itself, only the
	// delivery limit could be read from the broker.
	c.last = c.program.Start("consume", "work", "-f", c.file, "--exec", "consume-planned", "--persistent", "--concurrency",
		"100", "--prefetch", strconv.Itoa(consumedWindow),
		"--handler-timeout", "10s", "--idle-timeout", "30s", "--reconnect-delay", "100ms", "--reconnect-attempts", "1000",
		"--log-level", "warn")
}

// disturb kills msgctl twice and cuts its connections three times while it works. What it gets to
// work on passes a portion at a time, so that it is never through before that.
func (c *consumption) disturb(seed int) {
	share := func(tenths int) int { return c.n * tenths / 10 }
	for _, left := range []int{9, 8} {
		c.proxy.HoldAfter(rabbittest.ToClient, cmdtest.Portion)
		c.start()
		c.AdvanceBelow(c.proxy, "work", share(left)-seed*17, c.last)
		_ = c.last.Cmd.Process.Kill()
		if res := c.program.Wait(c.last); res.Code != -1 {
			c.T.Errorf("%s: it ended before it was killed: %s", c.queueType, cmdtest.LastPart(res.Stderr))
			return
		}
		c.may += 2 * consumedWindow
	}
	c.start()
	for _, left := range []int{7, 6, 5} {
		c.AdvanceBelow(c.proxy, "work", share(left), c.last)
		d := rabbittest.Direction(left % 2)
		c.proxy.CutAfter(d, 1+1000*left)
		c.Advance(c.proxy, rabbittest.ToClient, func() bool { return c.proxy.HasCut(d) || c.last.Ended() }, "it is not cut")
		c.proxy.CutAfter(d, -1)
		c.Advance(c.proxy, rabbittest.ToClient, func() bool { return c.restored() > 7-left || c.last.Ended() },
			"the connection is not restored")
		c.may += 2 * consumedWindow
	}
	c.AdvanceBelow(c.proxy, "work", share(4), c.last)
	if c.last.Ended() {
		c.T.Errorf("%s: it ended before the broker was stopped: %s", c.queueType, cmdtest.LastPart(c.last.Stderr.String()))
	}
	c.may += 2 * consumedWindow
}

func (c *consumption) restored() int {
	return strings.Count(c.last.Stderr.String(), "comes again") +
		strings.Count(c.last.Stderr.String(), "the connection that publishes was lost")
}

// check waits for the end, and looks where every message is.
func (c *consumption) check(t *testing.T) {
	c.T, c.program.T = t, t
	res := c.program.Wait(c.last)
	if res.Code != cmdutil.ExitPartly {
		t.Fatalf("ended with %d: %s", res.Code, cmdtest.LastPart(res.Stderr))
	}
	c.Reconnect()
	defer func() {
		if t.Failed() {
			t.Logf("queues: %s; msgctl said: %s", c.holdings(), cmdtest.LastPart(c.last.Stderr.String()))
		}
	}()
	c.Await(func() bool { return c.Ready("work") == 0 }, "messages are left")
	handled, failed := c.handled()
	dead := c.deadLetters()
	duplicates := 0
	var lost []string
	for i := range c.n {
		if id := cmdtest.MessageID(i); handled[id] == 0 && len(dead[id]) == 0 {
			lost = append(lost, fmt.Sprintf("%s (%s), which failed %d times", id, plannedOutcome(i), failed[id]))
		}
	}
	if len(lost) > 0 {
		t.Fatalf("%d are lost: %s; queues: %s; msgctl said: %s", len(lost), strings.Join(lost[:min(len(lost), 10)], ", "),
			c.holdings(), cmdtest.LastPart(c.last.Stderr.String()))
	}
	for i := range c.n {
		id := cmdtest.MessageID(i)
		f := plannedOutcome(i)
		attempts, kind, dies := f.dies()
		switch {
		case dies && handled[id] > 0, !dies && len(dead[id]) > 0 && !c.native:
			t.Fatalf("%s (%s) was handled %d times, and is %d dead letters", id, f, handled[id], len(dead[id]))
		case dies && failed[id] < attempts && !c.native:
			t.Fatalf("%s (%s) failed %d times, and has %d attempts", id, f, failed[id], attempts)
		}
		for _, d := range dead[id] {
			c.checkDeadLetter(id, f, attempts, kind, d)
		}
		duplicates += max(handled[id]+len(dead[id])-1, 0)
	}
	if duplicates > c.may {
		t.Errorf("%d duplicates, where %d may be", duplicates, c.may)
	}
	t.Logf("%d messages, %d dead letters, %d duplicates of at most %d", c.n, len(dead), duplicates, c.may)
}

// checkLetter makes sure that a dead letter tells its history. Where the broker counts the attempts
// itself, a lost connection with the message in hand is one, so that a message can have more, and
// those that fail in all can have had fewer failures of their own.
func (c *consumption) checkDeadLetter(id string, f outcome, attempts int, kind string, d amqp.Delivery) {
	c.T.Helper()
	got, _ := message.AsCount(d.Headers[message.HeaderAttempts])
	text := message.Table(d.Headers).Text
	switch {
	case !c.native && int(got) != attempts, c.native && int(got) < attempts:
		c.T.Errorf("%s (%s) is a dead letter after %d attempts, want %d", id, f, got, attempts)
	case kind != "" && text(message.HeaderErrorType) != kind:
		c.T.Errorf("%s (%s) is a dead letter for %q, want %q", id, f, text(message.HeaderErrorType), kind)
	case text(message.HeaderErrorQueue) != "work", text(message.HeaderErrorMessage) == "",
		text(message.HeaderErrorHandler) != "exec consume-planned",
		text(message.HeaderRoutingKey) != "work", d.Headers[message.HeaderErrorTime] == nil,
		d.Headers[message.HeaderFirstErrorTime] == nil:
		c.T.Errorf("%s (%s) does not tell its history: %v", id, f, d.Headers)
	case string(d.Body) != strconv.Itoa(int(mustInt(d.Headers["n"]))) || d.MessageId != id:
		c.T.Errorf("%s is another message now: %q", id, d.Body)
	}
}

func mustInt(v any) int64 { n, _ := message.AsInt(v); return n }

// handled reads what the handler wrote down: how often it handled each message, and how often each
// failed.
func (c *consumption) handled() (handled, failed map[string]int) {
	c.T.Helper()
	f, err := os.Open(c.log)
	c.Fixture.Check(err)
	defer func() { _ = f.Close() }()
	handled, failed = map[string]int{}, map[string]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		id, rest, _ := strings.Cut(lines.Text(), " ")
		if strings.HasSuffix(rest, " ack") || strings.HasSuffix(rest, " garbage") {
			handled[id]++
		} else {
			failed[id]++
		}
	}
	return handled, failed
}

// attempts counts what the handler wrote down.
func (c *consumption) attempts() (n int) {
	c.T.Helper()
	handled, failed := c.handled()
	for _, times := range []map[string]int{handled, failed} {
		for _, t := range times {
			n += t
		}
	}
	return n
}

// holdings tells which queues hold messages.
func (c *consumption) holdings() string {
	c.T.Helper()
	var queues []struct{ Name string }
	c.VHost.Broker.Admin().Get(c.T, rabbittest.Path("queues", c.VHost.Name)+"?columns=name", &queues)
	var out []string
	for _, q := range queues {
		if n := c.Ready(q.Name); n > 0 {
			out = append(out, fmt.Sprintf("%s holds %d", q.Name, n))
		}
	}
	return strings.Join(append(out, "no other queue holds any"), ", ")
}

func (c *consumption) deadLetters() map[string][]amqp.Delivery {
	c.T.Helper()
	out := map[string][]amqp.Delivery{}
	for n := c.Ready("dlq"); n > 0; n-- {
		d, ok, err := c.Ch.Get("dlq", true)
		c.Fixture.Check(err)
		if !ok {
			c.T.Fatal("the queue has fewer dead letters than it counts")
		}
		out[d.MessageId] = append(out[d.MessageId], d)
	}
	return out
}

// TestConsumerKeepsTheOrder: with --ordered-by, messages with one key are handled in their order,
// each retry before the next, though msgctl is killed in between; those of other keys go on
// meanwhile.
func TestConsumerKeepsTheOrder(t *testing.T) {
	const n, keys = 1200, 30 // few enough for no hang and no garbage
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, queueType := range []string{topology.Classic, topology.Quorum} {
			t.Run(queueType, func(t *testing.T) {
				t.Parallel()
				c := &consumption{Fixture: cmdtest.NewFixture(t, b), log: filepath.Join(t.TempDir(), "handled"),
					queueType: queueType}
				c.proxy = rabbittest.NewProxy(t, c.VHost.URL)
				c.program = cmdtest.NewProgram(t, c.proxy.Through(c.VHost.URL), c.VHost.API, "HANDLER_LOG="+c.log)
				file := cmdtest.WriteFile(t, fmt.Sprintf("version: 1\nname: ordered\nvhost: %q\nqueues:\n  work: { type: %s, "+
					"deadLetter: dlq, retry: { backoff: [20ms, 40ms], via: queues } }\n  dlq: { type: classic }\n", c.VHost.Name,
					queueType))
				t.Cleanup(func() { cmdtest.RemoveRecords(t, b, c.VHost.Name) })
				c.program.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitOK)
				c.Publish("work", n)
				args := []string{"consume", "work", "--exec", "consume-planned", "--persistent", "--concurrency", "20",
					"--prefetch", "150", "--ordered-by", "string(int(headers.n) % " + strconv.Itoa(keys) + ")",
					"--log-level", "error", "--idle-timeout", "30s"}
				c.proxy.HoldAfter(rabbittest.ToClient, cmdtest.Portion)
				r := c.program.Start(args...)
				c.AdvanceBelow(c.proxy, "work", n/2, r)
				_ = r.Cmd.Process.Kill()
				c.program.Wait(r)
				before := c.attempts()
				r = c.program.Start(args...)
				c.AdvanceBelow(c.proxy, "work", n/4, r)
				c.Advance(c.proxy, rabbittest.ToClient, func() bool { return c.attempts() > before || r.Ended() },
					"the second run handles nothing")
				if err := r.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
					t.Fatal(err)
				}
				c.proxy.Heal()
				c.program.Wait(r).Want(t, cmdutil.ExitInterrupted, "handled")
				c.program.Run(args...).Want(t, cmdutil.ExitPartly)
				c.checkOrder(n, keys)
			})
		}
	})
}

// checkOrder goes through the log. What was handled may come again after the kill; what had not
// been must not come before what is older.
func (c *consumption) checkOrder(n, keys int) {
	c.T.Helper()
	f, err := os.Open(c.log)
	c.Fixture.Check(err)
	defer func() { _ = f.Close() }()
	first := map[int]bool{}
	newest := map[int]int{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		i, err := strconv.Atoi(strings.TrimLeft(strings.TrimPrefix(strings.Fields(lines.Text())[0], "id-"), "0") + "")
		if err != nil {
			i = 0
		}
		if first[i] {
			continue
		}
		first[i] = true
		if before, any := newest[i%keys]; any && i < before {
			c.T.Fatalf("%d came for the first time after %d, which has the same key", i, before)
		}
		newest[i%keys] = i
	}
	if len(first) != n {
		c.T.Fatalf("%d of %d were handled", len(first), n)
	}
}

// TestConsumerStopsInTime: SIGTERM lets the running command end, returns the rest, and kills at the
// end of the grace.
func TestConsumerStopsInTime(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		c := cmdtest.NewFixture(t, b)
		p := cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API)
		c.Declare("work", map[string]any{"x-queue-type": "quorum", "x-dead-letter-exchange": "",
			"x-dead-letter-routing-key": "dlq"})
		c.Declare("dlq", nil)
		c.Publish("work", 10)
		started := filepath.Join(t.TempDir(), "started")
		run := func(grace, command string) (cmdtest.Result, time.Duration) {
			_ = os.Remove(started)
			r := p.Start("consume", "work", "--exec", command, "--grace", grace)
			c.Await(func() bool { _, err := os.Stat(started); return err == nil }, "no command was started")
			begin := time.Now()
			if err := r.Cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			return p.Wait(r), time.Since(begin)
		}
		res, took := run("10m", "touch "+started+"; sleep 1")
		res.Want(t, cmdutil.ExitInterrupted, "1 handled")
		if took > 2*time.Minute {
			t.Errorf("it took %s to stop", took)
		}
		c.Await(func() bool { return c.Ready("work") == 9 }, "the rest is not back in the queue")
		res, took = run("200ms", "touch "+started+"; sleep 600 & wait")
		res.Want(t, cmdutil.ExitInterrupted, "0 handled, 1 interrupted and returned")
		if took > 2*time.Minute {
			t.Errorf("it took %s to kill", took)
		}
		c.Await(func() bool { return c.Ready("work") == 9 }, "what was killed is not back in the queue")
		if n := c.Ready("dlq"); n != 0 {
			t.Errorf("%d dead letters", n)
		}
	})
}
