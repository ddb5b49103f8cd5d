package cmdtest

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

// RemoveRecords deletes the records that msgctl stored in the broker for a vhost: of ownership, and of
// migrations that a failed test left.
func RemoveRecords(t testing.TB, b *rabbittest.Broker, vhost string) {
	var all []struct {
		Name  string          `json:"name"`
		Value json.RawMessage `json:"value"`
	}
	b.Admin().Get(t, "/api/global-parameters", &all)
	for _, p := range all {
		owned := strings.HasPrefix(p.Name, "msgctl.") && strings.Contains(p.Name, vhost)
		if owned || strings.HasPrefix(p.Name, "msgctl-") && strings.Contains(string(p.Value), strconv.Quote(vhost)) {
			b.Admin().Delete(t, rabbittest.Path("global-parameters", p.Name))
		}
	}
}

// HostPort returns the address of a broker without scheme, credentials and path.
func HostPort(url string) string {
	_, rest, _ := strings.Cut(url, "@")
	return strings.TrimSuffix(rest, "/")
}

// AwaitTail waits until the private queues of tail in a vhost have n bindings. With 0, it waits
// until there are neither such queues nor bindings: on a busy broker the bindings of a queue that
// is gone are still listed for a moment.
func AwaitTail(t testing.TB, v *rabbittest.VHost, n int) {
	t.Helper()
	var seen int
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		seen = len(tailNames(t, v, false))
		if n == 0 {
			seen += len(tailNames(t, v, true))
		}
		if seen == n {
			return
		}
	}
	t.Fatalf("%d private queues or bindings in a minute, want %d", seen, n)
}

// TailOrEnd waits until the private queue of a tail has a binding. It returns false if tail has ended
// first.
func TailOrEnd(t testing.TB, v *rabbittest.VHost, r *Running) bool {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if len(tailNames(t, v, false)) > 0 || r.Ended() {
			return !r.Ended()
		}
	}
	t.Fatalf("no private queue in a minute: %s", LastPart(r.Stderr.String()))
	return false
}

// tailNames returns the name of each private queue, or its name once per binding.
func tailNames(t testing.TB, v *rabbittest.VHost, queues bool) (names []string) {
	t.Helper()
	all := QueueNames(t, v)
	if !queues {
		var bindings []struct{ Source, Destination string }
		v.Broker.Admin().Get(t, rabbittest.Path("bindings", v.Name), &bindings)
		all = nil
		for _, b := range bindings {
			if b.Source != "" {
				all = append(all, b.Destination)
			}
		}
	}
	for _, name := range all {
		if strings.HasPrefix(name, "msgctl.tail.") || strings.HasPrefix(name, "amq.gen-") {
			names = append(names, name)
		}
	}
	return names
}

// QueueNames returns the names of all queues of a vhost.
func QueueNames(t testing.TB, v *rabbittest.VHost) (names []string) {
	t.Helper()
	var all []struct{ Name string }
	v.Broker.Admin().Get(t, rabbittest.Path("queues", v.Name)+"?disable_stats=true&columns=name", &all)
	for _, q := range all {
		names = append(names, q.Name)
	}
	return names
}
