package cmd_test

import (
	"maps"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/msgctl/msgctl/cmd/cmdtest"
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
	cmdtest.AwaitTail(a.t, a.vhost, n)
}
