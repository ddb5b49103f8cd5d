package spec_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/cputime"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

func vars(m map[string]string) source.Lookup {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// read reads one text. Its name says what it is.
func read(name, text string, o spec.Options) (*spec.Spec, *topology.State, diag.Diagnostics) {
	return spec.Read([]source.Input{{Name: name, Data: []byte(text)}}, o)
}

// TestProblems: each text has exactly these problems, in this order, found in one reading.
func TestProblems(t *testing.T) {
	const some = "exchanges: { x: { type: topic }, h: { type: headers } }\n"
	for _, tc := range []struct {
		text string
		want []string
	}{
		// structure
		{"verson: 1\n", []string{`t.yaml:1:1: unknown field "verson"; did you mean version?`}},
		{"version: 2\n", []string{"t.yaml:1:10: version cannot be 2; write 1"}},
		{"exchnges: { x: {} }\nbindings: [{ exchange: x, queue: q }]\n",
			[]string{`unknown field "exchnges"; did you mean exchanges?`}},
		{"queues: { q: { messageTTL: 24 hours } }\n",
			[]string{`t.yaml:1:28: queue "q": messageTTL: "24 hours" is not a duration; did you mean 24h?`}},
		{"queues: { q: { maxLengthBytes: 10M } }\n",
			[]string{`"10M" is not a size; did you mean 10MB?`}},
		{"queues: { q: { type: stream, maxAge: 7days } }\n", []string{`"7days" is not an age; did you mean 7d?`}},
		{"queues: { q: { x-max-length: 5, dlx: a, auto_delete: true, ttl: 5 } }\n",
			[]string{"did you mean maxLength?", "did you mean deadLetter?", "did you mean autoDelete?",
				"did you mean messageTTL?"}},
		{"queues: { q: { zzzzzz: 1 } }\n", []string{"known here: alerts, arguments, autoDelete, bindings"}},
		{"queues:\n  - name: q\n", []string{"t.yaml:2:3: queues must be a mapping, not a list"}},
		{`{"version": 1, "queues": []}`, []string{"queues must be a mapping, not a list"}},
		{"queues: { q: { overflow: drop-tail } }\n",
			[]string{"overflow cannot be \"drop-tail\"; write one of drop-head, reject-publish, reject-publish-dlx"}},
		{"queues: { q: { maxPriority: 256 } }\n",
			[]string{"maxPriority cannot be 256: the maximum is 255; write, for example, maxPriority: 10"}},
		{"users: { u: { password: secret } }\n",
			[]string{`user "u": password must be one variable, and nothing else; a topology file is kept in git`}},
		{"users: { u: { passwordHash: [secret] } }\n", []string{"passwordHash must be a string, not a list"}},
		{"[1]\n", []string{"t.yaml:1:1: a topology file must be a mapping, not a list"}},
		{"# nothing\n", []string{"t.yaml: the file declares nothing"}},

		// references
		{"queues: { q: { bindings: [{ exchange: y }] } }\n",
			[]string{`t.yaml:1:39: binding "y" -> queue "q": exchange "y" is not declared; the binding could not be made; declare it, or, when somebody else does, write external: { exchanges: ["y"] }`}},
		{some + "bindings: [{ exchange: x, queue: q }]\n",
			[]string{`t.yaml:2:34: binding "x" -> queue "q": queue "q" is not declared`}},
		{some + "bindings: [{ exchange: x }, { exchange: x, queue: q, toExchange: h }]\nqueues: { q: }\n",
			[]string{"t.yaml:2:12: a binding must lead to a queue or an exchange",
				"t.yaml:2:29: a binding leads to a queue or to an exchange, not to both"}},
		{some + "queues: { orders: { deadLetter: ordrs.dead }, orders.dead: }\n",
			[]string{`t.yaml:2:33: queue "orders": deadLetter: queue "ordrs.dead" is not declared; dead letters would vanish; did you mean orders.dead?`}},
		{some + "queues: { q: { deadLetter: { exchange: d } } }\n",
			[]string{`t.yaml:2:40: queue "q": deadLetter: exchange "d" is not declared; dead letters would vanish`}},
		{some + "queues: { q: { deadLetter: { key: d } } }\n",
			[]string{"has a dead-letter key and no dead-letter exchange; the broker refuses it"}},
		{"exchanges: { x: { alternateExchange: y } }\n",
			[]string{`t.yaml:1:38: exchange "x": alternateExchange: exchange "y" is not declared; what no binding matches would vanish`}},
		{"policies: { p: { pattern: a, definition: { dead-letter-exchange: y } } }\n",
			[]string{`t.yaml:1:66: policy "p": definition.dead-letter-exchange: exchange "y" is not declared; dead letters would vanish`}},
		{"external: { exchanges: y, queues: [r] }\nexchanges: { x: { alternateExchange: y, bindings: [{ exchange: y }] } " +
			"}\nqueues: { q: { deadLetter: r } }\n", nil},
		{"queues: { q: { bindings: [{ exchange: amq.topic }] } }\n", nil},

		{some + "bindings: [{ exchange: x, queue: q }]\nqueues: { q: { bindings: [{ exchange: x }] } }\n",
			[]string{`t.yaml:2:12: binding "x" -> queue "q": is declared twice, first at t.yaml:3:27; remove one of the two`}},

		// names
		{"queues: { amq.q: }\nexchanges: { amq.topic: {} }\n",
			[]string{`t.yaml:1:11: queue "amq.q": names that begin with amq. are reserved; the broker refuses to declare a queue of that name; choose another name`, "leave it out: every vhost has it"}},
		{"queues: { \"\": }\n", []string{`t.yaml:1:11: queue "": has an empty name`}},
		{"queues: { " + strings.Repeat("é", 128) + ": }\n",
			[]string{"a name or key has 256 bytes, and AMQP takes at most 255"}},
		{"queues: { " + strings.Repeat("é", 127) + ": }\n", nil},
		{some + "queues: { q: { bindings: [{ exchange: x, key: " + strings.Repeat("k", 256) + " }] } }\n",
			[]string{"a name or key has 256 bytes"}},

		// types
		{"queues: { q: { type: quorum, maxPriority: 5 } }\n",
			[]string{`t.yaml:1:43: queue "q": a quorum queue does not take maxPriority; the broker refuses it; remove it, or use type: classic`}},
		{"queues: { q: { type: quorum, durable: false, autoDelete: true } }\n",
			[]string{"t.yaml:1:39: queue \"q\": a quorum queue is always durable",
				"t.yaml:1:58: queue \"q\": a quorum queue cannot be deleted automatically"}},
		{"queues: { q: { type: stream, messageTTL: 5s, deadLetter: r }, r: }\n",
			[]string{"a stream queue does not take messageTTL", "a stream queue does not take deadLetter.exchange",
				"a stream queue does not take deadLetter.key"}},
		{"queues: { q: { deliveryLimit: 5 } }\n",
			[]string{"a classic queue does not take deliveryLimit; the broker refuses it; add type: quorum, or remove it"}},
		{"vhosts: { v: { defaultQueueType: quorum, queues: { q: { deliveryLimit: 5 } } } }\n", nil},
		{"queues: { q: { type: classic, delayedRetry: { type: all } } }\n",
			[]string{"a classic queue does not take delayedRetry.type; the broker refuses it, and before 4.3 ignores it; " +
				"remove it, or use type: quorum"}},
		{"queues: { q: { type: stream, retry: { backoff: [5s] } } }\n",
			[]string{"a stream cannot have retry; a stream never dead-letters"}},
		{"queues: { q: { retry: { backoff: [5s, 0] } } }\n", []string{"a retry step cannot be 0"}},
		{"queues: { q: { retry: { backoff: [5s] } }, q.retry.5s: }\n",
			[]string{`queue "q.retry.5s": is declared twice, first at t.yaml:1:23`}},
		{"exchanges: { x: { type: topik } }\n",
			[]string{`t.yaml:1:25: exchange "x": there is no exchange type "topik"; did you mean topic?`}},
		{"exchanges: { x: { type: x-anything } }\n", nil},
		{some + "queues: { q: { bindings: [{ exchange: x, headers: { a: 1 } }] } }\n",
			[]string{`t.yaml:2:56: binding "x" -> queue "q", arguments {"a":1}: exchange "x" is of type topic and does not look at headers`}},

		// arguments
		{"queues: { q: { messageTTL: 5s, arguments: { x-message-ttl: 5 } } }\n",
			[]string{"t.yaml:1:60: queue \"q\": arguments has x-message-ttl, and that is the field messageTTL"}},
		{"queues: { q: { type: quorum, arguments: { x-queue-type: quorum } } }\n",
			[]string{"arguments has x-queue-type, and that is the field type"}},
		{"queues: { q: { arguments: { x-queue-type: mirrored } } }\n", []string{`there is no queue type "mirrored"`}},
		{"queues: { q: { arguments: { x-mesage-ttl: 5 } } }\n",
			[]string{`t.yaml:1:43: queue "q": there is no argument "x-mesage-ttl"; the broker takes it and ignores it; did you mean x-message-ttl?`}},
		{"queues: { q: { arguments: { x-message-ttl: 1000.0 } } }\n",
			[]string{"messageTTL must be an integer, not 1000.0"}},
		{"queues: { q: { arguments: { x-max-length: .inf } } }\n",
			[]string{"arguments.x-max-length has a number that is not finite"}},
		{"queues: { q: { messageTTL: 4000d } }\n",
			[]string{"messageTTL cannot be 345600000000: the maximum is 315360000000"}},

		// policies and users
		{"policies: { p: { pattern: a, definition: {} } }\n", []string{"t.yaml:1:42: policy \"p\": has an empty definition"}},
		{"policies: { p: { pattern: a, definition: { x-message-ttl: 5 } } }\n",
			[]string{`there is no policy key "x-message-ttl"; the broker refuses the policy; did you mean message-ttl?`}},
		{"policies: { p: { pattern: a, definition: { x-queue-type: quorum } } }\n",
			[]string{"a policy cannot set the type of queues"}},
		{"policies: { p: { pattern: a, definition: { max-priority: 5 } } }\n",
			[]string{"a policy cannot set max-priority; the broker refuses the policy; set maxPriority in each queue"}},
		{"policies: { p: { pattern: a, definition: { max-length: many } } }\n",
			[]string{`definition.max-length must be an integer, not "many"`}},
		{"policies: { p: { pattern: \"*\", definition: { expires: 5 } } }\n",
			[]string{`t.yaml:1:27: policy "p": pattern: "*" is not a regular expression: missing argument to repetition operator; the broker refuses it; it is a regular expression: write ".*" for every name`}},
		{"policies: { p: { pattern: '^(?!a)b(?=c)$', definition: { expires: 5 } } }\n", nil},
		{"permissions: { u: { configure: '(', write: 'a)', read: '[a' } }\n",
			[]string{`t.yaml:1:32: permission of user "u": configure: "("`, "t.yaml:1:44: ", "t.yaml:1:56: "}},
		{"topicPermissions: { u: { amq.topic: { write: '\\' } } }\n",
			[]string{`t.yaml:1:46: topic permission of user "u" on exchange "amq.topic": write: "\\" is not a regular expression`}},
		{"operatorPolicies: { p: { pattern: a, definition: { dead-letter-exchange: amq.direct } } }\n",
			[]string{"operator policies cannot set dead-letter-exchange"}},
		{"users: { u: { passwordHash: \"12345\" } }\n", []string{"passwordHash is not what a broker writes"}},

		// alerts
		{"alerts: { for: 5m, nearlyFul: 80% }\n",
			[]string{`t.yaml:1:20: unknown field "nearlyFul" in alerts; did you mean nearlyFull?`}},
		{"alerts: { full: 101% }\n", []string{`t.yaml:1:17: alerts.full must be a share from 1% to 100%, or off, not the string "101%"; write, for example, full: 80%`}},
		{"queues: { q: { alerts: { deadLetters: -1, growth: many, consumers: -1 } } }\n",
			[]string{`queue "q": alerts.deadLetters cannot be negative: off is never`,
				`queue "q": alerts.growth must be an integer, or off`,
				`queue "q": alerts.consumers cannot be -1: the minimum is 0`}},

		// events and tests
		{"events: { e: { exchange: x } }\n",
			[]string{`t.yaml:1:26: event "e": exchange "x" is not declared; the event could not be published`}},
		{some + "events: { e: { exchange: x, schema: missing.json } }\n",
			[]string{`t.yaml:2:37: event "e": schema: there is no file missing.json`}},
		{some + "events: { order.created: { exchange: x } }\ntests: [{ name: n, publish: { event: order.craeted }, " +
			"expect: nowhere, reject: q }]\n",
			[]string{`t.yaml:3:38: test "n": event "order.craeted" is not declared; did you mean order.created?`,
				`t.yaml:3:63: test "n": queue "nowhere" is not declared`, `t.yaml:3:80: test "n": queue "q" is not declared`}},
		{some + "tests: [{ name: n, publish: {} }, { name: n, publish: { exchange: y } }]\n",
			[]string{"publish names neither an event nor an exchange",
				"there are two tests of that name, the first at t.yaml:2:9", `exchange "y" is not declared`}},
	} {
		_, _, problems := read("t.yaml", tc.text, spec.Options{Exists: func(string) bool { return false }})
		ok := len(problems) == len(tc.want)
		for i := 0; ok && i < len(problems); i++ {
			ok = strings.Contains(problems[i].Error(), tc.want[i]) &&
				(problems[i].Position.Line > 0 || strings.HasPrefix(tc.text, "#"))
		}
		if !ok {
			t.Errorf("%s\n want %q\n got  %v", tc.text, tc.want, problems)
		}
	}
}

func TestEmptyPassword(t *testing.T) {
	for _, user := range []string{"users: { u: { password: \"${P}\" } }", "users: { u: { passwordHash: \"${P}\" } }",
		"parameters: { federation-upstream: { f: { uri: \"amqp://u:${P}@h\" } } }",
		"globalParameters: { g: { password: \"${P}\" } }"} {
		for value, want := range map[string]string{
			"set":   "the variable P is set to nothing",
			"unset": "the variable P is not set", // and nothing else
		} {
			_, _, problems := read("t.yaml", user+"\nqueues: { q: { maxLength: -1 } }\n", spec.Options{NeedSecrets: true,
				Env: func(string) (string, bool) { return "", value == "set" }})
			if len(problems) == 0 || !strings.Contains(problems.Error(), want) ||
				strings.Count(problems.Error(), "P is") != 1 {
				t.Errorf("%s, %s: %v", user, value, problems)
			}
		}
	}
}

// A file may say that a user has no password, by an empty hash. An empty password is an error, and a
// user without either keeps the one that it has.
func TestUsersWithoutPassword(t *testing.T) {
	for user, want := range map[string]string{
		`{"users": [{"name": "u", "password": ""}]}`:      `user "u": the password is empty`,
		`{"users": [{"name": "u", "password_hash": ""}]}`: "",
		`{"users": [{"name": "u", "tags": ""}]}`:          "",
		`{"users": {"u": {"passwordHash": ""}}}`:          "",
		`{"users": {"u": {"passwordHash": "${SOME}"}}}`:   "",
	} {
		_, state, problems := read("d.json", user, spec.Options{Env: func(string) (string, bool) { return "", false }})
		if problems.HasErrors() != (want != "") || !strings.Contains(problems.Error(), want) {
			t.Errorf("%s: %v", user, problems)
		}
		if want != "" {
			continue
		}
		u, _ := state.Get(topology.Ref{Kind: topology.KindUser, Name: "u"})
		if u.(*topology.User).Passwordless != strings.Contains(user, `ash": ""`) {
			t.Errorf("%s: %+v", user, u)
		}
	}
}

// TestSecretsAreNotInProblems: what might be a password never gets into a message.
func TestSecretsAreNotInProblems(t *testing.T) {
	for _, text := range []string{
		"users: { u: { password: hunter2 } }", "users: { u: { password: [hunter2] } }",
		"users: { u: { passwordHash: hunter2 } }",
		"users: { u: { password: 7772, passwordHash: 7772 } }", `users: { u: { password: "${P:-hunter2}" } }`,
	} {
		_, _, problems := read("t.yaml", text, spec.Options{})
		if !problems.HasErrors() || strings.Contains(problems.Error(), "hunter2") ||
			strings.Contains(problems.Error(), "7772") {
			t.Errorf("%s: %v", text, problems)
		}
	}
}

// TestManyProblems: a file that is wrong in ten thousand places is told so in a moment.
func TestManyProblems(t *testing.T) {
	var b strings.Builder
	b.WriteString("queues:\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "  queue-%d: { mesageTTL: 5s, bindings: [{ exchange: exchange-%d }] }\n", i, i)
	}
	start := cputime.Used()
	_, _, problems := read("t.yaml", b.String(), spec.Options{})
	if len(problems) != 20_000 {
		t.Errorf("%d problems", len(problems))
	}
	if took := cputime.Used() - start; took > 20*time.Second { // half a second is usual
		t.Errorf("took %v", took)
	}
	t.Log(cputime.Used() - start)
}

// TestFilesBesideABrokenOne: a file that cannot be read does not hide what is wrong in the others. What
// they lack may stand in it.
func TestFilesBesideABrokenOne(t *testing.T) {
	_, problems := spec.Load([]source.Input{{Name: "a.yaml",
		Data: []byte("exchanges: { x: {} }\nqueues: { q: { typ: quorum } }\n")},
		{Name: "b.yaml", Data: []byte("queues: {\n  b: {}\n")}}, spec.Options{})
	var got []string
	for _, p := range problems {
		got = append(got, p.Error())
	}
	if len(got) != 2 || !strings.Contains(got[0], `a.yaml:2:16: queue "q": unknown field "typ"`) ||
		!strings.HasPrefix(got[1], "b.yaml:1:9: this is not YAML") {
		t.Error(strings.Join(got, "\n"))
	}
}
