package topology_test

import (
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// manyQueues is how many queues an apply makes that is disturbed: far more than it is let make
// before that.
func manyQueues() int { return rabbittest.Cases(200, 600) }

// held lets an apply of many queues begin and not get through: its AMQP connection goes through a
// proxy that holds it after some dozen declarations. Heal lets it go on.
func held(t *testing.T, amqpURL, api string) (*cmdtest.Program, *rabbittest.Proxy) {
	t.Helper()
	proxy := rabbittest.NewProxy(t, amqpURL)
	proxy.HoldAfter(rabbittest.ToBroker, 10_000)
	return cmdtest.NewProgram(t, proxy.Through(amqpURL), api), proxy
}

// immediateReconnect makes a lost broker a matter of seconds.
var immediateReconnect = []string{"--reconnect-delay", "100ms", "--reconnect-attempts", "3", patient, alive}

// With these an apply can be held for as long as the test takes on a busy machine.
const (
	patient = "--timeout=5m"
	alive   = "--heartbeat=5m"
)

// TestOnANodeOfItsOwn has what would disturb others, on one node of each line: a start takes seconds.
func TestOnANodeOfItsOwn(t *testing.T) {
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) {
		t.Run("broker stops in mid-apply", func(t *testing.T) { brokerStopsInMidApply(t, n) })
		t.Run("corpus", func(t *testing.T) { applyCorpus(t, n) }) // leaves no user guest
	})
}

// brokerStopsInMidApply: what is done and what is not is said with exit code 3 (or 1 when the
// broker went before the first change), and the same command finishes the work when the broker is
// back.
func brokerStopsInMidApply(t *testing.T, n *node.Node) {
	queues := manyQueues()
	p, proxy := held(t, n.URL, n.API)
	file := cmdtest.WriteFile(t, manyObjects("midway", "/", queues))
	r := p.Start(append([]string{"apply", "-f", file, "--yes"}, immediateReconnect...)...)
	waitForQueues(t, rabbittest.Of(n).Admin(), "/", 50)
	if err := n.Kill(); err != nil {
		t.Fatal(err)
	}
	res := p.Wait(r)
	res.Want(t, cmdutil.ExitPartly, "not done", "run the same command again")
	if err := n.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	proxy.Heal()
	p.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitOK, "Done: ")
	p.Run("plan", "-f", file, "--detailed-exitcode").Want(t, cmdutil.ExitOK, "No changes")
	// Nothing was forgotten: all of it belongs to the topology, and prune finds it.
	empty := cmdtest.WriteFile(t, "name: midway\nvhost: /\nexchanges: {}\n")
	p.Run("apply", "-f", empty, "--prune", "--yes").Want(t, cmdutil.ExitOK, fmt.Sprintf("%d to delete", queues+1))
	if left := countQueues(t, rabbittest.Of(n).Admin(), "/"); left != 0 {
		t.Errorf("%d queues were left", left)
	}
}

// TestKilledInMidApply: kill -9 of msgctl leaves nothing that a later apply does not know.
func TestKilledInMidApply(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		queues := manyQueues()
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		p, proxy := held(t, v.URL, v.API)
		file := cmdtest.WriteFile(t, manyObjects("killed", v.Name, queues))
		r := p.Start("apply", "-f", file, "--yes", patient, alive)
		waitForQueues(t, b.Admin(), v.Name, 50)
		if err := r.Cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		p.Wait(r)
		proxy.Heal()
		made := countQueues(t, b.Admin(), v.Name)
		empty := cmdtest.WriteFile(t, fmt.Sprintf("name: killed\nvhost: %q\nexchanges: {}\n", v.Name))
		p.Run("apply", "-f", empty, "--prune", "--yes").Want(t, cmdutil.ExitOK)
		if left := countQueues(t, b.Admin(), v.Name); left != 0 {
			t.Errorf("of %d queues that a killed apply had made, %d are unknown to prune", made, left)
		}
	})
}

// TestInterruptedApply: Ctrl-C finishes what is in hand, reports, and exits with 130; the next
// apply goes on.
func TestInterruptedApply(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		p, proxy := held(t, v.URL, v.API)
		file := cmdtest.WriteFile(t, manyObjects("interrupted", v.Name, manyQueues()))
		r := p.Start("apply", "-f", file, "--yes", patient, alive)
		waitForQueues(t, b.Admin(), v.Name, 50)
		if err := r.Cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		proxy.HoldAfter(rabbittest.ToBroker, 20_000) // enough for what is in hand
		res := p.Wait(r)
		proxy.Heal()
		res.Want(t, cmdutil.ExitInterrupted, "Interrupted: changes that had begun were finished")
		if strings.Contains(res.Stdout, "failed create") {
			t.Errorf("an interruption made changes in hand fail:\n%s", cmdtest.LastPart(res.Stdout))
		}
		p.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitOK)
		p.Run("plan", "-f", file, "--detailed-exitcode").Want(t, cmdutil.ExitOK, "No changes")
	})
}

// TestUserDeletedInMidApply: when the login is taken away, apply ends soon and says so, instead of
// trying each object.
func TestUserDeletedInMidApply(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		p, proxy := held(t, v.URL, v.API)
		r := p.Start("apply", "-f", cmdtest.WriteFile(t, manyObjects("orphan", v.Name, manyQueues())), "--yes")
		waitForQueues(t, b.Admin(), v.Name, 50)
		start := time.Now()
		b.Admin().Delete(t, rabbittest.Path("users", v.Login))
		proxy.Heal()
		got := p.Wait(r)
		got.Want(t, cmdutil.ExitPartly, "not done")
		// A broker takes the permissions away before it closes the connection: until then it refuses.
		if out := got.Stdout + got.Stderr; !strings.Contains(out, "cannot be restored") &&
			!strings.Contains(out, "is gone or has another password") || strings.Contains(out, "set_permissions") {
			t.Errorf("nothing says why: %s", out)
		}
		if took := time.Since(start); took > 4*time.Minute {
			t.Errorf("it took %v to give up", took)
		}
	})
}

// TestTwoAppliesAtOnce: of one topology, the second is told about the first and changes nothing; of
// two, both work.
func TestTwoAppliesAtOnce(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		p := cmdtest.NewProgram(t, v.URL, v.API)
		slow, proxy := held(t, v.URL, v.API)
		file := cmdtest.WriteFile(t, manyObjects("twice", v.Name, manyQueues()))
		other := cmdtest.WriteFile(t, strings.ReplaceAll(manyObjects("other", v.Name, 50), "  q", "  other"))
		first := slow.Start("apply", "-f", file, "--yes", patient, alive)
		waitForQueues(t, b.Admin(), v.Name, 50)
		p.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitFailed, "another apply of it is running", "held by")
		p.Run("apply", "-f", other, "--yes").Want(t, cmdutil.ExitOK)
		proxy.Heal()
		slow.Wait(first).Want(t, cmdutil.ExitOK)
		p.Run("plan", "-f", file, "--detailed-exitcode").Want(t, cmdutil.ExitOK)
		p.Run("plan", "-f", other, "--detailed-exitcode").Want(t, cmdutil.ExitOK)
	})
}

// TestAppliesWithoutLock: without AMQP there is no lock; two applies at once still end in the
// declared state.
func TestAppliesWithoutLock(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		p := cmdtest.NewProgram(t, strings.Replace(v.URL, cmdtest.HostPort(v.URL), "127.0.0.1:1/"+v.Name, 1), v.API)
		file := cmdtest.WriteFile(t, manyObjects("unlocked", v.Name, 100))
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() {
				if res := p.Run("apply", "-f", file, "--yes"); res.Code != cmdutil.ExitOK &&
					!strings.Contains(res.Stderr, "the broker changed since the plan was made") {
					t.Errorf("exit code %d:\n%s", res.Code, cmdtest.LastPart(res.Stdout+res.Stderr))
				}
			})
		}
		both.Wait()
		p.Run("apply", "-f", file, "--yes").Want(t, cmdutil.ExitOK, "are not prevented")
		p.Run("plan", "-f", file, "--detailed-exitcode").Want(t, cmdutil.ExitOK, "No changes")
	})
}

// TestUnknownAuthority: a certificate of an authority that nobody trusts is explained, with the
// flag that would trust it.
func TestUnknownAuthority(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		amqps, trust := rabbittest.NewTLSProxy(t, v.URL, tls.NoClientCert)
		https, trustAPI := rabbittest.NewTLSProxy(t, v.API, tls.NoClientCert)
		file := cmdtest.WriteFile(t, manyObjects("tls", v.Name, 2))
		p := cmdtest.NewProgram(t, amqps.Through(v.URL), https.Through(v.API))
		p.Run("plan", "-f", file).Want(t, cmdutil.ExitFailed, "authority", "--tls-ca")
		p.Run("apply", "-f", file, "--yes", "--no-api").Want(t, cmdutil.ExitFailed, "authority", "--tls-ca")
		both := writeBoth(t, trust.CAFile, trustAPI.CAFile)
		p.Run("apply", "-f", file, "--yes", "--tls-ca", both).Want(t, cmdutil.ExitOK, "Done: 5 changes")
	})
}

func writeBoth(t *testing.T, files ...string) string {
	var all []byte
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text...)
	}
	return cmdtest.WriteFile(t, string(all))
}

// TestHostileFiles: a small file that is huge when its aliases are expanded ends in one diagnostic,
// soon and in bounded memory.
func TestHostileFiles(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 30; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i-1, i-1, i-1, i-1,
			i-1, i-1, i-1, i-1, i-1, i-1)
	}
	b.WriteString("filler: '" + strings.Repeat("x", 10_000_000) + "'\n")
	p := cmdtest.NewProgram(t, "amqp://127.0.0.1:1", "http://127.0.0.1:1")
	r := p.Start("validate", "-f", cmdtest.WriteFile(t, b.String()))
	peak := peakUntilEnd(r)
	res := p.Wait(r)
	res.Want(t, cmdutil.ExitFailed, "Not valid: ")
	if peak > 400<<10 {
		t.Errorf("a file of 10 MB took %d MiB", peak>>10)
	}
	if len(res.Stdout) > 10_000 {
		t.Errorf("%d bytes were said of it", len(res.Stdout))
	}
	if took := r.Cmd.ProcessState.UserTime() + r.Cmd.ProcessState.SystemTime(); took > 20*time.Second {
		t.Errorf("it took %v of a processor", took)
	}
}

func waitForQueues(t testing.TB, c *rabbittest.Client, vhost string, n int) {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if countQueues(t, c, vhost) >= n {
			return
		}
	}
	t.Fatalf("apply did not make %d queues in two minutes", n)
}

func countQueues(t testing.TB, c *rabbittest.Client, vhost string) int {
	t.Helper()
	var all []struct {
		Name string `json:"name"`
	}
	c.Get(t, rabbittest.Path("queues", vhost)+"?disable_stats=true&columns=name", &all)
	n := 0
	for _, q := range all {
		if !strings.HasPrefix(q.Name, "msgctl.lock.") {
			n++
		}
	}
	return n
}

// manyObjects is a topology of n queues, each with a binding.
func manyObjects(name, vhost string, n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "version: 1\nname: %s\nvhost: %q\nexchanges:\n  x: { type: topic }\nqueues:\n", name, vhost)
	for i := range n {
		fmt.Fprintf(&b, "  q%05d: { bindings: [{ exchange: x, key: k%d }] }\n", i, i)
	}
	return b.String()
}

// peakUntilEnd waits for the end of a program and returns how much memory it had at most, in KiB,
// as far as looks 2 ms apart tell.
func peakUntilEnd(r *cmdtest.Running) (peak int) {
	for !r.Ended() {
		peak = max(peak, cmdtest.PeakMemory(r.Cmd.Process.Pid))
		time.Sleep(2 * time.Millisecond)
	}
	return peak
}
