package cmd_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/msgctl/msgctl/cmd"
	"github.com/msgctl/msgctl/cmd/cmdtest"
)

var (
	permissionOffline = regexp.MustCompile(
		`## Without a broker\n\n([^.]*) connect to nothing,\s+unless .--live. says so\.`)
	permissionTagged = regexp.MustCompile(`\n\n([^.]*) and everything with .--live.\s+need a user with a management tag`)
	codeSpan         = regexp.MustCompile("`([^`]+)`")
)

// named returns the commands that a sentence of docs/permissions.md names.
func named(t *testing.T, sentence *regexp.Regexp) (names []string) {
	t.Helper()
	m := sentence.FindStringSubmatch(documentation(t, "docs/permissions.md"))
	if m == nil {
		t.Fatalf("there is no sentence like %s", sentence)
	}
	for _, span := range codeSpan.FindAllStringSubmatch(m[1], -1) {
		names = append(names, span[1])
	}
	return names
}

// TestCommandsWithoutABroker runs every command that connects to nothing, where the addresses are
// those of a listener.
func TestCommandsWithoutABroker(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	var connected atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connected.Add(1)
			_ = c.Close()
		}
	}()
	dir := t.TempDir()
	for _, m := range permissionFile.FindAllStringSubmatch(documentation(t, "docs/permissions.md"), -1) {
		if err := os.WriteFile(filepath.Join(dir, m[1]), []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := cmdtest.NewProgram(t, "amqp://guest:guest@"+l.Addr().String(), "http://guest:guest@"+l.Addr().String())
	run := func(line string) (string, error) {
		c := exec.CommandContext(t.Context(), "sh", "-c", "msgctl "+line)
		c.Dir, c.Env = dir, program.Env
		out, err := c.CombinedOutput()
		return string(out), err
	}
	rest := map[string]string{"lint": " --fail-on never", "route": " --exchange shop --key order.created",
		"events": " ls", "context": " ls", "completion": " bash"}
	for _, name := range named(t, permissionOffline) {
		if out, err := run(name + rest[name]); err != nil || connected.Load() > 0 {
			t.Errorf("msgctl %s%s: %v, %d connections\n%s", name, rest[name], err, connected.Swap(0), out)
		}
	}
	if out, err := run("plan"); err == nil || connected.Load() == 0 {
		t.Errorf("msgctl plan does not connect: the listener shows nothing\n%s", out)
	}
}

// TestCommandsThatNeedATag compares the sentence about commands that need a management tag with the
// rows, which TestPermissionsOfCommands runs with the tag and without.
func TestCommandsThatNeedATag(t *testing.T) {
	t.Parallel()
	rows := permissionRows(documentation(t, "docs/permissions.md"))
	names := named(t, permissionTagged)
	isTagged := func(command string) bool {
		words := strings.Fields(command)
		return slices.Contains(words, "--live") || slices.ContainsFunc(names, func(name string) bool {
			return !slices.ContainsFunc(strings.Fields(name), func(w string) bool { return !slices.Contains(words, w) })
		})
	}
	for _, r := range rows {
		if needs := r.needs[0] != ""; needs != (isTagged(r.command) && !strings.Contains(r.command, "--no-api")) {
			t.Errorf("%s has the tag %q in its row, and the sentence says %v", r.command, r.needs[0], !needs)
		}
	}
	hasRow := func(prefix, flag string) bool {
		return slices.ContainsFunc(rows, func(r permissionRow) bool {
			return strings.HasPrefix(r.command+" ", prefix+" ") && strings.Contains(r.command, flag)
		})
	}
	for _, name := range names {
		command, flag, _ := strings.Cut(name, " ")
		if !hasRow("msgctl "+command, flag) {
			t.Errorf("%s has no row", name)
		}
	}
	for _, c := range leaves(cmd.Reference()) {
		switch path := c.CommandPath(); {
		case strings.HasPrefix(path, "msgctl dlq ") && !hasRow(path, ""):
			t.Errorf("%s has no row", path)
		case c.Flags().Lookup("live") != nil && !hasRow(path, "--live"):
			t.Errorf("%s --live has no row", path)
		}
	}
}
