package cmd_test

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd"
	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// hostile holds what a terminal obeys or what turns text around: C0, DEL, C1 and bidi controls.
const hostile = "\x01\a\b\x1b[31m\x7f\u0085\u009b32m\u061c\u200e\u200f\u2028\u202a\u202e\u2066\u2069"

// The secrets of the shop, one for each way in that has a place in files or messages. The password of
// its login is another.
const (
	declaredSecret = "dec1ared-SECRET" // a user's, from a variable
	upstreamSecret = "upstr3am-SECRET" // in a URI that the broker keeps
	headerSecret   = "h3ader-SECRET"   // in a URI that a consumer's error names
)

// mustNotBeWritten reports whether a character may not be written raw in any form of output.
func mustNotBeWritten(r rune) bool {
	switch {
	case r == '\n' || r == '\t': // the layout's own
		return false
	case r < ' ', r >= 0x7f && r < 0xa0:
		return true
	}
	return r == 0x061c || r == 0x200e || r == 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}

// hostileRun is a command line of a command, and what has to happen before each run of it.
type hostileRun struct {
	before func()
	args   []string
	// once: only in the form that is the default, because the command fails or the form is the
	// same.
	once bool
}

// TestNoCommandWritesHostileCharactersOrSecrets runs every command in every form that its flags
// offer on a topology, dead letters and files that are full of hostile characters, and that hold
// secrets. A command or a form that is added has to be here: the test asks the commands for both.
func TestNoCommandWritesHostileCharactersOrSecrets(t *testing.T) {
	if cmdtest.UnderRace {
		t.Skip("it starts some hundred programs, for what they write: the run without the detector has seen it")
	}
	t.Parallel()
	s := newHostileShop(t)
	runs := s.runs()
	for _, c := range leaves(cmd.Reference()) {
		path := strings.TrimPrefix(c.CommandPath(), "msgctl ")
		list, ok := runs[path]
		delete(runs, path)
		if strings.HasPrefix(path, "completion ") {
			continue // prints a program that is the same for everybody
		}
		if !ok || len(list) == 0 {
			t.Errorf("no run of %q is tested", path)
		}
		t.Run(path, func(t *testing.T) {
			s.program.T = t
			for f, form := range formsOf(c) {
				for i, run := range list {
					if run.once && f > 0 {
						continue
					}
					if form != nil && form[0] != "--output" && i < len(list)-1 {
						continue // how progress and logs look depends little on what is done
					}
					s.check(t, path, form, run)
				}
			}
		})
	}
	for path := range runs {
		t.Errorf("%q is no command", path)
	}
}

// leaves returns the commands that do something.
func leaves(c *cobra.Command) (list []*cobra.Command) {
	if c.Runnable() && !c.HasSubCommands() {
		return []*cobra.Command{c}
	}
	for _, sub := range c.Commands() {
		list = append(list, leaves(sub)...)
	}
	return list
}

// formsOf returns the flags that choose each form of a command's output.
func formsOf(c *cobra.Command) (list [][]string) {
	c.Flags().VisitAll(func(f *pflag.Flag) {
		if choice, ok := f.Value.(*cmdutil.OutputFlag); ok && slices.Contains([]string{"output", "log-format"}, f.Name) {
			for _, form := range choice.Offered() {
				if form == "auto" { // is one of the others
					continue
				}
				list = append(list, []string{"--" + f.Name, form})
			}
		}
		if f.Name == "progress" {
			list = append(list, []string{"--progress", "json"})
		}
	})
	if list == nil {
		return [][]string{nil}
	}
	return list
}

// hostileShop is a vhost with hostile names and messages, and files that declare them.
type hostileShop struct {
	v       *rabbittest.VHost
	ch      *amqp.Channel
	program *cmdtest.Program
	dir     string
	archive int
}

func newHostileShop(t *testing.T) *hostileShop {
	b := rabbittest.Any(t)
	v := b.VHost(t, rabbittest.Named("msgctl-"+hostile))
	t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
	user := "msgctl-test-" + hostile + v.Name
	t.Cleanup(func() { b.Admin().Delete(t, rabbittest.Path("users", user)) })
	s := &hostileShop{v: v, ch: v.Channel(t), dir: t.TempDir()}
	s.program = cmdtest.NewProgram(t, v.URL, v.API, "MSGCTL_CONFIG="+s.file("contexts.yaml"),
		"SHOP_PASSWORD="+declaredSecret)
	s.write(t, "topology.yaml", hostileTopology(user, upstreamSecret))
	s.write(t, "changed.yaml", hostileTopology(user, upstreamSecret+"-2"))
	s.write(t, "cycle.yaml", map[string]any{"version": 1, "name": "hostile-cycle", "queues": map[string]any{
		"cycle" + hostile: map[string]any{"arguments": map[string]any{"x-" + hostile: hostile}}}})
	s.write(t, "cycle-changed.yaml", map[string]any{"version": 1, "name": "hostile-cycle", "queues": map[string]any{
		"cycle" + hostile: map[string]any{"maxLength": 5}, "other" + hostile: map[string]any{}}})
	s.write(t, "bad.yaml", map[string]any{"version": 1, "name": hostile, hostile: hostile, "queues": map[string]any{
		"q" + hostile: map[string]any{"typ" + hostile: 1, "type": hostile, "deadLetter": "gone" + hostile,
			"messageTTL": hostile,
			"bindings":   []any{map[string]any{"exchange": "gone" + hostile, "key": hostile}}}}})
	s.write(t, "contexts.yaml", map[string]any{"contexts": map[string]any{"c" + hostile: map[string]any{
		"url": "amqp://h", "vhost": hostile, "file": hostile}}})
	event := map[string]any{"eventId": hostile, "eventType": "order.created", "timestamp": hostile, "version": 1,
		"payload": map[string]any{"x" + hostile: hostile}}
	s.write(t, "event.ndjson", event)
	s.write(t, "payload.json", map[string]any{"x" + hostile: hostile})
	_ = os.WriteFile(s.file("handler.sh"), []byte("cat >/dev/null; cat '"+s.file("complaint")+"' >&2; exit 1\n"), 0o600)
	_ = os.WriteFile(s.file("complaint"), []byte("broken "+hostile+"\n"), 0o600)
	s.program.Run("apply", "--yes", "-f", s.file("topology.yaml")).Want(t, cmdutil.ExitOK)
	if _, err := s.ch.QueueDeclare("vanish"+hostile, true, false, false, false, amqp.Table{
		"x-dead-letter-exchange": "gone" + hostile}); err != nil {
		t.Fatal(err)
	}
	s.fill(t)
	s.program.Run("dlq", "export", "dead"+hostile, "--archive", s.file("messages.ndjson")).Want(t, cmdutil.ExitOK)
	return s
}

// hostileTopology has a hostile name, argument and text wherever the file takes one.
func hostileTopology(user, upstreamPassword string) map[string]any {
	type m = map[string]any
	pattern := strings.ReplaceAll(hostile, "[", `\[`)
	event := m{"exchange": "x" + hostile, "key": "k" + hostile, "description": "d" + hostile,
		"schema": m{"type": "object", "title": hostile, "description": hostile, "properties": m{
			"x" + hostile: m{"type": "string", "description": hostile, "enum": []any{hostile, "other"}}}},
		"examples": []any{m{"x" + hostile: hostile}}}
	return m{
		"version": 1, "name": "hostile" + hostile,
		"exchanges": m{"x" + hostile: m{"type": "topic", "arguments": m{"x-" + hostile: hostile}},
			"h" + hostile: m{"type": "headers"}, "dlx" + hostile: m{"type": "fanout"}},
		"queues": m{
			"q" + hostile: m{"type": "classic", "arguments": m{"x-" + hostile: hostile}, "bindings": []any{
				m{"exchange": "x" + hostile, "key": "k" + hostile},
				m{"exchange": "h" + hostile, "arguments": m{"x-match": "any", "a" + hostile: hostile}}},
				"deadLetter": m{"exchange": "dlx" + hostile}},
			"dead" + hostile: m{"type": "classic", "bindings": []any{m{"exchange": "dlx" + hostile}}},
			"lost" + hostile: m{"type": "classic"},
			"s" + hostile:    m{"type": "stream", "bindings": []any{m{"exchange": "dlx" + hostile}}},
		},
		"policies": m{"p" + hostile: m{"pattern": "^none" + pattern, "applyTo": "queues",
			"definition": m{"max-length": 100}}},
		"operatorPolicies": m{"o" + hostile: m{"pattern": "^none" + pattern, "applyTo": "queues",
			"definition": m{"max-length": 100}}},
		"users": m{user: m{"password": "${SHOP_PASSWORD}", "tags": []any{"t" + hostile}}},
		"parameters": m{"federation-upstream": m{"up" + hostile: m{
			"uri": "amqp://fu:" + upstreamPassword + "@remote.example"}}},
		"permissions":      m{user: m{"configure": pattern, "write": pattern, "read": pattern}},
		"topicPermissions": m{user: m{"x" + hostile: m{"write": pattern, "read": pattern}}},
		"events":           m{"order.created": event, "e" + hostile: event},
		"tests": []any{
			m{"name": "t" + hostile, "publish": m{"exchange": "x" + hostile, "key": "k" + hostile},
				"expect": []any{"q" + hostile}},
			m{"name": "fails" + hostile, "publish": m{"exchange": "x" + hostile, "key": "k" + hostile},
				"expect": []any{"dead" + hostile}},
		},
	}
}

func (s *hostileShop) file(name string) string { return filepath.Join(s.dir, name) }

// write writes a document without hostile characters of its own: JSON escapes them.
func (s *hostileShop) write(t *testing.T, name string, doc any) {
	t.Helper()
	text, err := jsonline.Append(nil, doc)
	if err == nil {
		err = os.WriteFile(s.file(name), append(text, '\n'), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// fill gives the queue and the dead-letter queue messages with hostile properties, headers and
// bodies.
func (s *hostileShop) fill(t testing.TB) {
	t.Helper()
	const h = hostile
	died := amqp.Table{"x-death": []any{amqp.Table{"count": int64(1), "reason": "rejected" + h, "queue": "q" + h,
		"exchange": "x" + h, "routing-keys": []any{"k" + h}}}, "x-exception-type": h,
		"x-exception-message": "no answer from amqp://app:" + headerSecret + "@db " + h,
		"h" + h:               h, "t" + h: amqp.Table{"n" + h: []any{h, []byte(h)}}, "x-first-death-queue": "q" + h,
		"x-first-death-exchange": "x" + h, "x-first-death-reason": "rejected" + h}
	event := `{"eventId":"` + h[10:] + `","eventType":"order.created` + h[10:] + `","payload":{"` + h[10:] + `":1}}`
	for _, queue := range []string{"q" + h, "dead" + h, "s" + h} {
		for i, body := range []string{h + "\r" + h, event, base64.StdEncoding.EncodeToString([]byte(h)), "\x00\x01" + h} {
			p := amqp.Publishing{MessageId: fmt.Sprint(i, h), Type: "order.created", CorrelationId: h, ReplyTo: h, AppId: h,
				ContentType: []string{h, "application/json", "text/plain",
					h}[i], DeliveryMode: 2, Headers: died, Body: []byte(body)}
			if i == 1 {
				p.Type = "e" + h
			}
			if err := s.ch.PublishWithContext(t.Context(), "", queue, true, false, p); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// runs are the command lines of every command.
func (s *hostileShop) runs() map[string][]hostileRun {
	const h = hostile
	topology, bad := s.file("topology.yaml"), s.file("bad.yaml")
	with := func(args ...string) hostileRun { return hostileRun{args: args} }
	once := func(args ...string) hostileRun { return hostileRun{args: args, once: true} }
	files := func(more ...string) []hostileRun {
		return []hostileRun{with(append([]string{"-f", topology}, more...)...), with(append([]string{"-f", bad}, more...)...)}
	}
	list := map[string][]hostileRun{
		"alerts":    append(files(), with("-f", topology, "--source", "rabbitmq")),
		"dashboard": {with()},
		"graph":     append(files(), with("--live")),
		"lint":      append(files("--fail-on", "never"), once("-f", topology, "--live")),
		"route": {with("-f", topology, "--exchange", "x"+h, "--key", "k"+h, "--reject", "q"+h, "--header", h+"="+h),
			with("-f", topology, "--exchange", "gone"+h, "--key", h), with("-f", topology, "e"+h),
			with("--live", "--exchange", "x"+h, "--key", "k"+h)},
		"test":     append(files("--coverage"), once("-f", topology, "--live"), once("-f", topology, "--run", "("+h)),
		"validate": append(files(), once("-f", "gone"+h)),
		"export":   {with(), with("--users"), with("--secrets", "mask"), once("gone" + h)},
		"plan": append(files("--prune"), with("-f", s.file("cycle-changed.yaml")),
			with("-f", s.file("changed.yaml")), once("-f", topology, "--url", "amqp://gone:"+declaredSecret+"-3@127.0.0.1:1")),
		"apply": {{before: s.destroyed("cycle.yaml"), args: []string{"-f", s.file("cycle.yaml"), "--yes"}},
			{before: s.applied("cycle.yaml"), args: []string{"-f", s.file("cycle-changed.yaml"), "--yes"}},
			{before: s.applied("cycle.yaml"), args: []string{"-f", s.file("cycle-changed.yaml"), "--yes", "--replace=empty"}},
		},
		"destroy": {{before: s.applied("cycle.yaml"), args: []string{"-f", s.file("cycle.yaml"), "--yes"}},
			with("-f", topology, "--yes")}, // is refused: it has messages
		"consume": {
			once("gone"+h, "--print"),
			{before: s.refill, args: []string{"q" + h, "--print", "--limit", "4"}},
			{before: s.refill, args: []string{"q" + h, "-f", topology, "--exec", "sh " + s.file("handler.sh"), "--limit", "4"}},
		},
		"events ls":       files(),
		"events show":     append(files("order.created"), with("-f", topology, "e"+h), once("-f", topology, "gone"+h)),
		"events sample":   append(files("order.created"), once("-f", topology, "e"+h, "--generate")),
		"events validate": append(files(s.file("event.ndjson")), files(s.file("payload.json"), "--type", "order.created")...),
		"events diff": {with(topology, s.file("cycle.yaml")), with(s.file("cycle.yaml"), topology),
			once(topology, bad)},
		"publish": {
			with("-f", topology, "order.created", "--data", "@"+s.file("payload.json"), "--dry-run"),
			with("-f", topology, "order.created", "--data", "@"+s.file("payload.json")),
			once("-f", topology, "gone"+h, "--data", "{}"), with("-f", topology, "e"+h, "--sample"),
			once("-f", topology, "order.created", "--data", `{"x`+h+`":"`+h+`"}`),
			with("--exchange", "x"+h, "--key", "unroutable"+h, "--data", h, "--header", h+"="+h),
			once("--exchange", "gone"+h, "--key", h, "--data", h),
			with("-f", topology, "order.created", "--ndjson", s.file("event.ndjson"), "--journal", "none"),
			with("-f", topology, "order.created", "--ndjson", s.file("event.ndjson"), "--dry-run"),
		},
		"tail": {{before: s.refill, args: []string{"--queue", "dead" + h, "--limit", "1"}},
			with("--queue", "dead"+h, "--limit", "4", "--full"),
			with("--stream", "s"+h, "--from", "first", "--limit", "4", "--full"),
			with("-f", topology, "--stream", "s"+h, "--from", "first", "--limit", "4"),
			once("--stream", "s"+h, "--from", "first", "--limit", "4", "--jq", "."), once("--exchange", "gone"+h)},
		"status": {with("--vhost", s.v.Name, "--fail-on", "never")},
		"doctor": {with("--vhost", s.v.Name, "--fail-on", "never"),
			with("-f", topology, "--vhost", s.v.Name, "--fail-on", "never")},
		"exporter": {once("--once", "--vhost", "gone"+h), with("-f", topology, "--once")},
		"version":  {with()},
	}
	s.addContexts(list)
	s.addDeadLetters(list)
	s.addMigrations(list)
	return list
}

func (s *hostileShop) addMigrations(list map[string][]hostileRun) {
	const h = hostile
	declare := func() {
		if _, err := s.ch.QueueDeclare("converted"+h, true, false, false, false, nil); err != nil {
			s.program.T.Fatal(err)
		}
	}
	list["queue convert"] = []hostileRun{
		{before: declare, args: []string{"converted" + h, "--to", "quorum", "--yes", "--allow-gap"}, once: true},
		{args: []string{"gone" + h, "--to", "quorum", "--yes"}, once: true},
		{args: []string{"s" + h, "--to", "quorum", "--yes"}, once: true},
		{args: []string{"q" + h, "--to", "quorum", "--dry-run"}}}
	list["queue rename"] = []hostileRun{{args: []string{"gone" + h, "new" + h, "--yes"}, once: true},
		{args: []string{"q" + h, "new" + h, "--dry-run"}}}
	list["queue jobs ls"] = []hostileRun{{}}
	for _, command := range []string{"show", "resume", "abort"} {
		list["queue jobs "+command] = []hostileRun{{args: []string{"gone" + h}}}
	}
}

func (s *hostileShop) addContexts(list map[string][]hostileRun) {
	const h = hostile
	list["context ls"] = []hostileRun{{}}
	list["context show"] = []hostileRun{{args: []string{"--context", "c" + h}},
		{args: []string{"--context", "gone" + h}, once: true}}
	list["context use"] = []hostileRun{{args: []string{"gone" + h}, once: true}, {args: []string{"c" + h}}}
	list["context add"] = []hostileRun{{args: []string{"n" + h, "--url", "amqp://u" + h + "@h/v" + h}, once: true},
		{args: []string{"n", "--url", "amqp://h/v", "--vhost", h, "--replace"}}}
	list["context rm"] = []hostileRun{{args: []string{"gone" + h}, once: true}, {args: []string{"n"}}}
}

func (s *hostileShop) addDeadLetters(list map[string][]hostileRun) {
	const h = hostile
	with := func(args ...string) hostileRun { return hostileRun{args: args} }
	once := func(args ...string) hostileRun { return hostileRun{args: args, once: true} }
	drained := func(args ...string) hostileRun { return hostileRun{before: s.refill, args: args} }
	dead := "dead" + h
	list["dlq ls"] = []hostileRun{with()}
	list["dlq inspect"] = []hostileRun{with(dead), with(dead, "--full"), once(dead, "--jq", "."),
		with(dead, "-g", "reason,queue,error"),
		with(dead, "-g", "type,headers.h"), once("gone" + h), once(dead, "--where", "("+h), once(dead, "--jq", h)}
	list["dlq replay"] = []hostileRun{with(dead, "--dry-run"), with(dead, "--dry-run", "--to", "origin"),
		with(dead, "--dry-run", "--limit", "2", "--jq", ".body = 1"), once(dead, "--to", "queue:gone"+h),
		drained(dead, "--yes"), drained(dead, "--yes", "--to", "origin")}
	list["dlq move"] = []hostileRun{with(dead, "--to", "queue:lost"+h, "--dry-run"),
		drained(dead, "--to", "queue:lost"+h, "--yes"),
		drained(dead, "--to", "exchange:x"+h+"/nowhere"+h, "--yes")}
	list["dlq purge"] = []hostileRun{with(dead, "--dry-run"), drained("q"+h, "--yes")}
	list["dlq export"] = []hostileRun{with(dead), {args: []string{dead, "--archive", "*"}}}
	list["dlq import"] = []hostileRun{with(s.file("messages.ndjson"), "--to", "queue:q"+h, "--yes"),
		once(s.file("messages.ndjson"), "--to", "queue:gone"+h, "--yes")}
}

func (s *hostileShop) applied(file string) func() {
	return func() { s.program.Run("apply", "--yes", "--replace=empty", "-f", s.file(file)) }
}

func (s *hostileShop) destroyed(file string) func() {
	return func() { s.program.Run("destroy", "--yes", "-f", s.file(file)) }
}

// refill gives the queues their messages back.
func (s *hostileShop) refill() {
	t := s.program.T
	for _, queue := range []string{"q" + hostile, "dead" + hostile, "lost" + hostile} {
		if _, err := s.ch.QueuePurge(queue, false); err != nil {
			t.Fatal(err)
		}
	}
	s.fill(t)
}

func (s *hostileShop) check(t *testing.T, path string, form []string, run hostileRun) {
	t.Helper()
	if run.before != nil {
		run.before()
	}
	args := slices.Concat(strings.Fields(path), run.args, form)
	for i, a := range args {
		if a == "*" { // a new file for each run
			s.archive++
			args[i] = s.file(fmt.Sprint("archive", s.archive))
		}
	}
	r := s.program.Run(args...)
	if r.Code == cmdutil.ExitUsage && !run.once {
		t.Errorf("msgctl %q is used wrongly: %q", args, r.Stderr)
	}
	for name, text := range map[string]string{"stdout": r.Stdout, "stderr": r.Stderr} {
		for _, secret := range []string{s.v.Password, declaredSecret, upstreamSecret, headerSecret} {
			if at := strings.Index(text, secret); at >= 0 && (name == "stderr" || !mayWrite(path, args, secret)) {
				t.Errorf("msgctl %q writes a secret on %s: %q", args, name,
					text[max(0, at-100):min(len(text), at+len(secret)+20)])
			}
		}
		if !utf8.ValidString(text) {
			t.Errorf("msgctl %q writes %q on %s", args, text, name)
		}
		if i := strings.IndexFunc(text, mustNotBeWritten); i >= 0 {
			t.Errorf("msgctl %q writes %q on %s: %q", args, text[i:min(len(text), i+4)], name,
				text[max(0, i-100):min(len(text), i+60)])
		}
	}
}

// mayWrite reports whether a command writes a secret on stdout because that is what it is for: an
// export that is to be imported, with a warning, and what shows messages as they are.
func mayWrite(path string, args []string, secret string) bool {
	switch path {
	case "export":
		return secret == upstreamSecret && !slices.Contains(args, "mask")
	case "consume", "dlq export", "dlq inspect", "tail":
		return secret == headerSecret
	}
	return false
}
