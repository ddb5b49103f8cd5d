package cmd_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// permissionRow is a row of docs/permissions.md: what a command needs.
type permissionRow struct {
	command string
	needs   [4]string // the tag, configure, write, read
}

// nothing is what a cell holds of which the command needs nothing.
func (permissionRow) nothing() [4]string { return [4]string{"", "^$", "^$", "^$"} }

var (
	permissionCells = regexp.MustCompile("(?m)^\\| `(msgctl .*)` \\| (\\w*) ?\\| `(.*)` \\| `(.*)` \\| `(.*)` \\|$")
	permissionFile  = regexp.MustCompile("(?ms)^```yaml\n# (\\S+)\n(.*?)^```$")
)

func permissionRows(text string) (rows []permissionRow) {
	for _, m := range permissionCells.FindAllStringSubmatch(text, -1) {
		r := permissionRow{command: m[1]}
		for i, cell := range m[2:] {
			r.needs[i] = strings.ReplaceAll(cell, `\|`, "|")
		}
		rows = append(rows, r)
	}
	return rows
}

// TestPermissionsOfCommands runs every command of docs/permissions.md as a user who has what its row
// says and nothing else. On one line it also runs it with each of the four taken away, which fails.
func TestPermissionsOfCommands(t *testing.T) {
	t.Parallel()
	text := documentation(t, "docs/permissions.md")
	rows := permissionRows(text)
	if want := strings.Count(text, "\n| `msgctl "); len(rows) != want || want < 20 {
		t.Fatalf("%d rows can be read of %d", len(rows), want)
	}
	lines := rabbittest.Brokers(t)
	newest := lines[len(lines)-1].Line
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		shop := newPermissionShop(t, b, text)
		for _, r := range rows {
			if code, out := shop.run(t, r.command, r.needs); code != 0 {
				t.Errorf("%s with %q: exit code %d\n%s", r.command, r.needs, code, out)
			}
			for i := range r.needs {
				less := r.needs
				less[i] = r.nothing()[i]
				if b.Line != newest || less == r.needs {
					continue
				}
				if code, out := shop.run(t, r.command, less); !isRefused(code, out) {
					t.Errorf("%s is not refused with less, %q: exit code %d\n%s", r.command, less, code, out)
				}
			}
		}
	})
}

var permissionText = regexp.MustCompile(`lacks the (permission|tag)|not permitted`)

// isRefused reports whether a command ended because of a missing permission. Exit code -1 is a
// command that was killed because it took too long.
func isRefused(code int, output string) bool {
	switch code {
	case cmdutil.ExitNotPermitted:
		return true
	case cmdutil.ExitFailed, cmdutil.ExitPartly:
		return permissionText.MatchString(output)
	}
	return false
}

// permissionShop is the vhost of the example, and who is to use it.
type permissionShop struct {
	v       *rabbittest.VHost
	user    rabbittest.User
	ch      *amqp.Channel
	program *cmdtest.Program
	dir     string
}

func newPermissionShop(t *testing.T, b *rabbittest.Broker, text string) *permissionShop {
	v := b.VHost(t)
	t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
	s := &permissionShop{v: v, user: v.AddUser(t), ch: v.Channel(t), dir: t.TempDir()}
	s.program = cmdtest.NewProgram(t, s.user.URL, s.user.API, "VHOST="+v.Name, "NEW_USER=msgctl-test-"+v.Name)
	t.Cleanup(func() { b.Admin().Delete(t, rabbittest.Path("users", "msgctl-test-"+v.Name)) })
	for _, m := range permissionFile.FindAllStringSubmatch(text, -1) {
		if err := os.WriteFile(filepath.Join(s.dir, m[1]), []byte(m[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	everything := [4]string{"administrator", ".*", ".*", ".*"}
	if code, out := s.run(t, "msgctl dlq export orders.dead --archive messages.ndjson", everything); code != 0 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	return s
}

// order is an event of the example.
const order = `{"eventId":"0198c2f1-7b3a-7c55-9d8e-2f6a1b4c5d6e","eventType":"order.created","timestamp":` +
	`"2026-11-29T16:30:42Z","version":1,"payload":{},"metadata":{}}`

// prepare makes what the example declares, with two orders and two dead ones.
func (s *permissionShop) prepare(t *testing.T) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.ch.ExchangeDeclare("shop", "topic", true, false, false, false, nil))
	must(s.ch.ExchangeDeclare("dead", "direct", true, false, false, false, nil))
	for name, args := range map[string]amqp.Table{
		"orders":      {"x-queue-type": "classic", "x-dead-letter-exchange": "dead", "x-dead-letter-routing-key": "orders"},
		"orders.dead": {"x-queue-type": "classic"}} {
		// What the command before returned may still be on its way: a new queue does not get it.
		_, err := s.ch.QueueDelete(name, false, false, false)
		must(err)
		_, err = s.ch.QueueDeclare(name, true, false, false, false, args)
		must(err)
	}
	must(s.ch.QueueBind("orders", "order.#", "shop", false, nil))
	must(s.ch.QueueBind("orders.dead", "orders", "dead", false, nil))
	admin := s.v.Broker.Admin()
	admin.Delete(t, rabbittest.Path("policies", s.v.Name, "limit"))
	admin.Delete(t, rabbittest.Path("users", "msgctl-test-"+s.v.Name))
	for range 4 {
		must(s.ch.PublishWithContext(t.Context(), "shop", "order.created", false, false, amqp.Publishing{Body: []byte(order),
			Type: "order.created", ContentType: "application/json"}))
	}
	s.await(t, "orders", 4)
	for range 2 {
		d, ok, err := s.ch.Get("orders", false)
		must(err)
		if !ok {
			t.Fatal("no message")
		}
		must(d.Reject(false))
	}
	s.await(t, "orders", 2)
	s.await(t, "orders.dead", 2)
}

func (s *permissionShop) await(t *testing.T, queue string, n int) {
	t.Helper()
	have := -1
	for deadline := time.Now().Add(time.Minute); have != n; time.Sleep(5 * time.Millisecond) {
		q, err := s.ch.QueueDeclarePassive(queue, true, false, false, false, nil)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%s has %d messages, want %d: %v", queue, have, n, err)
		}
		have = q.Messages
	}
}

func (s *permissionShop) run(t *testing.T, command string, rights [4]string) (code int, output string) {
	t.Helper()
	s.prepare(t)
	if strings.HasPrefix(command, "msgctl apply") { // has to make everything
		for _, path := range [][]string{{"queues", "orders"}, {"queues", "orders.dead"}, {"exchanges", "shop"},
			{"exchanges", "dead"}} {
			s.v.Broker.Admin().Delete(t, rabbittest.Path(path[0], s.v.Name, path[1]))
		}
	}
	for _, name := range []string{"archive.ndjson", "messages.ndjson.journal"} {
		_ = os.Remove(filepath.Join(s.dir, name)) // most commands write none
	}
	admin := s.v.Broker.Admin()
	admin.Put(t, rabbittest.Path("users", s.user.Login), map[string]string{"password": s.user.Password, "tags": rights[0]})
	admin.Put(t, rabbittest.Path("permissions", s.v.Name, s.user.Login),
		map[string]string{"configure": rights[1], "write": rights[2], "read": rights[3]})
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	var all bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.dir, slices.Clone(s.program.Env), &all, &all
	_ = cmd.Run() // its exit code says it
	return cmd.ProcessState.ExitCode(), all.String()
}
