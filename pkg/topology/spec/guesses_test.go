package spec

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology/source"
)

func TestFieldsThatAreOftenGuessed(t *testing.T) {
	for text, fix := range map[string]string{
		"queues: { q: { bind: [] } }":                     "did you mean bindings?",
		"queues: { q: { retries: 3 } }":                   "did you mean retry?",
		"users: { u: { permissions: { read: .* } } }":     "permissions belong to a vhost, beside users",
		"queues: { q: { retry: { attempts: 3 } } }":       "retry: { backoff: [5s, 30s, 5m] }",
		"queues: { q: { deadLetter: { queue: d } } }":     "a queue is written as deadLetter: QUEUE",
		"queues: { q: { exclusive: true } }":              "write singleActiveConsumer: true",
		"policies: { p: { pattern: .*, max-length: 1 } }": "write definition: { max-length: … }",
		"deadLetter: q": "write queues: { NAME: { deadLetter: … } }",
		"exchanges: { e: { bindings: [{ queue: q }] } }":         "a binding belongs under its destination",
		"events: { a: { exchange: e, payload: {} } }":            "did you mean schema?",
		"tests: [{ name: a, publish: { payload: {} } }]":         "leave it out",
		"queues: { q-$ENV: {} }":                                 "write ${ENV}",
		"queues: { 'q-{{ .env }}': {} }":                         "write ${env}",
		"exchanges: { e: {} }\nqueues: { q: { deadLetter: e } }": "write deadLetter: { exchange: e }",

		"exchanges: { e: {} }\nevents:\n  a: { exchange: e, schema: { id: string } }": "properties: { id: { type: string } }",
	} {
		if got := problemsOf(text); !strings.Contains(got, fix) {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// TestCorrectedText has values of the wrong kind, and the text that the error proposes.
func TestCorrectedText(t *testing.T) {
	for text, fix := range map[string]string{
		"queues: [orders, invoices]":                                    "write queues: { orders: {}, invoices: {} }",
		"queues: [{ name: q, type: quorum }, { name: r }]":              "write queues: { q: { type: quorum }, r: {} }",
		"queues: [{ q: { max_length: 3 } }, r: ]":                       "write queues: { q: { maxLength: 3 }, r: {} }",
		"queues: orders":                                                "write queues: { orders: {} }",
		"queues: [a, b, c, d, e, f]":                                    "write queues: { a: {}, b: {}, c: {}, d: {}, … }",
		"exchanges: { orders: topic }":                                  "write orders: { type: topic }",
		"exchanges: { topic: orders }":                                  "write orders: { type: topic }",
		"queues: { q: Quorum }":                                         "write q: { type: quorum }",
		"queues: { q: [{ type: quorum }, { durable: true }] }":          "write q: { type: quorum, durable: true }",
		"queues: { q: { bindings: { exchange: e, key: a } } }":          "write bindings: [{ exchange: e, key: a }]",
		"queues: { q: { bindings: { e: 'order.#' } } }":                 "write bindings: [{ exchange: e, key: order.# }]",
		"queues: { q: { bindings: { e: { key: a } } } }":                "write bindings: [{ exchange: e, key: a }]",
		"queues: { q: { bindings: { e: {} } } }":                        "write bindings: [{ exchange: e }]",
		"queues: { q: { bindings: { one: { exchange: e, key: a } } } }": "write bindings: [{ exchange: e, key: a }]",
		"bindings: { orders: q }":                                       "write bindings: [{ exchange: orders, queue: q }]",
		"queues: { q: { bindings: e } }":                                "write bindings: [{ exchange: e }]",
		"queues: { q: { bindings: [e] } }":                              "write { exchange: e }",
		"queues: { q: { bindings: [{ exchange: e, key: [a, '#'] }] } }": `write keys: [a, "#"]`,
		"queues: { q: { retry: [5s, 1m] } }":                            "write retry: { backoff: [5s, 1m] }",
		"queues: { q: { retry: 3 } }":                                   "write retry: { backoff: [5s, 30s, 5m] }",
		"queues: { q: { durable: 'true' } }":                            "write durable: true",
		"queues: { q: { maxLength: '10' } }":                            "write maxLength: 10",
		"queues: { q: { deadLetter: [e, k] } }":                         "write deadLetter: { exchange: e, key: k }",
		"queues: { q: { arguments: [x-a: 1, x-b: two] } }":              "write arguments: { x-a: 1, x-b: two }",
		"events: { a: x/a.json }":                                       "write a: { exchange: EXCHANGE, schema: x/a.json }",
		"tests: { t: { publish: { event: a } } }":                       "write tests: [{ name: t, publish: { event: a } }]",
		"tests: [{ name: t, publish: a }]":                              "write publish: { event: a }",
		"users: { u: monitoring }":                                      "write u: { tags: monitoring }",
		"users: [{ name: u, password: hunter2 }]":                       "write users: { u: { password: … } }",
		"permissions: { u: .* }":                                        "write u: { configure: .*, write: .*, read: .* }",
		"permissions: [{ user: u, read: .* }]":                          "write permissions: { u: { read: .* } }",
		"vhosts: [a, 'on']":                                             `write vhosts: { a: {}, "on": {} }`,
		"vhost: { name: a }":                                            "write vhost: a",
		"external: [a]":                                                 "{ queues: [a] }",
		"queues: { q: { messageTTL: null } }":                           "leave the line out",
		"queues: { q: { maxLength: none } }":                            "write maxLength: null",
		"queues: { q: false }":                                          "write q: null",
		"queues: { q: { autoDelete: no } }":                             "write autoDelete: false",
		"queues: { q: { autoDelete: off } }":                            "write autoDelete: false",
		"queues: { q: { retry: { backoff: 5s } } }":                     "write backoff: [5s]",
		"bindings: [orders -> work]":                                    "write { exchange: orders, queue: work }",
		"queues: { q: { prefetch: 5 } }":                                "each consumer sets its own, as msgctl consume does",
		"include: other.yaml":                                           "-f topology.yaml -f other.yaml",
	} {
		got := problemsOf(text)
		if !strings.Contains(got, fix) {
			t.Errorf("%s: %s", text, got)
		}
		if strings.Contains(got, "hunter2") {
			t.Errorf("%s: a password is shown: %s", text, got)
		}
	}
}

// TestCorrectionIsBounded has files whose correction could be as long as they are, or longer.
func TestCorrectionIsBounded(t *testing.T) {
	bomb := "x-a: &a [x, x, x, x, x]\n"
	for i := range 12 {
		name, last := string(rune('b'+i)), string(rune('a'+i))
		bomb += "x-" + name + ": &" + name + " [*" + last + ", *" + last + ", *" + last + "]\n"
	}
	for _, text := range []string{bomb + "external: *m", "queues: [" + strings.Repeat("q, ", 100_000) + "q]",
		"queues: [" + strings.Repeat("q", 100_000) + "]"} {
		if got := problemsOf(text); len(got) > 5000 {
			t.Errorf("%d bytes of %.300s", len(got), got)
		}
	}
}

func TestAnUnreadPublishIsOneProblem(t *testing.T) {
	if got := problemsOf("tests: [{ name: t, publish: a }]"); strings.Contains(got, "neither") {
		t.Error(got)
	}
}

// problemsOf returns what there is to say about one topology file.
func problemsOf(text string) string {
	_, _, problems := Read([]source.Input{{Name: "t.yaml", Data: []byte(text)}}, Options{})
	return problems.Error()
}
