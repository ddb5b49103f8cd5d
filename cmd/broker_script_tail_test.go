package cmd

import (
	"maps"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/msgctl/msgctl/internal/rabbittest"
)

// withWatching adds to the commands of the scripts:
//
//	watched N     waits until private queues of tail have N bindings in all; 0: until there is no such queue
func withWatching(commands map[string]func(*testscript.TestScript, bool,
	[]string)) map[string]func(*testscript.TestScript, bool, []string) {
	maps.Copy(commands, map[string]func(*testscript.TestScript, bool, []string){"watched": scriptWatched})
	return commands
}

func scriptWatched(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: watched N")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	a := ts.Value(arenaKey).(*arena)
	awaitWatched(a.t, a.vhost, n)
}

// awaitWatched waits until the private queues of a vhost have n bindings; with 0 until there are
// none of them.
func awaitWatched(t testing.TB, v *rabbittest.VHost, n int) {
	t.Helper()
	admin := v.Broker.Admin()
	var seen int
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		seen = 0
		if n == 0 {
			for _, q := range queueNames(t, v) {
				if strings.HasPrefix(q, "msgctl.tail.") || strings.HasPrefix(q, "amq.gen-") {
					seen++
				}
			}
		} else {
			var all []struct{ Source, Destination string }
			admin.Get(t, rabbittest.Path("bindings", v.Name), &all)
			for _, b := range all {
				if b.Source != "" && (strings.HasPrefix(b.Destination, "msgctl.tail.") ||
					strings.HasPrefix(b.Destination, "amq.gen-")) {
					seen++
				}
			}
		}
		if seen == n {
			return
		}
	}
	t.Fatalf("%d in a minute, want %d", seen, n)
}

func queueNames(t testing.TB, v *rabbittest.VHost) (names []string) {
	t.Helper()
	var all []struct{ Name string }
	v.Broker.Admin().Get(t, rabbittest.Path("queues", v.Name)+"?disable_stats=true&columns=name", &all)
	for _, q := range all {
		names = append(names, q.Name)
	}
	return names
}
