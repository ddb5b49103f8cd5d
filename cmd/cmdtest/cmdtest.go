// Package cmdtest runs msgctl in tests as users run it: as a process, against a real broker. Main
// turns a test program into msgctl, and Program runs it. Fixture is a vhost with messages that the
// test inspects without msgctl. Endpoint reads the metrics that a running msgctl serves. The tests
// are next to their command, in packages of their own, because `go test` runs packages in parallel.
// Since the test program is msgctl, `go test -race` runs msgctl with the race detector too: msgctl
// exits with code 66 if it finds a race.
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

// Version is the version that the tested msgctl reports.
const Version = "1.2.3-test"

// Command is another program that tests can start.
type Command struct {
	Name string
	Main func()
}

// Main runs the tests of a package with msgctl and the other commands on the path. Call it from
// TestMain.
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

// Corpus returns the directory of real definitions files from unrelated teams. It is not part of
// the project; without it the test is skipped.
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

// WriteFile writes a topology file to a temporary directory and returns its path.
func WriteFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "topology.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var highWater = regexp.MustCompile(`VmHWM:\s*(\d+) kB`)

// PeakMemory returns the peak memory of a running process in KiB, or 0 if it is unknown. The
// kernel's figure for a finished process does not help: it is never less than the memory of its
// parent, which is the test.
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
