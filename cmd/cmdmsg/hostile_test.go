package cmdmsg_test

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/hostile"
)

// hostileCase is a fault, the commands that it meets, and a part of what each of them says.
type hostileCase struct {
	fault    hostile.Fault
	commands string
	says     string
}

const (
	everything = "consume tail publish inspect replay ls"
	consumers  = "consume tail inspect replay ls"
	publishers = "publish replay move import again lines transfer"
)

// silentCases are faults that only a timeout ends.
func silentCases() map[string]hostileCase {
	silent, heartbeats := hostile.SilentAfter, hostile.HeartbeatsAfter
	return map[string]hostileCase{
		"silent from the beginning":   {silent(hostile.Method{}), everything, ""},
		"silent after start":          {silent(hostile.Start), everything, ""},
		"silent after tune":           {silent(hostile.Tune), everything, ""},
		"silent after open-ok":        {silent(hostile.OpenOK), everything, ""},
		"silent after channel-ok":     {silent(hostile.ChannelOK), everything, ""},
		"silent after qos-ok":         {silent(hostile.QosOK), consumers, ""},
		"silent after consume-ok":     {silent(hostile.ConsumeOK), consumers, ""},
		"silent after confirm-ok":     {silent(hostile.ConfirmOK), publishers, ""},
		"heartbeats after open-ok":    {heartbeats(hostile.OpenOK), everything, ""},
		"heartbeats after consume-ok": {heartbeats(hostile.ConsumeOK), "inspect replay ls", ""},
		"heartbeats after confirm-ok": {heartbeats(hostile.ConfirmOK), publishers, ""},
	}
}

// violentCases are faults that end each connection at once, whatever the timeout is.
func violentCases() map[string]hostileCase {
	garbage, content := hostile.GarbageAfter, hostile.DeliverForever
	fill := hostile.Body(bytes.Repeat([]byte("b"), 100_000))
	return map[string]hostileCase{
		"garbage from the beginning": {garbage(hostile.Method{}), everything, "the port speaks another protocol"},
		"garbage after tune":         {garbage(hostile.Tune), everything, "cut during the AMQP handshake"},
		"garbage after open-ok":      {garbage(hostile.OpenOK), everything, "something that is not an AMQP frame"},
		"garbage after consume-ok":   {garbage(hostile.ConsumeOK), consumers, "something that is not an AMQP frame"},
		"a stray confirm.select-ok": {hostile.Inject(hostile.ChannelOK, hostile.Call(hostile.ConfirmOK)), everything,
			"an answer that nothing asked for"},
		"cancelled at once": {hostile.CancelAtOnce(), consumers, "the broker ended the consumer"},
		"beyond the prefetch": {content(hostile.Header(4), hostile.Body([]byte("body"))), consumers,
			"where the prefetch is"},
		"a body that is too long": {content(hostile.Header(4), fill), consumers, "a body that is longer than announced"},
		"an announcement of 2^60 bytes": {content(hostile.Header(1<<60), fill), consumers,
			"a message of 1152921504606846976 bytes"},
		"a frame of no kind": {content(hostile.Frame{Kind: 99}), consumers, "something that is not an AMQP frame"},
	}
}

// TestSilentBroker: a broker that stops to answer ends each command after its timeout, however many
// questions the command has.
func TestSilentBroker(t *testing.T) {
	eachHostile(t, silentCases(), func(command string) []string {
		flags := []string{"--timeout=2s", "--reconnect-attempts=1", "--reconnect-delay=10ms"}
		if command == "consume" || command == "tail" {
			flags = append(flags, "--heartbeat=1s") // for a queue without messages they wait for ever
		}
		return flags
	})
}

// TestHostileBroker: a broker that breaks the protocol ends each command, which says so. It cannot
// fill the memory.
func TestHostileBroker(t *testing.T) {
	eachHostile(t, violentCases(), func(string) []string {
		return []string{"--timeout=1m", "--reconnect-attempts=1", "--reconnect-delay=10ms"}
	})
}

// eachHostile runs the commands of each case at the same time, each with a peer of its own, and
// waits for their ends.
func eachHostile(t *testing.T, cases map[string]hostileCase, flags func(command string) []string) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for name, tc := range cases {
			t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
				t.Parallel()
				names := strings.Fields(tc.commands)
				f := deadLetters(t, b, names...)
				var ended sync.WaitGroup
				for _, command := range names {
					ended.Go(func() { endsWell(t, f, command, tc, flags(command)) })
				}
				ended.Wait()
			})
		}
	})
}

// partly are the commands that end with 3 when some messages stay, or all.
var partly = []string{"replay", "import", "again"}

// takenAtMost is how many bytes a client takes before it ends a connection: what is on its way, and
// what it reads ahead.
const takenAtMost = 64 << 20

// endsWell runs a command against a peer with the fault, and checks its end.
func endsWell(t *testing.T, f *cmdtest.Fixture, command string, tc hostileCase, flags []string) {
	peer, p := behind(t, f, tc.fault)
	var res cmdtest.Result
	// Before the fault a busy machine may take longer than the timeout.
	for end := time.Now().Add(2 * time.Minute); peer.Struck() == 0 && time.Now().Before(end); {
		r := p.Start(append(commands(writeFiles(t))[command], flags...)...)
		f.Await(r.Ended, command+" goes on")
		if res = p.Wait(r); res.Code == 0 {
			break
		}
	}
	code, said := res.Code, res.Stdout+res.Stderr
	switch {
	case peer.Struck() == 0:
		t.Errorf("%s does not meet the fault: %s", command, cmdtest.LastPart(said))
	case code != 1 && (code != 0 || command != "ls") && (code != 3 || !slices.Contains(partly, command)),
		strings.Contains(said, "goroutine "):
		t.Errorf("%s ends with %d: %s", command, code, cmdtest.LastPart(said))
	case !strings.Contains(said, tc.says):
		t.Errorf("%s does not say %q: %s", command, tc.says, cmdtest.LastPart(said))
	case command == "ls" && code == 0 && !strings.Contains(said, "a first message was not read"):
		t.Errorf("ls does not say that something is missing: %s", cmdtest.LastPart(said))
	}
	if n := peer.Struck(); n > 3*questions(command) {
		t.Errorf("%s connected %d times", command, n)
	}
	most := int64(takenAtMost)
	if command == "ls" {
		most *= 6 // for each first message one connection
	}
	if n := peer.Written(); n > most {
		t.Errorf("%s took %d bytes", command, n)
	}
}

// questions returns how often a command needs a connection at most. A connection that is lost is
// tried again, and a silent port is asked what it speaks: three connections for each question.
func questions(command string) int64 {
	switch command {
	case "ls":
		return 12 // a count and a first message for each of six queues
	case "inspect", "replay":
		return 5 // four counts of the messages, and a consumer
	}
	return 2
}

// TestTwoInterruptsEndAnything: whatever a broker does not answer, and however long the timeout is,
// the second Ctrl-C ends the command.
func TestTwoInterruptsEndAnything(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for name, fault := range map[string]hostile.Fault{
			"beginning":  hostile.SilentAfter(hostile.Method{}),
			"handshake":  hostile.SilentAfter(hostile.Tune),
			"channel":    hostile.SilentAfter(hostile.ChannelOK),
			"heartbeats": hostile.HeartbeatsAfter(hostile.OpenOK),
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				args := commands(writeFiles(t))
				names := strings.Fields(everything)
				f := deadLetters(t, b, names...)
				var ended sync.WaitGroup
				for _, command := range names {
					ended.Go(func() {
						peer, p := behind(t, f, fault)
						r := p.Start(append(args[command], "--timeout=1h")...)
						f.Await(func() bool {
							if peer.Struck() > 0 {
								_ = r.Cmd.Process.Signal(os.Interrupt) // two that come at once count as one
							}
							return r.Ended()
						}, command+" goes on")
					})
				}
				ended.Wait()
			})
		}
	})
}

// behind starts a broker with the fault, and returns it with msgctl behind it.
func behind(t *testing.T, f *cmdtest.Fixture, fault hostile.Fault) (*hostile.Peer, *cmdtest.Program) {
	peer := hostile.New(t, f.VHost.URL, fault)
	return peer, cmdtest.NewProgram(t, peer.Through(f.VHost.URL), f.VHost.API)
}
