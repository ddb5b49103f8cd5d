package cmdmsg_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestMessageOverTheLimit: a message larger than --max-message-size stays in its queue as it is, and
// is named, while the messages around it are worked on. It is never acknowledged and never sent
// without its body, also when msgctl is killed.
func TestMessageOverTheLimit(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, queueType := range []string{"classic", "quorum"} {
			t.Run(queueType, func(t *testing.T) {
				t.Parallel()
				newOversized(t, b, queueType).commands()
			})
		}
		t.Run("stream", func(t *testing.T) {
			t.Parallel()
			newOversized(t, b, "stream").stream()
		})
	})
}

// oversized is a queue "q" with a message over the limit in the middle of a hundred others.
type oversized struct {
	*cmdtest.Fixture
	proxy   *rabbittest.Proxy
	program *cmdtest.Program
	large   []byte
}

// others is the number of messages around the large one.
const others = 100

func newOversized(t *testing.T, b *rabbittest.Broker, queueType string) *oversized {
	t.Helper()
	f := cmdtest.NewFixture(t, b)
	o := &oversized{Fixture: f, proxy: rabbittest.NewProxy(t, f.VHost.URL), large: bytes.Repeat([]byte("large "), 100_000)}
	o.program = cmdtest.NewProgram(t, o.proxy.Through(f.VHost.URL), f.VHost.API)
	args := map[string]any{"x-queue-type": queueType}
	f.Declare("to", map[string]any{"x-queue-type": "classic"})
	if queueType == "quorum" {
		args["x-delivery-limit"] = 1000
	}
	f.Declare("q", args)
	f.Publish("q", others/2)
	f.Check(f.Ch.PublishWithContext(t.Context(), "", "q", false, false, amqp.Publishing{MessageId: "large",
		DeliveryMode: amqp.Persistent, Headers: amqp.Table{"n": int64(-1)}, Body: o.large}))
	f.Publish("q", others/2) // with the same ids
	return o
}

// says is what commands say of the large message.
const (
	why  = "its body has 600000 bytes, more than the 100000 that are read"
	says = `message "large": ` + why
)

// run runs msgctl and waits until the queue has so many messages.
func (o *oversized) run(code, left int, args ...string) cmdtest.Result {
	o.T.Helper()
	res := o.program.Run(append(args, "--max-message-size=100kB", "--reconnect-delay=10ms")...)
	res.Want(o.T, code)
	o.Await(func() bool { return o.Ready("q") == left }, "not what should be left")
	return res
}

func (o *oversized) commands() {
	t := o.T
	o.run(0, others+1, "dlq", "inspect", "q", "-n", "0", "-o", "ndjson").Want(t, 0,
		`"id":"large"`, `"size":600000,`, `"bodyIs":"not read, 600.0 kB: its body has 600000 bytes`)
	o.run(0, others+1, "dlq", "inspect", "q", "--where", "size > 100000").Want(t, 0, "large", "1 of 101 messages matches")
	archive := filepath.Join(t.TempDir(), "q.ndjson")
	o.run(3, others+1, "dlq", "export", "q", "--archive", archive).Want(t, 3, "not exported 1  too-large: "+says)
	text, err := os.ReadFile(archive)
	if o.Check(err); strings.Count(string(text), "\n") < others || strings.Contains(string(text), `"large"`) {
		t.Errorf("the archive has %d lines", strings.Count(string(text), "\n"))
	}
	o.run(3, others+1, "dlq", "replay", "q", "--to", "queue:to", "--where", `body == "x"`).Want(t, 3, says)
	o.run(0, others+1, "dlq", "replay", "q", "--to", "queue:to", "--where", `headers.n > 1000`)
	o.run(3, others+1, "dlq", "replay", "q", "--to", "queue:to", "--dry-run").Want(t, 3, says, "Would replay 100 messages")

	o.killed()
	o.run(3, 1, "dlq", "replay", "q", "--to", "queue:to").Want(t, 3, "too-large: "+says,
		"--max-message-size SIZE reads larger messages", "1 stayed")
	o.arrived(4)

	o.Publish("q", 3)
	o.run(3, 1, "consume", "q", "--discard", "--dead-letter-to", "queue:to", "--idle-timeout=2s").Want(t, 3, why,
		"--max-message-size SIZE reads larger messages")
	o.run(1, 1, "consume", "q", "--discard", "--dead-letter-to", "queue:to", "--prefetch=1").Want(t, 1, why,
		"messages that stay in their queue fill the prefetch")
	o.run(3, 1, "dlq", "purge", "q", "--limit=5", "--yes").Want(t, 3, says)
	if n := o.Ready("to"); n != 0 {
		t.Errorf("%d messages were sent that should not be", n)
	}
	d, ok, err := o.Ch.Get("q", true)
	if o.Check(err); !ok || d.MessageId != "large" || !bytes.Equal(d.Body, o.large) {
		t.Errorf("left is %q with %d bytes, want the large message with %d", d.MessageId, len(d.Body), len(o.large))
	}
}

// stream checks the commands that read a stream, which all messages stay in.
func (o *oversized) stream() {
	t := o.T
	run := func(code int, args ...string) cmdtest.Result {
		res := o.program.Run(append(args, "--max-message-size=100kB", "--reconnect-delay=10ms")...)
		res.Want(t, code)
		return res
	}
	run(0, "dlq", "inspect", "q", "--id", "large").Want(t, 0, "Message large at offset 50", "not read, 600.0 kB")
	run(3, "dlq", "replay", "q", "--copy", "--to", "queue:to").Want(t, 3, "too-large: "+says, "Copied 100 messages")
	o.Await(func() bool { return o.Ready("to") == others }, "not all arrived")
	o.arrived(2)
	all := run(0, "tail", "--stream", "q", "--from", "first", "--limit=101", "-o", "ndjson").Stdout
	if n := strings.Count(all, "\n"); n != others+1 || strings.Count(all, `"unread":"`+why) != 1 {
		t.Errorf("tail shows %d messages", n)
	}
}

// killed kills a replay once it has sent some messages and the large one has been delivered.
func (o *oversized) killed() {
	o.T.Helper()
	o.proxy.HoldAfter(rabbittest.ToBroker, cmdtest.Portion)
	passed := o.proxy.Passed(rabbittest.ToClient)
	r := o.program.Start("dlq", "replay", "q", "--to", "queue:to", "--max-message-size=100kB", "--prefetch=80")
	o.Advance(o.proxy, rabbittest.ToBroker, func() bool {
		return r.Ended() || o.Ready("to") > 0 && o.proxy.Passed(rabbittest.ToClient) > passed+len(o.large)
	}, "nothing is sent")
	_ = r.Cmd.Process.Kill() // the exit code tells whether it was in time
	if res := o.program.Wait(r); res.Code != -1 {
		o.T.Fatalf("it was through before it was killed: %s", cmdtest.LastPart(res.Stdout+res.Stderr))
	}
	o.proxy.Heal()
	o.AwaitReturned("q")
}

// arrived checks that each id of the others arrived twice, as it is there, or more often because of
// a kill, but at most so many times. It takes the messages.
func (o *oversized) arrived(most int) {
	o.T.Helper()
	seen := map[string]int{}
	for {
		d, ok, err := o.Ch.Get("to", true)
		o.Check(err)
		if !ok {
			break
		}
		seen[d.MessageId]++
	}
	for i := range others / 2 {
		if n := seen[cmdtest.MessageID(i)]; n < 2 || n > most {
			o.T.Errorf("%s arrived %d times", cmdtest.MessageID(i), n)
		}
	}
	if len(seen) != others/2 {
		o.T.Errorf("messages with %d ids arrived, want %d", len(seen), others/2)
	}
}
