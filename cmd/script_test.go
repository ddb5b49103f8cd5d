package cmd_test

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/msgctl/msgctl/cmd/cmdtest"
)

func TestMain(m *testing.M) { cmdtest.Main(m) }

// TestScript runs what needs no broker. A script's environment has no variable of the machine's but
// PATH.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                "testdata/script",
		RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("HOME", env.WorkDir+"/home")
			env.Setenv("GORACE", os.Getenv("GORACE"))
			return os.MkdirAll(env.WorkDir+"/home", 0o700)
		},
	})
}
