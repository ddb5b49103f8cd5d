//go:build unix

package node_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// helperEnv makes the test binary act as a parent process that starts a node and waits to be
// killed.
const helperEnv = "MSGCTL_NODE_HELPER"

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		helper()
	}
	os.Exit(m.Run())
}

// helper keeps only the URL of its node. Its guard removes the node when the helper ends, and not
// when the garbage collector has run.
func helper() {
	raw, err := startForgotten()
	if err != nil {
		os.Stdout.WriteString("error " + strings.ReplaceAll(err.Error(), "\n", " ") + "\n")
		os.Exit(1)
	}
	for range 3 {
		runtime.GC()
		time.Sleep(200 * time.Millisecond)
	}
	os.Stdout.WriteString("url " + raw + "\n")
	select {}
}

func startForgotten() (string, error) {
	n, err := node.Start(context.Background(), node.Options{})
	if err != nil {
		return "", err
	}
	return n.URL, nil
}

func start(t *testing.T) *node.Node {
	t.Helper()
	if _, err := node.Installed(""); errors.Is(err, node.ErrNotInstalled) {
		t.Skip("no rabbitmq-server on this machine to start a private node with")
	}
	n, err := node.Start(t.Context(), node.Options{Config: []string{"channel_max = 77"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	return n
}

func declare(t *testing.T, n *node.Node) {
	t.Helper()
	conn, err := amqp.Dial(n.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if conn.Config.ChannelMax != 77 {
		t.Errorf("channel_max is %d: Options.Config did not reach the node", conn.Config.ChannelMax)
	}
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ch.QueueDeclare("kept", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	sent, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "", "kept", true, false,
		amqp.Publishing{DeliveryMode: amqp.Persistent, Body: []byte("still here")})
	if err != nil || !sent.Wait() {
		t.Fatalf("publish: %v", err)
	}
}

func stillThere(t *testing.T, n *node.Node) {
	t.Helper()
	conn, err := amqp.Dial(n.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	q, err := ch.QueueDeclarePassive("kept", true, false, false, false, nil)
	if err != nil || q.Messages != 1 {
		t.Fatalf("after the restart: %d messages, %v; want 1", q.Messages, err)
	}
}

func refused(t *testing.T, raw string) {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	if conn, err := net.DialTimeout("tcp", u.Host, time.Second); err == nil {
		_ = conn.Close()
		t.Errorf("%s still listens", u.Host)
	}
}

// TestLife takes one node through all states, because starting a node takes seconds.
func TestLife(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	n := start(t)
	if len(traces(t)) == 0 {
		t.Fatal("a running node has no trace: this test cannot see one")
	}
	t.Run("freeze", func(t *testing.T) { freezeStallsAndThawResumes(t, n) })
	t.Run("find", func(t *testing.T) { findUsesTheBrokerOfTheEnvironment(t, n) })
	t.Run("restart", func(t *testing.T) { restartKeepsMessages(t, n) })
	t.Run("close", func(t *testing.T) { closeLeavesNothing(t, n) })
}

func restartKeepsMessages(t *testing.T, n *node.Node) {
	t.Helper()
	if !n.Private || n.Line() == n.Version || n.Line() == "" {
		t.Errorf("private %v, version %q, line %q", n.Private, n.Version, n.Line())
	}
	if out, err := n.Ctl(t.Context(), "list_vhosts"); err != nil || !strings.Contains(out, "/") {
		t.Errorf("rabbitmqctl list_vhosts: %q, %v", out, err)
	}
	if _, err := n.Ctl(t.Context(), "no_such_command"); err == nil {
		t.Error("an unknown rabbitmqctl command succeeded")
	}
	declare(t, n)
	for _, how := range []struct {
		name string
		end  func() error
	}{
		{"stop", func() error { return n.Stop(t.Context()) }},
		{"freeze and kill", func() error { return errors.Join(n.Freeze(), n.Kill()) }},
	} {
		if err := how.end(); err != nil {
			t.Fatalf("%s: %v", how.name, err)
		}
		refused(t, n.URL)
		refused(t, n.API)
		if err := n.Restart(t.Context()); err != nil {
			t.Fatalf("restart after %s: %v", how.name, err)
		}
		stillThere(t, n)
	}
}

func freezeStallsAndThawResumes(t *testing.T, n *node.Node) {
	t.Helper()
	if err := n.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	if err := n.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a frozen node: %v; want a deadline", err)
	}
	if err := n.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := n.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

func closeLeavesNothing(t *testing.T, n *node.Node) {
	t.Helper()
	if err := n.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, n.URL)
	if left := traces(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if err := n.Close(); err != nil {
		t.Errorf("a second close: %v", err)
	}
	if err := n.Restart(t.Context()); err == nil {
		t.Error("a closed node was started again")
	}
}

func TestBadConfigIsReported(t *testing.T) {
	if _, err := node.Installed(""); err != nil {
		t.Skip("no rabbitmq-server on this machine to start a private node with")
	}
	_, err := node.Start(t.Context(), node.Options{Config: []string{"no_such_setting = 1"}})
	if err == nil || !strings.Contains(err.Error(), "no_such_setting") {
		t.Errorf("the error does not name the bad setting: %v", err)
	}
}

// A parent that is killed cannot clean up, so its guard must. Ctrl-C ends its whole process group,
// of which the guard is no part.
func TestParentDeath(t *testing.T) {
	if _, err := node.Installed(""); err != nil {
		t.Skip("no rabbitmq-server on this machine to start a private node with")
	}
	tmp := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"=1", "TMPDIR="+tmp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	raw, ok := strings.CutPrefix(strings.TrimSpace(line), "url ")
	if !ok {
		t.Fatalf("the parent said %q", line)
	}
	if conn, err := amqp.Dial(raw); err != nil {
		t.Errorf("the node went away with its variable: %v", err)
	} else {
		_ = conn.Close()
	}
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	gone := func() bool { left, _ := filepath.Glob(tmp + "/*"); return len(left) == 0 && len(ownedBy(t, tmp)) == 0 }
	for deadline := time.Now().Add(time.Minute); !gone() && time.Now().Before(deadline); {
		time.Sleep(50 * time.Millisecond)
	}
	if left, _ := filepath.Glob(tmp + "/*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if left := ownedBy(t, tmp); len(left) > 0 {
		t.Errorf("processes left behind: %v", left)
	}
	refused(t, raw)
}

func traces(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "msgctl-node-*"))
	if err != nil {
		t.Fatal(err)
	}
	return dirs
}

// ownedBy lists the processes whose environment contains dir. It finds none on systems other than
// Linux.
func ownedBy(t *testing.T, dir string) []string {
	t.Helper()
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []string
	for _, f := range files {
		if env, err := os.ReadFile(f); err == nil && strings.Contains(string(env), "HOME="+dir) {
			found = append(found, f)
		}
	}
	return found
}

func findUsesTheBrokerOfTheEnvironment(t *testing.T, n *node.Node) {
	t.Helper()
	t.Setenv("MSGCTL_URL", n.URL)
	t.Setenv("MSGCTL_API", n.API+"/")
	found, err := node.Find(t.Context(), node.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if found.Private || found.API != n.API || found.Version != n.Version {
		t.Errorf("found %+v; want the node of MSGCTL_URL", found)
	}
	if err := found.Kill(); !errors.Is(err, node.ErrNotOurs) {
		t.Errorf("kill a foreign broker: %v; want ErrNotOurs", err)
	}
	if err := found.Close(); err != nil {
		t.Error(err)
	}
	if err := n.Wait(t.Context()); err != nil {
		t.Errorf("closing a foreign broker broke it: %v", err)
	}
}

func TestFindRefusesNonsense(t *testing.T) {
	for _, c := range []struct{ name, url, api string }{
		{"scheme", "http://localhost:5672", ""},
		{"no host", "amqp://", ""},
		{"no URL", "::", ""},
		{"API scheme", "amqp://localhost", "amqp://localhost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("MSGCTL_URL", c.url)
			t.Setenv("MSGCTL_API", c.api)
			if _, err := node.Find(t.Context(), node.Options{}); err == nil || !strings.Contains(err.Error(), "must look like") {
				t.Errorf("got %v; want an error that shows the right form", err)
			}
		})
	}
}
