package cmd

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"msgctl": func() {
			os.Exit(Main(cmdutil.Build{Version: "1.2.3-test", Commit: "abc", Date: "2026-01-02T03:04:05Z"}, os.Args[1:]))
		},
		"consume-planned": plannedHandler,
	})
}

// TestScript runs what needs no broker. A script's environment has no variable of the machine's but
// PATH.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			return os.MkdirAll(env.WorkDir+"/home", 0o700)
		},
	})
}
