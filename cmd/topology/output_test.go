package topology

import (
	"fmt"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	picture "github.com/msgctl/msgctl/internal/render/graph"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

// offlineFiles are what the commands that need no broker are tried on.
func offlineFiles() map[string]string {
	var many strings.Builder
	many.WriteString("version: 1\nexchanges: { x: { type: topic } }\nqueues:\n")
	for i := range picture.MermaidEdges + 1 {
		fmt.Fprintf(&many, "  q%d: { bindings: [{ exchange: x, key: a }] }\n", i)
	}
	return map[string]string{
		"topology.yaml": routed, "many.yaml": many.String(), "broken.yaml": "version: [\n",
		"wrong.yaml":    "version: 1\nqueues: { work: { typ: classic } }\n",
		"untested.yaml": "version: 1\nqueues: { alone: {} }\n",
		"event.yaml":    "version: 1\nexchanges: { x: { type: topic } }\nevents: { done: { exchange: x, key: a } }\n",
		"limit.yaml": "version: 1\nqueues: { q: { type: quorum, deadLetter: dead }, dead: {} }\n" +
			"tests: [{ name: ends, publish: { exchange: \"\", key: q }, exhaust: q, expect: [dead] }]\n",
		"ignored.yaml": strings.Replace(routed, "  work:", "  # msgctl:ignore dead-letter-unroutable on purpose\n  work:", 1),
		"warn.yaml":    "version: 1\nqueues: { q: { maxLength: 5 } }\n",
		"config.yaml":  "lint: { failOn: warning, broker: \"3.10\" }\n",
	}
}

// TestOutputAndExitCode: what goes to stdout, what goes to stderr, and the exit code. Where nothing is
// to be on stderr, nothing may be.
func TestOutputAndExitCode(t *testing.T) {
	for _, c := range []struct {
		args           string
		code           int
		stdout, stderr string
	}{
		{"validate", 0, "Valid: ", ""},
		{"validate -f untested.yaml", 0, "1 queue", ""},
		{"validate -f wrong.yaml", cmdutil.ExitFailed, "Not valid: 1 error", ""},
		{"validate -f wrong.yaml -o json", cmdutil.ExitFailed, `"valid": false`, ""},

		{"test", cmdutil.ExitPending, "fails", ""},
		{"test -o junit", cmdutil.ExitPending, "<testsuite ", ""},
		{"test -o json", cmdutil.ExitPending, `"failed": 1`, ""},
		{"test -f untested.yaml", cmdutil.ExitFailed, "", "no tests"},
		{"test -f limit.yaml", 0, "ends", ""},
		{"test -f limit.yaml --broker 3.10", cmdutil.ExitPending, "ends", ""},

		{"lint", cmdutil.ExitPending, "dead-letter-unroutable", ""},
		{"lint -f warn.yaml", 0, "1 warning", ""},
		{"lint -f warn.yaml --fail-on warning", cmdutil.ExitPending, "1 warning", ""},
		{"lint -f ignored.yaml", 0, "objects", ""},
		{"lint -f warn.yaml --config config.yaml", cmdutil.ExitPending, "1 warning", ""},
		{"lint -f warn.yaml --config config.yaml -o json", cmdutil.ExitPending, `"3.10"`, ""},
		{"lint --rules", 0, "RULE", ""},
		{"lint -o sarif", cmdutil.ExitPending, `"$schema"`, ""},
		{"lint -o github", cmdutil.ExitPending, "::error file=topology.yaml", ""},

		{"graph", 0, "stroke:#c62828\n", ""}, // the line of the dead letters that are lost
		{"graph -o json", 0, "its dead letters reach no queue", ""},
		{"graph -o svg", 0, "<svg ", ""},
		{"graph -o html", 0, "<!doctype html>", ""},
		{"graph -f event.yaml", 0, `"done<br/>`, ""},
		{"graph -f broken.yaml", cmdutil.ExitFailed, "", "not YAML"},
		{"graph -f wrong.yaml", 0, `"work<br/>`, ""},
		{"graph -f many.yaml", 0, "flowchart", "are drawn as 2 nodes"},
		{"graph -f many.yaml --all", cmdutil.ExitFailed, "", "Mermaid draws at most 500 edges"},
	} {
		got := runIn(t, &fake{Broker: topologytest.NewBroker("/")}, offlineFiles(), strings.Fields(c.args)...)
		got.check(t, c.args, c.code, c.stdout, c.stderr)
	}
}

// check compares a run with what is wanted: an exit code, a part of stdout, and one of stderr.
func (i invocation) check(t *testing.T, args string, code int, stdout, stderr string) {
	t.Helper()
	if i.code != code || !strings.Contains(i.stdout, stdout) || !strings.Contains(i.stderr, stderr) ||
		stdout == "" && i.stdout != "" || stderr == "" && i.stderr != "" {
		t.Errorf("%s: exit code %d, want %d\nstdout, which should have %q:\n%s\nstderr, which should have %q:\n%s", args,
			i.code, code, stdout, i.stdout, stderr, i.stderr)
	}
}

// TestWhatABrokerShows: export and graph of a broker, what they leave out, and what they say of it.
func TestWhatABrokerShows(t *testing.T) {
	broker := func() *topologytest.Broker {
		there := topologytest.Queue("there")
		b := topologytest.BrokerWith(there, topologytest.Queue("amq.gen-x"), &topology.Parameter{VHost: "/",
			Component: "shovel", Name: "s", Value: map[string]any{"src-uri": "amqp://u:hidden@h", "src-queue": "there",
				"dest-uri": "amqp://", "dest-queue": "there"}})
		b.Status[there.Ref()] = topology.QueueStatus{Known: true, Messages: 4321}
		return b
	}
	for _, c := range []struct {
		args           string
		gaps           func(*topology.Live)
		code           int
		stdout, stderr string
		not            string // in neither
	}{
		{"export", nil, 0, "there", "replaced by the variable", "hidden"},
		{"export", nil, 0, "there", "amq.gen-x\" in vhost \"/\" is not exported", "  amq.gen-x"},
		{"export --secrets mask", nil, 0, "amqp://u:***", "amq.gen-x", "replaced by"},
		{"export -o json", nil, 0, `"there"`, "amq.gen-x", "hidden"},
		{"export -o definitions", nil, 0, "hidden", "hold the credentials of", "\x00"},
		{"export", func(l *topology.Live) { l.MissingVHosts = []string{"/"} }, cmdutil.ExitFailed, "", "does not exist",
			"there"},
		{"export --all", func(l *topology.Live) { l.ClosedVHosts = []string{"shut"} }, cmdutil.ExitNotPermitted, "", "shut",
			"there"},
		{"export", func(l *topology.Live) {
			l.Unreadable = map[topology.Kind]string{topology.KindUser: "no administrator"}
		}, 0, "there", "no user is exported: no administrator", "hidden"},
		{"graph --live", nil, 0, "4,321", "", "\x00"},
	} {
		got := runIn(t, &fake{Broker: broker(), gaps: c.gaps}, nil, strings.Fields(c.args)...)
		got.check(t, c.args, c.code, c.stdout, c.stderr)
		if strings.Contains(got.stdout+got.stderr, c.not) {
			t.Errorf("%s: has %q\n%s%s", c.args, c.not, got.stdout, got.stderr)
		}
	}
}
