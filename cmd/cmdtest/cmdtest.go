// Package cmdtest is for tests of msgctl as its users run it: a process of its own against a real
// broker. Main lets a test program be msgctl, Program runs it, Fixture is a vhost with messages
// that the test looks at without msgctl, Endpoint is where a msgctl under way serves metrics.
//
// The tests themselves live beside the command that they are about, in packages of their own:
// `go test` runs those side by side. As a test program is msgctl, `go test -race` runs msgctl, too,
// with the race detector: it ends with the exit code 66 where that finds something.
package cmdtest

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/msgctl/msgctl/cmd"
	"github.com/msgctl/msgctl/cmd/cmdutil"
)

// Version is what the msgctl under test calls itself.
const Version = "1.2.3-test"

// Command is a further program that tests can start.
type Command struct {
	Name string
	Main func()
}

// Main runs the tests of a package, with msgctl and the other commands on the path. TestMain calls
// it.
func Main(m *testing.M, more ...Command) {
	commands := map[string]func(){
		"msgctl": func() {
			build := cmdutil.Build{Version: Version, Commit: "abc", Date: "2026-01-02T03:04:05Z"}
			os.Exit(cmd.Main(build, os.Args[1:])) //nolint:forbidigo // the test program is msgctl here
		},
	}
	for _, c := range more {
		commands[c.Name] = c.Main
	}
	testscript.Main(m, commands)
}

// Repository returns the directory of the module.
func Repository(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no go.mod above the working directory")
		}
	}
}

// Corpus returns the directory of definitions files of unrelated teams, faults included. It is not
// part of the project: without it the test is skipped.
func Corpus(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("MSGCTL_TEST_CORPUS")
	if dir == "" {
		dir = filepath.Join(Repository(t), "..", "shared", "corpus")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("the corpus of real definitions files is not here (%v); MSGCTL_TEST_CORPUS names it", err)
	}
	return dir
}

// WriteFile makes a topology file.
func WriteFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "topology.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// PeakMemory returns how much memory a process has had at most so far, in KiB; 0 where that is not
// known. What the kernel says of a process that has ended would not do: it is never less than the
// memory of the process that started it, which is the test.
func PeakMemory(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	m := highWater.FindSubmatch(text)
	if m == nil {
		return 0
	}
	kib, _ := strconv.Atoi(string(m[1])) // digits
	return kib
}
