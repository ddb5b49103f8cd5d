package export_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

// broad has what all supported brokers take, under names that need quoting.
const broad = `
exchanges:
  "a/b c": { type: topic, alternateExchange: ключ, bindings: [{ exchange: h, match: any, headers: { n: 1, t: yes, b: true, f: 1.5 } }] }
  ключ: { type: fanout, internal: true, autoDelete: true, durable: false }
  h: { type: headers }
queues:
  "a queue/with #%?": { bindings: [{ exchange: "a/b c", keys: ["k.#", "", "ü", "$${x}"] }], deadLetter: dead, messageTTL: 24h, maxLength: 5, maxLengthBytes: 1GiB, overflow: reject-publish, maxPriority: 3, singleActiveConsumer: true, expires: 1d }
  q: { type: quorum, deadLetter: { exchange: ключ, key: k, strategy: at-least-once }, deliveryLimit: 5, initialGroupSize: 1, retry: { backoff: [5s, 1m] }, overflow: reject-publish }
  s: { type: stream, maxAge: 7D, maxSegmentSize: 1MB, initialClusterSize: 1, maxLengthBytes: 5MB }
  dead: { type: classic, durable: true, autoDelete: true, arguments: { x-own: [1, a, true, { k: v }] } }
policies:
  p: { pattern: "^a", applyTo: queues, priority: 7, definition: { max-length-bytes: 10MB } }
  "all of them": { pattern: ".*", definition: { alternate-exchange: h } }
operatorPolicies:
  o: { pattern: ".*", applyTo: queues, definition: { max-length: 100000, expires: 30d } }
limits: { maxConnections: 100, maxQueues: 50 }
parameters: { federation-upstream: { up: { uri: "amqp://localhost", expires: 3600000 } } }
`

// TestBrokersImportDefinitions: what WriteDefinitions writes is taken by the broker's own import,
// and what the broker then exports is read back as the same state.
func TestBrokersImportDefinitions(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		// The name is ASCII because 4.0.5 and 4.3.6 fail to export a vhost of any other (their JSON
		// encoder gets Latin-1).
		v := b.VHost(t, rabbittest.Named("msgctl-spec a/b"))
		_, want := mustRead(t, "t.yaml", broad, spec.Options{VHost: v.Name})
		var text bytes.Buffer
		if err := export.WriteDefinitions(&text, want, export.Options{Users: true}); err != nil {
			t.Fatal(err)
		}
		v.Client().Post(t, "/api/definitions", json.RawMessage(text.Bytes()), nil)

		var exported json.RawMessage
		v.Client().Get(t, rabbittest.Path("definitions", v.Name), &exported)
		_, got, problems := spec.Read([]source.Input{{Name: "exported.json", Data: exported}},
			spec.Options{DefaultVHost: v.Name})
		if problems.HasErrors() {
			t.Fatal(problems)
		}
		kinds := []topology.Kind{topology.KindExchange, topology.KindQueue, topology.KindBinding, topology.KindPolicy,
			topology.KindOperatorPolicy, topology.KindParameter}
		expected := pick(want, kinds)
		if b.Line == "4.3" { // 4.3.6 imports internal exchanges and leaves them out of its exports
			expected = slices.DeleteFunc(expected, func(o topology.Object) bool {
				x, ok := o.(*topology.Exchange)
				if ok && x.Internal && !v.Client().Exists(t, rabbittest.Path("exchanges", v.Name, x.Name)) {
					t.Errorf("exchange %q was not imported", x.Name)
				}
				return ok && x.Internal
			})
		}
		if diff := cmp.Diff(expected, pick(got, kinds), cmpopts.EquateEmpty(),
			cmpopts.IgnoreFields(topology.Queue{}, "TypeDeclared")); diff != "" {
			t.Error(diff)
		}
		// And a topology file of the broker's own words says the same.
		var yaml bytes.Buffer
		if err := export.WriteYAML(&yaml, got, export.Options{Users: true, Secrets: true}); err != nil {
			t.Fatal(err)
		}
		_, again, problems := spec.Read([]source.Input{{Name: "t.yaml", Data: yaml.Bytes()}}, spec.Options{})
		if diff := same(got, again); diff != "" || problems.HasErrors() {
			t.Errorf("%v\n%s\n%s", problems, diff, yaml.String())
		}
	})
}

func pick(s *topology.State, kinds []topology.Kind) []topology.Object {
	return slices.DeleteFunc(s.Objects(), func(o topology.Object) bool { return !slices.Contains(kinds, o.Ref().Kind) })
}

// TestBrokersRefuseWhatIsRefusedOffline: every "the broker refuses" of the offline checks is true
// on every line.
func TestBrokersRefuseWhatIsRefusedOffline(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		c := v.Client()
		c.Put(t, rabbittest.Path("queues", v.Name, "there"), map[string]any{})
		for _, tc := range []struct {
			text   string // refused offline
			method string
			path   []string
			body   string
		}{
			{"queues: { amq.q: }", http.MethodPut, []string{"queues", v.Name, "amq.q"}, `{}`},
			{"exchanges: { amq.x: }", http.MethodPut, []string{"exchanges", v.Name, "amq.x"}, `{"type": "direct"}`},
			{"queues: { q: { type: quorum, maxPriority: 5 } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-queue-type": "quorum", "x-max-priority": 5}}`},
			{"queues: { q: { type: quorum, durable: false } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"durable": false, "arguments": {"x-queue-type": "quorum"}}`},
			{"queues: { q: { type: stream, autoDelete: true } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"auto_delete": true, "arguments": {"x-queue-type": "stream"}}`},
			{"queues: { q: { type: stream, messageTTL: 5s } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-queue-type": "stream", "x-message-ttl": 5000}}`},
			{"queues: { q: { deliveryLimit: 5 } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-queue-type": "classic", "x-delivery-limit": 5}}`},
			{"queues: { q: { arguments: { x-message-ttl: 1000.0 } } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-message-ttl": 1000.0}}`},
			{"queues: { q: { messageTTL: 4000d } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-message-ttl": 345600000000}}`},
			{"queues: { q: { expires: 0 } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-expires": 0}}`},
			{"queues: { q: { deadLetter: { key: k } } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-dead-letter-routing-key": "k"}}`},
			{"queues: { q: { arguments: { x-overflow: drop-tail } } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-overflow": "drop-tail"}}`},
			{"queues: { q: { arguments: { x-queue-type: mirrored } } }", http.MethodPut, []string{"queues", v.Name, "q"},
				`{"arguments": {"x-queue-type": "mirrored"}}`},
			{"exchanges: { x: { type: topik } }", http.MethodPut, []string{"exchanges", v.Name, "x"}, `{"type": "topik"}`},
			{"policies: { p: { pattern: a, definition: {} } }", http.MethodPut, []string{"policies", v.Name, "p"},
				`{"pattern": "a", "definition": {}}`},
			{"policies: { p: { pattern: a, definition: { x-queue-type: quorum } } }", http.MethodPut,
				[]string{"policies", v.Name, "p"}, `{"pattern": "a", "definition": {"x-queue-type": "quorum"}}`},
			{"policies: { p: { pattern: a, definition: { max-priority: 5 } } }", http.MethodPut,
				[]string{"policies", v.Name, "p"}, `{"pattern": "a", "definition": {"max-priority": 5}}`},
			{"policies: { p: { pattern: a, definition: { max-length: many } } }", http.MethodPut,
				[]string{"policies", v.Name, "p"}, `{"pattern": "a", "definition": {"max-length": "many"}}`},
			{"operatorPolicies: { p: { pattern: a, definition: { dead-letter-exchange: amq.direct } } }", http.MethodPut,
				[]string{"operator-policies", v.Name,
					"p"}, `{"pattern": "a", "definition": {"dead-letter-exchange": "amq.direct"}}`},
			{"queues: { there: }\nbindings: [{ exchange: amq.headers, queue: there, arguments: { x-match: none } }]",
				http.MethodPost, []string{"bindings", v.Name, "e", "amq.headers", "q",
					"there"}, `{"arguments": {"x-match": "none"}}`},
			{"queues: { there: }\nbindings: [{ exchange: nowhere, queue: there }]", http.MethodPost,
				[]string{"bindings", v.Name, "e", "nowhere", "q", "there"}, `{}`},
			{`{"queues": [{"name": "there"}], "bindings": [{"source": "", "destination": "there", "destination_type": "queue", "routing_key": "k"}]}`,
				http.MethodPost, []string{"bindings", v.Name, "e", "amq.default", "q", "there"}, `{"routing_key": "k"}`},
			{"policies: { p: { pattern: '*', definition: { expires: 5 } } }", http.MethodPut, []string{"policies", v.Name, "p"},
				`{"pattern": "*", "definition": {"expires": 5}}`},
			{"policies: { p: { pattern: '(', definition: { expires: 5 } } }", http.MethodPut, []string{"policies", v.Name, "p"},
				`{"pattern": "(", "definition": {"expires": 5}}`},
			{"policies: { p: { pattern: 'a)', definition: { expires: 5 } } }", http.MethodPut, []string{"policies", v.Name, "p"},
				`{"pattern": "a)", "definition": {"expires": 5}}`},
			{"permissions: { u: { configure: '*' } }", http.MethodPut, []string{"permissions", v.Name, v.Login},
				`{"configure": "*", "write": "", "read": ""}`},
			{"permissions: { u: { read: '[a' } }", http.MethodPut, []string{"permissions", v.Name, v.Login},
				`{"configure": "", "write": "", "read": "[a"}`},
			{"topicPermissions: { u: { amq.topic: { write: '\\' } } }", http.MethodPut,
				[]string{"topic-permissions", v.Name, v.Login}, `{"exchange": "amq.topic", "write": "\\", "read": ""}`},
			{"users: { u: { passwordHash: \"%\" } }", http.MethodPut, []string{"users", v.Login + "-x"},
				`{"password_hash": "%", "tags": ""}`},
		} {
			_, _, problems := read("<stdin>", tc.text, spec.Options{})
			if !problems.HasErrors() {
				t.Errorf("%s: nothing is wrong with it offline", tc.text)
			}
			path := rabbittest.Path(tc.path...)
			err := c.Do(tc.method, path, json.RawMessage(tc.body), nil)
			var refused *rabbittest.StatusError
			if !errors.As(err, &refused) || refused.Status < 400 || refused.Status >= 500 {
				t.Errorf("%s: offline %v\n the broker says %v", tc.text, one(problems), err)
				_ = c.Do(http.MethodDelete, path, nil, nil)
			}
		}
	})
}

func one(problems diag.Diagnostics) string {
	if len(problems) == 0 {
		return "fine"
	}
	return strings.SplitN(problems[0].Error(), "\n", 2)[0]
}
