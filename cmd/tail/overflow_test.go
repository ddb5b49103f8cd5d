//go:build unix

package tail_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume/tail"
)

// TestTailStopped: while tail is stopped (Ctrl-Z), its private queue fills and the broker drops
// from it, which no broker counts. tail says so. It is stopped for longer than its idle time, which
// does not count: what came is still to be read. A broker that waits for 15 s until a stopped client
// reads ends the connection (send_timeout), which takes the queue along; then tail says that.
func TestTailStopped(t *testing.T) {
	v, ch := overflowArena(t)
	p := cmdtest.NewProgram(t, v.URL, v.API)
	for idle := 4 * time.Second; idle < 4*time.Minute; idle *= 2 {
		if r, ok := stoppedFor(t, p, v, ch, idle); ok {
			if strings.Contains(r.Stderr, "the connection was lost") {
				r.Want(t, cmdutil.ExitOK, "what was published meanwhile was not seen")
				t.Log("the broker ended the connection before the queue was full: " + r.Stderr)
				return
			}
			r.Want(t, cmdutil.ExitOK, "warning: the private queue was full", "; more may be missing: ")
			return
		}
	}
	t.Fatal("tail ends, after its idle time, before it can be stopped")
}

// stoppedFor stops tail for more than its idle time. It reports false if this machine was so slow
// that tail had ended before it was stopped.
func stoppedFor(t *testing.T, p *cmdtest.Program, v *rabbittest.VHost, ch *amqp.Channel,
	idle time.Duration) (r cmdtest.Result, ok bool) {
	t.Helper()
	began := time.Now()
	tailing := p.Start("tail", "-x", "x", "-o", "none", "--idle-timeout", idle.String())
	if !cmdtest.TailOrEnd(t, v, tailing) || !confirmed(t, ch, repeat(1)...) {
		return r, false // its queue has gone with it
	}
	awaitEmpty(t, v) // it consumes: stopped before that, it would miss the broker's answer
	stopped := time.Now()
	_ = tailing.Cmd.Process.Signal(syscall.SIGSTOP)
	awaitStopped(t, tailing)
	if time.Since(began) > idle { // it may have been about to end
		_ = tailing.Cmd.Process.Kill()
		p.Wait(tailing)
		return r, false
	}
	for sent := 0; sent < tail.Prefetch+tail.QueueBytes/overflowSize*5/4 && !tailing.Ended(); sent += 500 {
		if !confirmed(t, ch, repeat(500)...) {
			return r, false
		}
	}
	time.Sleep(time.Until(stopped.Add(idle + time.Second))) // its idle time passes
	if tailing.Ended() {
		return r, false
	}
	if err := tailing.Cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	return p.Wait(tailing), true
}

// awaitStopped waits until the kernel has stopped a process, where it tells.
func awaitStopped(t *testing.T, r *cmdtest.Running) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", r.Cmd.Process.Pid))
		_, state, _ := strings.Cut(string(text), ") ")
		if err != nil || strings.HasPrefix(state, "T") || r.Ended() {
			return
		}
	}
	t.Fatal("tail is not stopped")
}

// TestTailSlowNetwork: what a slow network keeps from coming is purged and counted, and if the
// broker was faster and dropped from the private queue, that is said. Nothing is missing silently.
func TestTailSlowNetwork(t *testing.T) {
	v, ch := overflowArena(t)
	proxy := rabbittest.NewProxy(t, v.URL)
	rate := 8 << 20
	proxy.Slow(rate)
	p := cmdtest.NewProgram(t, proxy.Through(v.URL), v.API)
	watching := p.Start("tail", "-x", "x", "-o", "none", "--idle-timeout", "30s")
	cmdtest.AwaitTail(t, v, 1)
	sent := 0
	for most := 0; ; { // until the queue has been half full and is no more: it can only have been purged
		if sent > 100_000 {
			t.Fatal("the private queue is not purged")
		}
		send(t, ch, repeat(200)...)
		sent += 200
		waiting := waitingForTail(t, v)
		if most = max(most, waiting); most > tail.QueueBytes/overflowSize/2 && waiting < most/2 {
			break
		}
		if sent%5000 == 0 && most < tail.QueueBytes/overflowSize/2 { // this machine sends slower than the network
			rate /= 2
			proxy.Slow(rate)
		}
		time.Sleep(120 * time.Millisecond) // hardly faster than the broker can be asked over the slow network
	}
	proxy.Heal()
	said := p.Wait(watching)
	said.Want(t, cmdutil.ExitOK, "messages seen")
	m := regexp.MustCompile(`([\d,]+) messages seen, ([\d,]+) shown; ([\d,]+) dropped`).FindStringSubmatch(said.Stderr)
	if m == nil {
		t.Fatalf("no word of drops:\n%s", said.Stderr)
	}
	seen, shown, dropped := number(t, m[1]), number(t, m[2]), number(t, m[3])
	if shown+dropped != seen || seen != sent && !strings.Contains(said.Stderr, "more may be missing") {
		t.Errorf("%d sent: %s", sent, m[0])
	}
}

// waitingForTail returns how many messages wait in a private queue.
func waitingForTail(t *testing.T, v *rabbittest.VHost) (n int) {
	t.Helper()
	var all []struct {
		Name     string
		Messages int `json:"messages_ready"`
	}
	v.Broker.Admin().Get(t, rabbittest.Path("queues",
		v.Name)+"?disable_stats=true&enable_queue_totals=true&columns=name,messages_ready", &all)
	for _, q := range all {
		if strings.HasPrefix(q.Name, "msgctl.tail.") {
			n += q.Messages
		}
	}
	return n
}

// overflowSize is that of messages of which a private queue holds neither many nor, with those
// under way to its consumer, many bytes.
const overflowSize = 16 << 10

// overflowArena is a vhost with an exchange x that only tail gets anything of.
func overflowArena(t *testing.T) (*rabbittest.VHost, *amqp.Channel) {
	t.Helper()
	v, ch := tailArena(t, rabbittest.Any(t))
	if err := ch.QueueUnbind("q", "#", "x", nil); err != nil {
		t.Fatal(err)
	}
	return v, ch
}

func repeat(n int) []amqp.Publishing {
	return slices.Repeat([]amqp.Publishing{{Body: make([]byte, overflowSize)}}, n)
}
