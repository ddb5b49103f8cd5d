package cmdmsg_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestMessagesThatAreNotRead: a message larger than --max-message-size, and one with headers that
// the client library cannot decode, stay in their queue as they are, and are named, while the
// messages around them are worked on. They are never acknowledged and never sent without their
// bodies, also when msgctl is killed.
func TestMessagesThatAreNotRead(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, queueType := range []string{"classic", "quorum"} {
			t.Run(queueType, func(t *testing.T) {
				t.Parallel()
				newUnread(t, b, queueType).commands()
			})
		}
		t.Run("stream", func(t *testing.T) {
			t.Parallel()
			newUnread(t, b, "stream").stream()
		})
	})
}

// unread is a queue "q" with two messages that are not read in the middle of a hundred others.
type unread struct {
	*cmdtest.Fixture
	proxy   *rabbittest.Proxy
	program *cmdtest.Program
	large   []byte
	// deep are headers that the client library cannot decode.
	deep amqp.Table
}

// others is the number of messages around the two.
const others = 100

func newUnread(t *testing.T, b *rabbittest.Broker, queueType string) *unread {
	t.Helper()
	f := cmdtest.NewFixture(t, b)
	o := &unread{Fixture: f, proxy: rabbittest.NewProxy(t, f.VHost.URL), large: bytes.Repeat([]byte("large "), 100_000)}
	o.program = cmdtest.NewProgram(t, o.proxy.Through(f.VHost.URL), f.VHost.API)
	args := map[string]any{"x-queue-type": queueType}
	f.Declare("to", map[string]any{"x-queue-type": "classic"})
	if queueType == "quorum" {
		args["x-delivery-limit"] = 1000
	}
	f.Declare("q", args)
	o.Check(o.Ch.Confirm(false))
	o.deep = amqp.Table{"n": int64(-1)}
	if queueType == "stream" {
		for i := range 8192 { // a stream keeps no nested headers
			o.deep[fmt.Sprintf("%04x", i)] = true
		}
	} else {
		for range 20 {
			o.deep = amqp.Table{"n": int64(-1), "x-deep": []any{o.deep}}
		}
	}
	o.fill()
	return o
}

// fill publishes the two messages and the others.
func (o *unread) fill() {
	o.T.Helper()
	before := o.Ready("q")
	o.Publish("q", others/2)
	for _, m := range []amqp.Publishing{{MessageId: "large", Headers: amqp.Table{"n": int64(-1)}, Body: o.large},
		{MessageId: "deep", Headers: o.deep, Body: []byte("deep")}} {
		m.DeliveryMode = amqp.Persistent
		confirm, err := o.Ch.PublishWithDeferredConfirmWithContext(o.T.Context(), "", "q", false, false, m)
		if o.Check(err); !confirm.Wait() {
			o.T.Fatal("the broker refused a message of the test")
		}
	}
	o.Publish("q", others/2) // with the same ids
	o.Await(func() bool { return o.Ready("q") == before+others+2 }, "the queue does not have them")
}

// says and saysDeep are what commands say of the large message, and of the one with headers that
// cannot be decoded.
const (
	why      = "its body has 600000 bytes, more than the 100000 that are read"
	says     = `message "large": ` + why
	whyDeep  = `its header "x-deep" is nested deeper than the 32 levels that the AMQP library reads`
	saysDeep = `message "deep": ` + whyDeep
)

// run runs msgctl and waits until the queue has so many messages.
func (o *unread) run(code, left int, args ...string) cmdtest.Result {
	o.T.Helper()
	res := o.program.Run(append(args, "--max-message-size=100kB", "--reconnect-delay=10ms")...)
	res.Want(o.T, code)
	o.Await(func() bool { return o.Ready("q") == left }, "not what should be left")
	return res
}

func (o *unread) commands() {
	t := o.T
	o.run(0, others+2, "dlq", "inspect", "q", "-n", "0", "-o", "ndjson").Want(t, 0,
		`"id":"large"`, `"size":600000,`, `"bodyIs":"not read, 600.0 kB: its body has 600000 bytes`,
		`"id":"deep"`, `"size":4,`, `"bodyIs":"not read, 4 B: its header \"x-deep\" is nested`)
	o.run(0, others+2, "dlq", "inspect", "q", "--where", "size > 100000").Want(t, 0, "large", "1 of 102 messages matches")
	archive := filepath.Join(t.TempDir(), "q.ndjson")
	o.run(3, others+2, "dlq", "export", "q", "--archive", archive).Want(t, 3, "not exported 1  too-large: "+says,
		"not exported 1  unreadable: "+saysDeep)
	text, err := os.ReadFile(archive)
	if o.Check(err); strings.Count(string(text), "\n") < others || strings.Contains(string(text), `"large"`) ||
		strings.Contains(string(text), `"deep"`) {
		t.Errorf("the archive has %d lines", strings.Count(string(text), "\n"))
	}
	to := []string{"dlq", "replay", "q", "--to", "queue:to"}
	o.run(3, others+2, append(to, "--where", `body == "x"`)...).Want(t, 3, says, saysDeep)
	o.run(0, others+2, append(to, "--where", `size > 1000000`)...)
	o.run(3, others+2, append(to, "--where", `"absent" in headers`)...).Want(t, 3, saysDeep)
	o.run(3, others+2, append(to, "--dry-run")...).Want(t, 3, says, saysDeep, "Would replay 100 messages")

	o.run(3, 2, to...).Want(t, 3, "Replayed 100 messages", says, saysDeep, "2 stayed")
	o.arrived(2)
	o.fill()
	o.killed()
	o.run(3, 4, to...).Want(t, 3, "too-large: "+says, "unreadable: "+saysDeep,
		"--max-message-size SIZE reads larger messages", "4 stayed")
	o.arrived(4)

	o.Publish("q", 3)
	o.run(3, 4, "consume", "q", "--discard", "--dead-letter-to", "queue:to", "--idle-timeout=2s").Want(t, 3, why,
		"is nested deeper than the 32 levels", "--max-message-size SIZE reads larger messages")
	o.run(1, 4, "consume", "q", "--discard", "--dead-letter-to", "queue:to", "--prefetch=1").Want(t, 1, why,
		"messages that stay in their queue fill the prefetch")
	o.run(3, 4, "dlq", "purge", "q", "--limit=5", "--yes").Want(t, 3, says, saysDeep)
	if n := o.Ready("to"); n != 0 {
		t.Errorf("%d messages were sent that should not be", n)
	}
	o.whole()
}

// whole checks that the two messages are in the queue twice, as they were sent. The client library
// cannot receive one of them.
func (o *unread) whole() {
	o.T.Helper()
	var left []struct {
		Payload    string
		Properties struct {
			ID      string `json:"message_id"`
			Headers map[string]any
		}
	}
	o.VHost.Client().Post(o.T, rabbittest.Path("queues", o.VHost.Name, "q", "get"), map[string]any{"count": 5,
		"ackmode": "ack_requeue_true", "encoding": "auto"}, &left)
	seen := map[string]int{}
	for _, m := range left {
		seen[m.Properties.ID]++
		body := map[string]string{"large": string(o.large), "deep": "deep"}[m.Properties.ID]
		if m.Payload != body || (m.Properties.Headers["x-deep"] != nil) != (m.Properties.ID == "deep") {
			o.T.Errorf("%q has %d bytes and %d headers", m.Properties.ID, len(m.Payload), len(m.Properties.Headers))
		}
	}
	if seen["large"] != 2 || seen["deep"] != 2 || len(seen) != 2 {
		o.T.Errorf("left are %v", seen)
	}
}

// stream checks the commands that read a stream, which all messages stay in.
func (o *unread) stream() {
	t := o.T
	run := func(code int, args ...string) cmdtest.Result {
		res := o.program.Run(append(args, "--max-message-size=100kB", "--reconnect-delay=10ms")...)
		res.Want(t, code)
		return res
	}
	run(0, "dlq", "inspect", "q", "--id", "large").Want(t, 0, "Message large at offset 50", "not read, 600.0 kB")
	run(0, "dlq", "inspect", "q", "--id", "deep").Want(t, 0, "Message deep at offset 51", "not read, 4 B")
	run(3, "dlq", "replay", "q", "--copy", "--to", "queue:to").Want(t, 3, "too-large: "+says,
		`unreadable: message "deep": it has more than the 8192 headers`, "Copied 100 messages")
	o.Await(func() bool { return o.Ready("to") == others }, "not all arrived")
	o.arrived(2)
	all := run(0, "tail", "--stream", "q", "--from", "first", "--limit=102", "-o", "ndjson").Stdout
	if n := strings.Count(all, "\n"); n != others+2 || strings.Count(all, `"unread":"`+why) != 1 ||
		strings.Count(all, `"unread":`) != 2 {
		t.Errorf("tail shows %d messages", n)
	}
}

// killed kills a replay once it has sent some messages and the large one has been delivered.
func (o *unread) killed() {
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
func (o *unread) arrived(most int) {
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
