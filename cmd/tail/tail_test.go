package tail_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/message/archive"
)

// tailArena is a vhost with a topic exchange x and a queue q that gets everything.
func tailArena(t *testing.T, b *rabbittest.Broker) (*rabbittest.VHost, *amqp.Channel) {
	t.Helper()
	v := b.VHost(t)
	ch := v.Channel(t)
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	if err := ch.ExchangeDeclare("x", "topic", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("q", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := ch.QueueBind("q", "#", "x", false, nil); err != nil {
		t.Fatal(err)
	}
	return v, ch
}

// send publishes messages to x, and returns when all are confirmed.
func send(t *testing.T, ch *amqp.Channel, messages ...amqp.Publishing) {
	t.Helper()
	if !confirmed(t, ch, messages...) {
		t.Fatal("not confirmed")
	}
}

// confirmed publishes messages to x, and reports whether the broker took all.
func confirmed(t *testing.T, ch *amqp.Channel, messages ...amqp.Publishing) bool {
	t.Helper()
	var confirms []*amqp.DeferredConfirmation
	for _, m := range messages {
		c, err := ch.PublishWithDeferredConfirm("x", "a.b", true, false, m)
		if err != nil {
			t.Fatal(err)
		}
		confirms = append(confirms, c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	for _, c := range confirms {
		ok, err := c.WaitContext(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return false
		}
	}
	return true
}

// TestTailSeesEverythingAndDisturbsNothing: whatever the bodies, all are seen byte for byte, and
// the queue beside has the same messages, in their order, with their flags.
func TestTailSeesEverythingAndDisturbsNothing(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v, ch := tailArena(t, b)
		send(t, ch, amqp.Publishing{MessageId: "old-0"}, amqp.Publishing{MessageId: "old-1"})
		if d, ok, err := ch.Get("q", false); err != nil || !ok || d.Nack(false, true) != nil {
			t.Fatal("no message to return", err)
		}
		file := filepath.Join(t.TempDir(), "all.ndjson")
		p := cmdtest.NewProgram(t, v.URL, v.API)
		large := 16 << 20 // later lines take no more
		if b.Line == "3.10" {
			large = 20 << 20 // more than is read ahead
		}
		bodies := [][]byte{
			nil, []byte("text"), []byte("\x1b[2J\x1b]0;title\x07"), []byte("\xff\xfe\x00binary"), []byte(`{"valid":"json"}`),
			[]byte("\u202eright to left"),
			bytes.Repeat([]byte("MiB text"), 1<<17), bytes.Repeat([]byte{0xC3}, large),
		}
		for i := range 300 {
			bodies = append(bodies, fmt.Appendf(nil, `{"n":%d}`, i))
		}
		r := p.Start("tail", "-x", "x", "--save", file, "--limit", strconv.Itoa(len(bodies)), "--idle-timeout", "120s", "-o",
			"json")
		cmdtest.AwaitTail(t, v, 1)
		want, total := map[[32]byte]int{}, 0
		for i, body := range bodies {
			send(t, ch, amqp.Publishing{MessageId: "new-" + strconv.Itoa(i), Body: body})
			want[sha256.Sum256(body)]++
			total += len(body)
		}
		res := p.Wait(r)
		res.Want(t, cmdutil.ExitOK, fmt.Sprintf("%d messages seen, %d shown, %d saved", len(bodies), len(bodies),
			len(bodies)))
		var doc struct {
			Messages []struct {
				Size       int
				Properties struct{ MessageID string }
			}
			Seen, Dropped int
		}
		if err := json.Unmarshal([]byte(res.Stdout), &doc); err != nil {
			t.Fatal(err)
		}
		size := 0
		for i, m := range doc.Messages {
			size += m.Size
			if m.Properties.MessageID != "new-"+strconv.Itoa(i) {
				t.Fatalf("message %d is %s", i, m.Properties.MessageID)
			}
		}
		if len(doc.Messages) != len(bodies) || doc.Seen != len(bodies) || doc.Dropped != 0 || size != total {
			t.Errorf("%d messages of %d bytes shown, %d seen, want %d of %d", len(doc.Messages), size, doc.Seen, len(bodies),
				total)
		}
		if strings.ContainsAny(res.Stdout, "\x1b\x00\x07") {
			t.Error("control characters were written")
		}
		compareArchive(t, file, want)
		cmdtest.AwaitTail(t, v, 0)
		for i := range len(bodies) + 2 {
			d, ok, err := ch.Get("q", true)
			if err != nil || !ok {
				t.Fatalf("message %d: %v %v", i, ok, err)
			}
			id := fmt.Sprintf("old-%d", i)
			if i >= 2 {
				id = fmt.Sprintf("new-%d", i-2)
			}
			if d.MessageId != id || d.Redelivered != (i == 0) {
				t.Fatalf("message %d of the queue is %s, redelivered %v", i, d.MessageId, d.Redelivered)
			}
		}
	})
}

func compareArchive(t *testing.T, file string, want map[[32]byte]int) {
	t.Helper()
	in, err := archive.Open(file, archive.ReaderOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	for {
		m, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Exchange != "x" || m.RoutingKey != "a.b" || in.Seen().IsZero() || time.Since(in.Seen()) > time.Hour {
			t.Fatalf("exchange %q, key %q, seen %v", m.Exchange, m.RoutingKey, in.Seen())
		}
		want[sha256.Sum256(m.Body)]--
	}
	for _, n := range want {
		if n != 0 {
			t.Fatal("the archive has other bodies than were published")
		}
	}
}

// TestTailKilled: kill -9 leaves nothing on the broker.
func TestTailKilled(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v, ch := tailArena(t, b)
		p := cmdtest.NewProgram(t, v.URL, v.API)
		r := p.Start("tail", "-x", "x")
		cmdtest.AwaitTail(t, v, 1)
		send(t, ch, amqp.Publishing{})
		if err := r.Cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.Wait(r)
		cmdtest.AwaitTail(t, v, 0)
		if names := cmdtest.QueueNames(t, v); len(names) != 1 {
			t.Errorf("left: %v", names)
		}
		// Nothing gets what is not routed elsewhere: the publisher learns of it again.
		if err := ch.QueueUnbind("q", "#", "x", nil); err != nil {
			t.Fatal(err)
		}
		returned := ch.NotifyReturn(make(chan amqp.Return, 1))
		send(t, ch, amqp.Publishing{})
		if r := <-returned; r.ReplyCode != amqp.NoRoute {
			t.Error(r.ReplyText)
		}
	})
}

// TestTailInterrupted: Ctrl-C is exit code 130, and what was seen is in the archive.
func TestTailInterrupted(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v, ch := tailArena(t, b)
		p := cmdtest.NewProgram(t, v.URL, v.API)
		file := filepath.Join(t.TempDir(), "a.ndjson.zst")
		r := p.Start("tail", "-x", "x", "--save", file, "-o", "ndjson")
		cmdtest.AwaitTail(t, v, 1)
		body := []byte("seen")
		send(t, ch, amqp.Publishing{Body: body}, amqp.Publishing{Body: body})
		// What is written is readable although the command runs on, so this can be waited for.
		for deadline := time.Now().Add(time.Minute); lines(t, file) < 2; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the archive is not written while tail runs")
			}
		}
		if err := r.Cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		res := p.Wait(r)
		res.Want(t, cmdutil.ExitInterrupted, "2 messages seen, 2 shown, 2 saved to ")
		compareArchive(t, file, map[[32]byte]int{sha256.Sum256(body): 2})
		cmdtest.AwaitTail(t, v, 0)
	})
}

// lines counts the whole messages of an archive that is being written.
func lines(t *testing.T, file string) (n int) {
	in, err := archive.Open(file, archive.ReaderOptions{})
	if err != nil {
		return 0
	}
	defer func() { _ = in.Close() }()
	for {
		if _, err := in.Next(); err != nil {
			return n
		}
		n++
	}
}

// TestTailSlowReader: an output that does not move holds up neither the publisher nor the broker;
// what is missing is counted, and memory stays bounded.
func TestTailSlowReader(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		const total = 5000
		v, ch := tailArena(t, b)
		if err := ch.QueueUnbind("q", "#", "x", nil); err != nil {
			t.Fatal(err)
		}
		p := cmdtest.NewProgram(t, v.URL, v.API)
		cmd := p.Command("tail", "-x", "x", "-o", "ndjson", "--idle-timeout", "30s")
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		cmdtest.AwaitTail(t, v, 1)
		body := bytes.Repeat([]byte("x"), 20_000)
		for range total / 250 {
			batch := make([]amqp.Publishing, 250)
			for i := range batch {
				batch[i].Body = body
			}
			send(t, ch, batch...) // confirmed: the publisher is not held up
		}
		awaitEmpty(t, v) // what is not read is dropped: nothing waits in the broker
		peak := cmdtest.PeakMemory(cmd.Process.Pid)
		got, missing := 0, 0
		in := bufio.NewScanner(stdout)
		in.Buffer(nil, 1<<20)
		for in.Scan() {
			var line struct{ DroppedBefore int }
			if err := json.Unmarshal(in.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			got++
			missing += line.DroppedBefore
		}
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		m := regexp.MustCompile(`([\d,]+) messages seen, ([\d,]+) shown; ([\d,]+) dropped`).FindStringSubmatch(stderr.String())
		if m == nil {
			t.Fatalf("no word of drops:\n%s", stderr.String())
		}
		seen, shown, dropped := number(t, m[1]), number(t, m[2]), number(t, m[3])
		if seen != total || shown != got || shown+dropped != total || missing > dropped {
			t.Errorf("%d lines with %d missing, of %d: %s", got, missing, total, m[0])
		}
		if peak > 300<<10 && !cmdtest.UnderRace { // the race detector takes many times the memory
			t.Errorf("it took %d MiB", peak>>10)
		}
	})
}

// awaitEmpty waits until no queue of the vhost has a message.
func awaitEmpty(t *testing.T, v *rabbittest.VHost) {
	t.Helper()
	var all []struct{ Messages int }
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		v.Broker.Admin().Get(t, rabbittest.Path("queues",
			v.Name)+"?disable_stats=true&enable_queue_totals=true&columns=messages", &all)
		n := 0
		for _, q := range all {
			n += q.Messages
		}
		if n == 0 {
			return
		}
	}
	t.Fatalf("messages stay: %v", all)
}

func number(t *testing.T, text string) int {
	n, err := strconv.Atoi(strings.ReplaceAll(text, ",", ""))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestTailStuckOutput: Ctrl-C ends also a tail whose output does not move.
func TestTailStuckOutput(t *testing.T) {
	b := rabbittest.Any(t)
	v, ch := tailArena(t, b)
	p := cmdtest.NewProgram(t, v.URL, v.API)
	cmd := p.Command("tail", "-x", "x", "-o", "ndjson")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	cmdtest.AwaitTail(t, v, 1)
	send(t, ch, amqp.Publishing{Body: make([]byte, 1<<20)})
	// It has begun to write more than a pipe holds, and nobody reads on: it is stuck.
	if _, err := io.ReadFull(stdout, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != cmdutil.ExitInterrupted {
		t.Errorf("exit code %d", code)
	}
	cmdtest.AwaitTail(t, v, 0)
}

// TestTailGap: a connection that is cut is restored, and the gap is shown in its place.
func TestTailGap(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v, ch := tailArena(t, b)
		proxy := rabbittest.NewProxy(t, v.URL)
		p := cmdtest.NewProgram(t, proxy.Through(v.URL), v.API)
		name := filepath.Join(t.TempDir(), "out.ndjson")
		out, err := os.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = out.Close() }()
		var stderr bytes.Buffer
		cmd := p.Command("tail", "-x", "x", "-o", "ndjson", "--limit", "2", "--reconnect-delay", "50ms",
			"--reconnect-attempts", "60", "--idle-timeout", "150s")
		cmd.Stdout, cmd.Stderr = out, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		cmdtest.AwaitTail(t, v, 1)
		send(t, ch, amqp.Publishing{MessageId: "before"})
		awaitText(t, name, `"id":"before"`) // now it consumes
		proxy.Refuse()
		proxy.Cut()
		cmdtest.AwaitTail(t, v, 0)
		send(t, ch, amqp.Publishing{MessageId: "meanwhile"})
		proxy.Heal()
		cmdtest.AwaitTail(t, v, 1)
		send(t, ch, amqp.Publishing{MessageId: "after"})
		if err := cmd.Wait(); err != nil {
			t.Fatalf("%v\n%s", err, stderr.String())
		}
		for _, text := range []string{"the connection was lost", "what was published meanwhile was not seen",
			"the connection was lost 1 time"} {
			if !strings.Contains(stderr.String(), text) {
				t.Errorf("%q is not said:\n%s", text, stderr.String())
			}
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`(?s)"id":"before".*"gapBefore":true,"id":"after"`).Match(text) {
			t.Errorf("%s", text)
		}
	})
}

func awaitText(t *testing.T, file, want string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), want) {
			return
		}
	}
	t.Fatalf("%q does not come", want)
}
