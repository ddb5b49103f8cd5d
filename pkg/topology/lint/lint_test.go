package lint_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/dlq/discover"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/plan"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const newest = "4.3"

// find lints a text as the command does: read, checked, with the way of its dead letters.
func find(t testing.TB, text, version string) []lint.Finding {
	t.Helper()
	name := "t.yaml"
	if strings.HasPrefix(text, "{") {
		name = "t.json"
	} else {
		text = "version: 1\n" + text
	}
	in := input(t, name, []byte(text), version)
	return lint.ApplyIgnores(lint.Run(in), lint.Ignores(name, []byte(text)))
}

func input(t testing.TB, name string, text []byte, version string) lint.Input {
	t.Helper()
	if version == "" {
		version = newest
	}
	s, problems := spec.Load([]source.Input{{Name: name, Data: text}}, spec.Options{})
	if s == nil {
		t.Fatal(problems)
	}
	state, more := s.Resolve()
	in := lint.Input{State: state, Version: version, Problems: append(problems, more...), External: s.Externals(),
		DeadLetters: deadLetters(state, version)}
	in.Problems = append(in.Problems, plan.CheckVersion(state, version)...)
	in.Literal = func(password string) bool { return bytes.Contains(text, []byte(password)) }
	for _, p := range s.Published() {
		in.Events = append(in.Events, lint.Event{VHost: p.VHost, Name: p.Type, Exchange: p.Exchange, Key: p.Key,
			Position: p.Position})
	}
	return in
}

func deadLetters(state *topology.State, version string) lint.DeadLetters {
	found := discover.Discover(state, discover.Options{Version: version})
	l := lint.DeadLetters{Waits: found.Waits(state)}
	for _, x := range found.Losing {
		l.Losses = append(l.Losses, lint.Loss{Queue: topology.QueueRef(x.VHost, x.Queue),
			Exchange: x.Exchange, From: x.From, Key: x.Key,
			All: x.All, Certain: x.Certainty == discover.Surely, Kept: x.Kept, Replayed: x.Straight, Cycle: x.Cycle,
			Reason: x.Reason})
	}
	for _, q := range found.Queues {
		if q.Role == discover.RoleDeadLetter && len(q.Sources) > 0 {
			l.Queues = append(l.Queues, lint.DeadLetterQueue{Queue: q.Ref(), From: []string{q.Sources[0].Queue}})
		}
	}
	return l
}

func ids(list []lint.Finding) []string {
	var names []string
	for _, f := range list {
		if f.Ignored == "" {
			names = append(names, f.Rule)
		}
	}
	return names
}

// TestEveryRuleHasAFailingAndAPassingExample is the test of the rules: the failing example has the
// fault, and only a topology without any other is a passing one.
func TestEveryRuleHasAFailingAndAPassingExample(t *testing.T) {
	for _, r := range lint.Rules() {
		t.Run(r.ID, func(t *testing.T) {
			if r.Title == "" || r.Consequence == "" || r.Fix == "" || !r.Severity.AtLeast(lint.Note) {
				t.Error("the rule does not explain itself")
			}
			if r.Live {
				return // see TestLiveRules
			}
			bad := find(t, r.Bad, r.Version)
			i := slices.IndexFunc(bad, func(f lint.Finding) bool { return f.Rule == r.ID })
			if i < 0 {
				t.Fatalf("not found in the failing example: %v\n%s", ids(bad), r.Bad)
			}
			f := bad[i]
			if f.Severity != r.Severity || f.Message == "" || f.Why == "" || f.Fix == "" || f.Position.Line == 0 ||
				f.Position.Column == 0 {
				t.Errorf("an incomplete finding: %+v", f)
			}
			if good := find(t, r.Good, r.Version); len(ids(good)) > 0 {
				t.Errorf("the passing example has findings: %v\n%s", good, r.Good)
			}
		})
	}
}

func TestRuleIDsAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range lint.Rules() {
		if seen[r.ID] || r.ID != strings.ToLower(r.ID) || strings.ContainsAny(r.ID, " _") {
			t.Errorf("rule id %q", r.ID)
		}
		seen[r.ID] = true
	}
}

// TestFindings are cases beyond the examples: the rule must speak, or must not.
func TestFindings(t *testing.T) {
	for _, c := range []struct {
		name, text, version string
		want                []string
	}{
		{"original key of a topic that the dead-letter exchange does not take", `
exchanges: { in: { type: topic }, dlx: { type: topic } }
queues:
  work: { bindings: [{ exchange: in, key: "order.*" }], deadLetter: { exchange: dlx } }
  dead: { bindings: [{ exchange: dlx, key: "#.created" }] }
`, "", []string{"dead-letter-unroutable"}},
		{"a fanout takes all", `
exchanges: { in: { type: topic }, dlx: { type: fanout } }
queues:
  work: { bindings: [{ exchange: in, key: "order.*" }], deadLetter: { exchange: dlx } }
  dead: { bindings: [{ exchange: dlx }] }
`, "", nil},
		{"an alternate exchange saves dead letters", `
exchanges: { dlx: { alternateExchange: ae }, ae: { type: fanout } }
queues:
  work: { deadLetter: { exchange: dlx, key: x } }
  dead: { bindings: [{ exchange: ae }, { exchange: dlx, key: y }] }
`, "", nil},
		{"at-least-once keeps what has no way", `
exchanges: { dlx: {} }
queues:
  work: { type: quorum, overflow: reject-publish, deadLetter: { exchange: dlx, key: x, strategy: at-least-once } }
  dead: { bindings: [{ exchange: dlx, key: y }] }
`, "", []string{"dead-letter-unroutable"}},
		{"an exchange of somebody else is not judged", `
external: { exchanges: [dlx] }
queues: { work: { deadLetter: { exchange: dlx, key: x } } }
`, "", nil},
		{"a policy's dead-letter exchange does not exist", `
queues: { work: {} }
policies: { p: { pattern: .*, definition: { dead-letter-exchange: dlx } } }
`, "", []string{"dead-letter-exchange-missing"}},
		{"the default exchange and a queue that does not exist", `
queues: { work: { deadLetter: { exchange: "", key: gone } } }
`, "", []string{"dead-letter-unroutable"}},
		{"an argument makes up for the policy that wins", `
exchanges: { dlx: { type: fanout } }
queues: { work: { deadLetter: { exchange: dlx } }, dead: { bindings: [{ exchange: dlx }] } }
policies:
  low: { pattern: work, definition: { dead-letter-exchange: dlx } }
  high: { pattern: work, priority: 2, definition: { delivery-limit: 5, message-ttl: 1000 } }
`, "3.10", []string{"policy-disabled-by-key"}},
		{"three retry steps whose work queue has no TTL", `
queues:
  work: { deadLetter: dead, retry: { backoff: [5s, 1m, 10m] } }
  dead: {}
`, "", nil},
		{"a circle of three", `
queues:
  a: { messageTTL: 1s, deadLetter: b }
  b: { messageTTL: 1s, deadLetter: c }
  c: { messageTTL: 1s, deadLetter: a }
`, "", []string{"dead-letter-cycle"}},
		{"a quorum dead-letter queue on 3.10 has no limit", `
queues: { work: { type: quorum, deadLetter: dead }, dead: { type: quorum } }
`, "3.10", nil},
		{"a quorum queue on 3.10 drops nothing", `
queues: { work: { type: quorum } }
`, "3.10", nil},
		{"a dead-letter queue that sends what it loses on is no trap", `
queues: { work: { deadLetter: dead }, dead: { messageTTL: 24h, deadLetter: archive }, archive: {} }
`, "", nil},
		{"a shovel reads the exchange", `
exchanges: { out: { type: topic } }
queues: { a: {} }
parameters: { shovel: { s: { src-uri: "amqp://", src-exchange: out, src-exchange-key: "#", dest-uri: "amqp://elsewhere", dest-queue: there } } }
`, "", nil},
		{"an event through exchanges, with a hash at the end", `
exchanges:
  in: { type: topic }
  shards: { type: x-consistent-hash, bindings: [{ exchange: in, key: "#" }] }
queues: { a: { bindings: [{ exchange: shards, key: "1" }] } }
events: { order.created: { exchange: in } }
`, "", nil},
		{"an event whose headers decide", `
exchanges: { in: { type: headers } }
queues: { a: { bindings: [{ exchange: in, headers: { kind: x } }] } }
events: { order.created: { exchange: in } }
`, "", nil},
		{"wildcards in a direct exchange", `
exchanges: { in: {} }
queues: { a: { bindings: [{ exchange: in, key: "order.*" }] } }
`, "", []string{"binding-wildcard-literal"}},
		{"a C# or C++ in a key is no wildcard that was meant", `
exchanges: { in: { type: topic } }
queues: { a: { bindings: [{ exchange: in, key: lang.c++ }] } }
`, "", nil},
		{"a covered binding, and one that is not", `
exchanges: { in: { type: topic } }
queues: { a: { bindings: [{ exchange: in, keys: ["a.#", "a.*.c", "#.c"] }] } }
`, "", []string{"binding-redundant"}},
		{"a binding that is written twice", `
exchanges: { in: {} }
queues: { a: { bindings: [{ exchange: in, key: k }, { exchange: in, key: k }, { exchange: in, key: k }] } }
`, "", []string{"binding-redundant", "binding-redundant"}},
		{"policies of equal priority that say the same", `
queues: { a: {} }
policies:
  p: { pattern: a, definition: { expires: 1h } }
  q: { pattern: ., definition: { expires: 1h } }
`, "", []string{"queue-expires"}},
		{"a classic mirrored policy on 3.10", `
queues: { a: {} }
policies: { p: { pattern: a, definition: { ha-mode: all } } }
`, "3.10", nil},
		{"configure for everything, and no more than that", `
queues: { orders: {} }
users: { app: {}, boss: { tags: [administrator] } }
permissions: { app: { configure: ".*", write: "^orders$", read: "" }, boss: { configure: ".*", write: ".*", read: ".*" }, stranger: { configure: ".*", write: ".*", read: ".*" } }
`, "", []string{"permission-for-everything"}},
		{"a user that reads and writes everything changes nothing", `
queues: { orders: {} }
users: { app: {} }
permissions: { app: { configure: "", write: ".*", read: ".*" } }
`, "", nil},
		{"patterns for a beginning, an end, and what follows a point", `
queues: { orders: {}, orders.dlq: {}, paid: {}, paid.dlq: {} }
users: { app: {} }
permissions: { app: { configure: "^orders", write: "\\.dlq$", read: "^(orders|paid)" } }
`, "", nil},
		{"a pattern that goes on in another word", `
queues: { order: {}, orderly: {} }
users: { app: {} }
permissions: { app: { configure: "", write: "", read: "^order" } }
`, "", []string{"permission-unanchored"}},
		{"an alternative that the ^ is not about", `
queues: { orders: {}, paid: {}, prepaid: {} }
users: { app: {} }
permissions: { app: { configure: "", write: "^orders$|paid$", read: "" } }
`, "", []string{"permission-unanchored"}},
		{"a pattern within a name that nothing begins with", `
queues: { orders: {}, eu.orders.dlq: {} }
users: { app: {} }
permissions: { app: { configure: "", write: "", read: "dlq" } }
`, "", nil},
		{"names that clients and brokers make, that are always there, or that somebody else declares", `
external: { queues: [theirs] }
queues: { orders: {} }
users: { app: {} }
permissions: { app: { configure: "^amq\\.gen-.*$", write: "^amq\\.(default|topic)$", read: "^theirs$" } }
`, "", nil},
		{"a pattern that only the broker understands", `
queues: { orders: {} }
users: { app: {} }
permissions: { app: { configure: "^(?!secret)", write: "", read: "" } }
`, "", nil},
		{"every tie of a policy", `
queues: { a: {}, b: {} }
policies:
  a: { pattern: ^a$, definition: { max-length: 10, overflow: reject-publish } }
  b: { pattern: ^b$, definition: { max-length: 20, overflow: reject-publish } }
  every: { pattern: .*, definition: { max-length: 30, overflow: reject-publish } }
`, "", []string{"policy-priority-tie"}},
		{"a pattern with lookahead that matches nothing here", `
queues: { orders: {} }
users: { app: {} }
permissions: { app: { configure: "^(?!orders|amq)o", write: "", read: "" } }
`, "", []string{"permission-matches-nothing"}},
		{"nothing is declared that a permission could be about", `
exchanges: { events: {} }
users: { app: {} }
permissions: { app: { configure: "^app-", write: "", read: "" } }
`, "", nil},
		{"memory limits of quorum queues, and in a policy", `
queues: { orders: { type: quorum, maxInMemoryLength: 10, maxInMemoryBytes: 1kB, deadLetter: dead }, dead: {} }
policies: { p: { pattern: "^orders$", definition: { max-in-memory-length: 5 } } }
`, "3.10", []string{"argument-without-effect", "argument-without-effect", "argument-without-effect"}},
		{"memory limits did something before", `
queues: { orders: { type: quorum, maxInMemoryLength: 10, deadLetter: dead }, dead: {} }
`, "3.9", nil},
		{"the mode of a queue did something before", `
queues: { orders: { mode: lazy } }
`, "3.10", nil},
		{"a queue that is a quorum queue by its vhost's default", `
vhosts: { "/": { defaultQueueType: quorum } }
queues: { orders: {}, other: { durable: true, autoDelete: true }, plain: { type: classic } }
`, "4.0", []string{"quorum-without-dead-letters", "queue-expires"}},
		{"which version 3 ignores", `
vhosts: { "/": { defaultQueueType: quorum } }
queues: { orders: {} }
`, "3.10", []string{"argument-ignored"}},
		{"a policy that the default type keeps away", `
vhosts: { "/": { defaultQueueType: quorum } }
exchanges: { dlx: { type: fanout } }
queues: { orders: {}, dead: { type: classic, bindings: [{ exchange: dlx }] } }
policies: { p: { pattern: "^orders$", definition: { dead-letter-exchange: dlx, queue-mode: lazy } } }
`, "4.3", []string{"quorum-without-dead-letters", "argument-without-effect", "policy-disabled-by-key"}},
		{"definitions have a default type, too",
			`{"vhosts": [{"name": "/", "default_queue_type": "quorum"}], "queues": [{"name": "orders", "vhost": "/", "durable": true, "arguments": {}}]}`,
			"4.3", []string{"quorum-without-dead-letters"}},
		{"a limit with reject-publish-dlx and a dead-letter exchange", `
queues: { a: { maxLength: 10, overflow: reject-publish-dlx, deadLetter: d }, d: {} }
`, "", nil},
		{"a limit with reject-publish-dlx, which a quorum queue takes for drop-head", `
queues:
  a: { type: classic, maxLength: 10, overflow: reject-publish-dlx }
  b: { type: quorum, maxLength: 10, overflow: reject-publish-dlx, deliveryLimit: -1 }
`, "", []string{"limit-without-dead-letters"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := ids(find(t, c.text, c.version)); !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v\n%v", got, c.want, find(t, c.text, c.version))
			}
		})
	}
}

func TestFindingsPointAtThePart(t *testing.T) {
	list := find(t, "queues:\n  orders:\n    maxLength: 10\n", "")
	if len(list) != 1 || list[0].Position.String() != "t.yaml:4:16" {
		t.Errorf("got %v", list)
	}
}

// TestNothingIsToldTwice: the parser and the checks for a version find some faults too.
func TestNothingIsToldTwice(t *testing.T) {
	list := find(t, "queues: { orders: { type: quorum, maxPriority: 5, deadLetter: dead }, dead: {} }\n", "")
	if !slices.Equal(ids(list), []string{"argument-refused"}) {
		t.Errorf("got %v", list)
	}
}

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		wide, narrow string
		want         bool
	}{
		{"#", "a.b", true}, {"#", "#", true}, {"#", "*.#", true}, {"*.#", "#", false}, {"a.*", "a.b", true}, {"a.b", "a.*",
			false},
		{"a.#", "a.*.c", true}, {"*.*", "#", false}, {"#.c", "a.#", false}, {"#.#", "#", true}, {"a.#.#", "a.#", true}, {"",
			"", true}, {"#", "", true}, {"*", "", false},
	} {
		if got := lint.Covers(c.wide, c.narrow); got != c.want {
			t.Errorf("%q covers %q: got %v", c.wide, c.narrow, got)
		}
	}
}

// BenchmarkLint lints 10,000 queues with 20,000 bindings and dead letters; the promise is less than
// a second, with the search for where dead letters go.
func BenchmarkLint(b *testing.B) {
	var text strings.Builder
	text.WriteString("exchanges: { in: { type: topic }, other: {}, dlx: {} }\npolicies: { limit: { pattern: \"^q1\", " +
		"definition: { max-length: 100000, overflow: reject-publish } } }\nqueues:\n  dead: { bindings: [{ exchange: dlx, " +
		"key: dead }] }\n")
	for i := range 10_000 {
		fmt.Fprintf(&text, "  q%d: { bindings: [{ exchange: in, key: a.k%d.# }, { exchange: other, key: k%d }], "+
			"deadLetter: { exchange: dlx, key: dead } }\n", i, i, i)
	}
	in := input(b, "t.yaml", []byte("version: 1\n"+text.String()), newest)
	b.Run("rules", func(b *testing.B) {
		for b.Loop() {
			lint.Run(in)
		}
	})
	b.Run("with-dead-letters", func(b *testing.B) {
		for b.Loop() {
			again := in
			again.DeadLetters = deadLetters(in.State, newest)
			if list := lint.Run(again); len(list) != 0 {
				b.Fatal(list)
			}
		}
	})
}
