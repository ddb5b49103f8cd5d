package cmdmsg_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/hostile"
)

// reconnecting are the commands that restore a lost connection, each with a broker that cuts every
// connection before anything is achieved.
func reconnecting() map[string]hostile.Fault {
	consuming := hostile.CutAfter(hostile.ConsumeOK)
	return map[string]hostile.Fault{
		"consume": consuming, "tail": consuming, "replay": consuming, "publish": hostile.CutAt(hostile.Confirm),
	}
}

// TestReconnectAttempts: each command tries a lost connection again as often as --reconnect-attempts
// says.
func TestReconnectAttempts(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		f := deadLetters(t, b, slices.Collect(maps.Keys(reconnecting()))...)
		for attempts := range 3 {
			var ended sync.WaitGroup
			for command, fault := range reconnecting() {
				ended.Go(func() {
					peer, p := behind(t, f, fault)
					res := p.Run(append(commands("")[command], "--reconnect-delay=1ms",
						fmt.Sprintf("--reconnect-attempts=%d", attempts))...)
					want := int64(1 + attempts)
					if command == "replay" {
						want = max(want, 2) // what is confirmed has to leave its queue: that is tried once
					}
					if n := peer.Struck(); n != want || res.Code != 1 {
						t.Errorf("%s with %d attempts: %d connections, want %d, exit code %d: %s", command, attempts, n, want,
							res.Code, res.Stderr)
					}
				})
			}
			ended.Wait()
		}
	})
}

// TestReconnectDelay: each command waits as long as --reconnect-delay says, and Ctrl-C ends the wait.
func TestReconnectDelay(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		f := deadLetters(t, b, slices.Collect(maps.Keys(reconnecting()))...)
		var ended sync.WaitGroup
		for command, fault := range reconnecting() {
			ended.Go(func() {
				peer, p := behind(t, f, fault)
				r := p.Start(append(commands("")[command], "--reconnect-delay=1h7m", "--timeout=3h")...)
				f.Await(func() bool { return r.Ended() || strings.Contains(r.Stderr.String(), "1h7m0s") },
					command+" does not wait")
				_ = r.Cmd.Process.Signal(os.Interrupt)
				res := p.Wait(r)
				if n := peer.Struck(); n != 2 || !strings.Contains(res.Stderr, "1h7m0s") || res.Code != 130 {
					t.Errorf("%s: %d connections, want 2, exit code %d: %s", command, n, res.Code, res.Stderr)
				}
			})
		}
		ended.Wait()
	})
}
