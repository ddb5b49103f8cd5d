//go:build unix

package cmd

import (
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/consume/tail"
)

// TestTailStopped: while tail is stopped (Ctrl-Z), its private queue fills and the broker drops
// from it, which no broker counts. tail says so. It is stopped for longer than its idle time, which
// does not count: what came is still to be read.
func TestTailStopped(t *testing.T) {
	v, ch := overflowArena(t)
	p := newProgram(t, v.URL, v.API)
	const idle = 8 * time.Second
	watching := p.start("tail", "-x", "x", "-o", "none", "--idle-timeout", idle.String())
	awaitWatched(t, v, 1)
	send(t, ch, repeat(1)...)
	awaitEmpty(t, v)
	stopped := time.Now()
	if err := watching.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for sent := 0; sent < tail.Prefetch+tail.QueueBytes/overflowSize*5/4; sent += 500 {
		send(t, ch, repeat(500)...)
	}
	time.Sleep(time.Until(stopped.Add(idle + time.Second)))
	if err := watching.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.wait(watching).want(t, cmdutil.ExitOK, "warning: the private queue was full", "; more may be missing: ")
}

// TestTailSlowNetwork: what a slow network keeps from coming is purged and counted, and if the
// broker was faster and dropped from the private queue, that is said. Nothing is missing silently.
func TestTailSlowNetwork(t *testing.T) {
	v, ch := overflowArena(t)
	proxy := rabbittest.NewProxy(t, v.URL)
	rate := 8 << 20
	proxy.Slow(rate)
	p := newProgram(t, proxy.Through(v.URL), v.API)
	watching := p.start("tail", "-x", "x", "-o", "none", "--idle-timeout", "10s")
	awaitWatched(t, v, 1)
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
	said := p.wait(watching)
	said.want(t, cmdutil.ExitOK, "messages seen")
	m := regexp.MustCompile(`([\d,]+) messages seen, ([\d,]+) shown; ([\d,]+) dropped`).FindStringSubmatch(said.stderr)
	if m == nil {
		t.Fatalf("no word of drops:\n%s", said.stderr)
	}
	seen, shown, dropped := number(t, m[1]), number(t, m[2]), number(t, m[3])
	if shown+dropped != seen || seen != sent && !strings.Contains(said.stderr, "more may be missing") {
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
