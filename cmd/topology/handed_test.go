package topology

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/topologytest"
)

const oneQueue = "version: 1\nname: t\nqueues: { work: { type: classic } }\n"

// owned is a broker with the queues work and old, both of which the topology t applied once.
func owned(messages int64) *topologytest.Broker {
	work, old := topologytest.Queue("work"), topologytest.Queue("old")
	b := topologytest.NewBroker("/").Owns("t@/", work, old)
	for _, q := range []*topology.Queue{work, old} {
		b.Objects[q.Ref()] = q
		b.Status[q.Ref()] = topology.QueueStatus{Known: true, Messages: messages}
	}
	return b
}

// foreign is a broker with the queue work, which the topology old applied once.
func foreign() *topologytest.Broker {
	work := topologytest.Queue("work")
	return topologytest.BrokerWith(work).Owns("old@/", work)
}

// ownedUser is a broker on which the topology t owns a user, too.
func ownedUser() *topologytest.Broker {
	work, user := topologytest.Queue("work"), &topology.User{Name: "somebody"}
	return topologytest.BrokerWith(work, user).Owns("t@/", work, user)
}

// other is a broker on which work has another argument.
func other() *topologytest.Broker {
	return topologytest.BrokerWith(topologytest.Queue("work", "x-max-length", int64(5)))
}

// TestChangesAreThoseOfTheFlags: what plan, apply and destroy decide by their flags. A case has the
// writes that reach the broker, and a word of what is printed.
func TestChangesAreThoseOfTheFlags(t *testing.T) {
	for _, c := range []struct {
		args   string
		broker *topologytest.Broker
		code   int
		writes string
		prints string
	}{
		{"plan", topologytest.NewBroker("/"), 0, "", "+ work"},
		{"plan --detailed-exitcode", topologytest.NewBroker("/"), cmdutil.ExitPending, "", "+ work"},
		{"plan --detailed-exitcode", owned(0), 0, "", "o changes"},
		{"plan --prune --detailed-exitcode", owned(0), cmdutil.ExitPending, "", "old"},
		{"plan --prune", owned(3), cmdutil.ExitFailed, "", "--max-message-loss"},
		{"plan --adopt", topologytest.BrokerWith(topologytest.Queue("work")), 0, "", "= work"},
		{"plan --adopt", foreign(), 0, "", "not adopted"},
		{"plan --adopt-from old", foreign(), 0, "", "= work"},
		{"plan --adopt-from none", foreign(), cmdutil.ExitFailed, "", `no topology "none@/"`},
		{"plan --adopt-from t", foreign(), cmdutil.ExitFailed, "", "topology's own name"},
		{"plan --replace=empty --detailed-exitcode", other(), cmdutil.ExitPending, "", "∓ work"},
		{"plan --vhost new", topologytest.NewBroker("/"), cmdutil.ExitFailed, "", "--create-vhost"},
		{"plan --vhost new --create-vhost", topologytest.NewBroker("/"), 0, "", "+ new"},
		{"plan -o markdown", topologytest.NewBroker("/"), 0, "", "```diff"},
		{"plan --prune --detailed-exitcode", ownedUser(), 0, "", ""},
		{"plan --prune=users --detailed-exitcode", ownedUser(), cmdutil.ExitPending, "", "- somebody"},
		{"plan --prune=queues", ownedUser(), cmdutil.ExitUsage, "", "--prune"},
		{"plan -o json", topologytest.NewBroker("/"), 0, "", `"format_version"`},
		{"plan --replace=all", topologytest.NewBroker("/"), cmdutil.ExitUsage, "", ""},

		{"apply", topologytest.NewBroker("/"), cmdutil.ExitUsage, "", "--yes"}, // nobody can be asked
		{"apply --yes=other", topologytest.NewBroker("/"), cmdutil.ExitUsage, "", "does not name"},
		{"apply --yes", topologytest.NewBroker("/"), 0, `create queue "work"`, ""},
		{"apply --yes=/", topologytest.NewBroker("/"), 0, `create queue "work"`, ""},
		{"apply --yes", owned(0), 0, "", "o changes"},
		{"apply --yes --prune", owned(0), 0, `delete queue "old"`, ""},
		{"apply --yes --prune", owned(3), cmdutil.ExitFailed, "", "--max-message-loss"},
		{"apply --yes --prune --max-message-loss 3", owned(3), 0, `delete queue "old"`, ""},
		{"apply --yes", other(), cmdutil.ExitFailed, "", "--replace"},
		{"apply --yes --replace=empty", other(), 0, `delete queue "work", create queue "work"`, ""},
		{"apply --yes --adopt-from old", foreign(), 0, "", "= work"},
		{"apply --yes --adopt-from none", foreign(), cmdutil.ExitFailed, "", `no topology "none@/"`},
		{"apply --yes --vhost new --create-vhost", topologytest.NewBroker("/"), 0, `create vhost "new", create queue "work"`,
			""},
		{"apply --yes", topologytest.NewBroker("/").Failing(errors.New("boom"), `create queue "work"`), cmdutil.ExitFailed,
			`create queue "work"`, "boom"},
		{"apply --yes --vhost new --create-vhost", topologytest.NewBroker("/").Failing(errors.New("boom"),
			`create queue "work"`), cmdutil.ExitPartly, `create vhost "new", create queue "work"`, "boom"},
		{"apply --yes", topologytest.NewBroker("/").Failing(topology.ErrNotPermitted, `create queue "work"`),
			cmdutil.ExitNotPermitted, `create queue "work"`, ""},
		{"apply --yes --progress json", topologytest.NewBroker("/"), 0, `create queue "work"`, `{"`},
		{"apply --yes --progress none -o yaml", topologytest.NewBroker("/"), 0, `create queue "work"`, "format_version"},

		{"destroy", owned(0), cmdutil.ExitUsage, "", "--yes"},
		{"destroy --yes", owned(0), 0, `delete queue "work"`, ""},
		{"destroy --yes", owned(3), cmdutil.ExitFailed, "", "--max-message-loss"},
		{"destroy --yes --max-message-loss 3", owned(3), 0, `delete queue "work"`, ""},
	} {
		got := run(t, c.broker, oneQueue, strings.Fields(c.args)...)
		var writes []string
		for _, w := range got.Log {
			if !strings.HasPrefix(w, "save ") {
				writes = append(writes, strings.Split(w, ` in vhost`)[0])
			}
		}
		if got.code != c.code || strings.Join(writes, ", ") != c.writes ||
			!strings.Contains(got.stdout+got.stderr, c.prints) {
			t.Errorf("%s: exit code %d, want %d; writes %q, want %q\n%s%s", c.args, got.code, c.code, writes, c.writes,
				got.stdout, got.stderr)
		}
	}
}

// TestAdoptionMovesTheRecord: what was adopted belongs to this topology, and to no other.
func TestAdoptionMovesTheRecord(t *testing.T) {
	for flag, want := range map[string]string{"--adopt-from=old": "t@/", "--adopt": "old@/"} {
		got := run(t, foreign(), oneQueue, "apply", "--yes", flag)
		if owners := map[string]int{"--adopt-from=old": 2, "--adopt": 1}; len(got.locked) != owners[flag] {
			t.Errorf("%s: locked %q", flag, got.locked)
		}
		for name, record := range got.Records {
			if owns := record.Refs[topologytest.Queue("work").Ref()]; owns != (name == want) {
				t.Errorf("%s: %s owns the queue: %t\n%s", flag, name, owns, got.stderr)
			}
		}
	}
}

// TestConnectionOfChanges: how the broker is opened, and that others are locked out.
func TestConnectionOfChanges(t *testing.T) {
	got := run(t, topologytest.NewBroker("/"), oneQueue, "apply", "--yes", "--no-api", "--url", "amqp://u@h:1/")
	if !got.noAPI || got.conn.Host != "h" || got.conn.VHost != "/" || !slices.Equal(got.locked, []string{"t"}) {
		t.Errorf("no API %t, connection to %s, locked %q", got.noAPI, got.conn.Host, got.locked)
	}
	got = run(t, topologytest.NewBroker("/"), oneQueue, "plan")
	if got.noAPI || got.locked != nil {
		t.Errorf("plan: no API %t, locked %q", got.noAPI, got.locked)
	}
}

const routed = `version: 1
exchanges: { x: { type: topic }, dlx: { type: direct }, h: { type: headers } }
queues:
  mine: { bindings: [{ exchange: h, arguments: { x-match: all, tenant: acme } }] }
  work: { bindings: [{ exchange: x, key: a }], deadLetter: { exchange: dlx, key: nowhere } }
  dead: { bindings: [{ exchange: dlx, key: dead }] }
tests:
  - { name: arrives, publish: { exchange: x, key: a }, expect: [work] }
  - { name: fails, publish: { exchange: x, key: a }, expect: [dead] }
`

// TestOfflineCommandsDecide: exit codes and answers of what needs no broker.
func TestOfflineCommandsDecide(t *testing.T) {
	for _, c := range []struct {
		args   []string
		code   int
		prints string
	}{
		{[]string{"validate"}, 0, "Valid"},
		{[]string{"validate", "-o", "json"}, 0, `"valid": true`},
		{[]string{"validate", "-f", "gone.yaml"}, cmdutil.ExitUsage, "gone.yaml"},
		{[]string{"lint"}, cmdutil.ExitPending, "dead-letter-unroutable"},
		{[]string{"lint", "--fail-on", "never"}, 0, "dead-letter-unroutable"},
		{[]string{"lint", "--fail-on", "all"}, cmdutil.ExitUsage, "--fail-on"},
		{[]string{"lint", "--rules", "-o", "json"}, 0, `"rules"`},
		{[]string{"lint", "-o", "json", "--broker", "3.10"}, cmdutil.ExitPending, `"3.10`},
		{[]string{"route", "--exchange", "x", "--key", "a"}, 0, "work"},
		{[]string{"route", "--exchange", "x", "--key", "b"}, cmdutil.ExitPending, "lost"},
		{[]string{"route", "--exchange", "x", "--key", "b", "--cc", "a"}, 0, "work"},
		{[]string{"route", "--exchange", "x", "--key", "b", "--bcc", "a"}, 0, "work"},
		{[]string{"route", "--exchange", "h", "--header", "tenant=acme"}, 0, "mine"},
		{[]string{"route", "--exchange", "h", "--header", "tenant=other"}, cmdutil.ExitPending, "lost"},
		{[]string{"route", "--exchange", "x", "--key", "a", "--exhaust", "work"}, 0, "no delivery limit"},
		{[]string{"route", "--exchange", "x", "--key", "a", "--reject", "work"}, cmdutil.ExitPending, "lost"},
		{[]string{"route", "--exchange", "x", "--key", "a", "--reject", "none"}, cmdutil.ExitUsage, "not declared"},
		{[]string{"route", "--exchange", "x", "--key", "a", "--header", "h"}, cmdutil.ExitUsage, "NAME=VALUE"},
		{[]string{"route"}, cmdutil.ExitUsage, "--exchange"},
		{[]string{"route", "none"}, cmdutil.ExitUsage, "not declared"},
		{[]string{"test"}, cmdutil.ExitPending, "fails"},
		{[]string{"test", "--run", "^arr", "-o", "tap"}, 0, "1..1"},
		{[]string{"test", "--run", "^arr", "--coverage"}, 0, "dlx"},
		{[]string{"test", "--run", "none"}, cmdutil.ExitUsage, "none"},
		{[]string{"test", "--run", "("}, cmdutil.ExitUsage, "--run"},
		{[]string{"graph"}, 0, "flowchart"},
		{[]string{"graph", "-o", "dot"}, 0, "digraph"},
		{[]string{"graph", "-o", "png"}, cmdutil.ExitUsage, "png"},
	} {
		got := run(t, topologytest.NewBroker("/"), routed, c.args...)
		if got.code != c.code || !strings.Contains(got.stdout+got.stderr, c.prints) || got.conn != nil {
			t.Errorf("%q: exit code %d, want %d; connected %t\n%s%s", c.args, got.code, c.code, got.conn != nil,
				got.stdout, got.stderr)
		}
	}
}

// TestLiveCommandsRead: which vhosts of a broker are read, and that they are what is shown.
func TestLiveCommandsRead(t *testing.T) {
	broker := func() *topologytest.Broker {
		return topologytest.BrokerWith(topologytest.Queue("there"), &topology.User{Name: "somebody"})
	}
	for _, c := range []struct {
		args        []string
		code        int
		read        []string
		prints, not string
	}{
		{[]string{"export"}, 0, []string{"/"}, "there", "somebody"},
		{[]string{"export", "--users"}, 0, []string{"/"}, "somebody", "\x00"},
		{[]string{"export", "--name", "mine"}, 0, []string{"/"}, "name: mine", "\x00"},
		{[]string{"export", "a", "b"}, 0, []string{"a", "b"}, "", "\x00"},
		{[]string{"export", "--all"}, 0, nil, "there", "\x00"},
		{[]string{"export", "--all", "a"}, cmdutil.ExitUsage, nil, "exclude", "there"},
		{[]string{"export", "-o", "definitions"}, 0, []string{"/"}, `"vhost": "/"`, "\x00"},
		{[]string{"route", "--live", "--exchange", "", "--key", "there", "--vhost", "/"}, 0, []string{"/"}, "there", "work"},
		{[]string{"route", "--live", "event"}, cmdutil.ExitUsage, nil, "--exchange", "\x00"},
		{[]string{"graph", "--live"}, 0, []string{"/"}, "there", "work"},
		{[]string{"graph", "--live", "-f", "topology.yaml"}, cmdutil.ExitUsage, nil, "exclude", "there"},
	} {
		got := run(t, broker(), routed, c.args...)
		if got.code != c.code || !slices.Equal(got.read, c.read) || !strings.Contains(got.stdout+got.stderr, c.prints) ||
			strings.Contains(got.stdout, c.not) {
			t.Errorf("%q: exit code %d, want %d; read %q\n%s%s", c.args, got.code, c.code, got.read, got.stdout, got.stderr)
		}
	}
	if got := run(t, broker(), routed, "lint", "--live"); got.code != cmdutil.ExitPending || len(got.read) == 0 ||
		!strings.Contains(got.stdout, "there") {
		t.Errorf("lint --live: exit code %d, read %q\n%s%s", got.code, got.read, got.stdout, got.stderr)
	}
	got := run(t, broker(), routed, "test", "--live")
	if !strings.HasPrefix(got.tested, testVHostPrefix) || got.code != cmdutil.ExitFailed || len(got.read) == 0 {
		t.Errorf("test --live: vhost %q, exit code %d, read %q", got.tested, got.code, got.read)
	}
	if got := run(t, broker(), routed, "test", "--live", "--broker", "4.0"); got.read != nil {
		t.Errorf("test --live --broker: read %q", got.read)
	}
}

// TestMoreMessagesThanShown: what a policy would drop is counted again after the answer, and nothing
// is changed when it is more than may be lost.
func TestMoreMessagesThanShown(t *testing.T) {
	limit := &topology.Policy{VHost: "/", Name: "limit", Definition: topology.Arguments{"max-length": int64(1)}}
	b := owned(0)
	makePlan := func(context.Context) (*plan.Plan, error) {
		return plan.Diff(topologytest.State(limit), b.Live(), plan.Options{}), nil
	}
	shown, _ := makePlan(t.Context())
	if err := unmoved(t.Context(), shown, makePlan); err != nil {
		t.Fatal(err)
	}
	b = owned(2)
	if err := unmoved(t.Context(), shown, makePlan); !errors.Is(err, plan.ErrChanged) ||
		!strings.Contains(err.Error(), "drops up to 2 messages") {
		t.Errorf("two queues hold 2 messages now: %v", err)
	}
}
