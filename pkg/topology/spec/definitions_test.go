package spec_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

const someHash = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"

// TestDefinitionsObjects: the forms in which brokers from 3.0 to 4.3 write one and the same thing.
func TestDefinitionsObjects(t *testing.T) {
	vhost := func(described, tagged, typed bool) *topology.VHost {
		v := &topology.VHost{Name: "v"}
		if v.Declared.Description = described; described {
			v.Description = "d"
		}
		if v.Declared.Tags = tagged; tagged {
			v.Tags = []string{"a"}
		}
		if v.Declared.DefaultQueueType = typed; typed {
			v.DefaultQueueType = "quorum"
		}
		return v
	}
	user := func(algorithm string, tags ...string) *topology.User {
		return &topology.User{Name: "u", Tags: tags, PasswordHash: someHash, HashingAlgorithm: "rabbit_password_hashing_" +
			algorithm}
	}
	for text, want := range map[string]topology.Object{
		`"vhosts": [{"name": "v"}]`: vhost(false, false, false),
		`"vhosts": [{"name": "v", "limits": [], "metadata": {"description": "d", "tags": ["a"], "default_queue_type": "quorum"}}]`: vhost(true, true, true),
		`"vhosts": [{"name": "v", "description": "d", "tags": ["a"], "default_queue_type": "quorum", "metadata": {}}]`:             vhost(true, true, true),
		`"vhosts": [{"name": "v", "default_queue_type": "undefined"}]`:                                                             vhost(false, false, false),
		`"users": [{"name": "u", "password_hash": "` + someHash +
			`", "tags": "administrator, monitoring"}]`: user("sha256", "administrator", "monitoring"),
		`"users": [{"name": "u", "password_hash": "` + someHash +
			`", "tags": ["administrator"], "limits": {}}]`: user("sha256", "administrator"),
		`"rabbit_version": "3.5.7", "users": [{"name": "u", "password_hash": "` + someHash +
			`", "tags": ""}]`: user("md5"),
		`"rabbit_version": "0.0.0", "users": [{"name": "u", "password_hash": "` + someHash +
			`", "tags": ""}]`: user("sha256"),
		`"rabbit_version": "2.8.7", "users": [{"name": "u", "password_hash": "` + someHash +
			`", "tags": ""}]`: user("sha256"),
		`"rabbit_version": "3.6.0", "users": [{"name": "u", "password_hash": "` + someHash +
			`", "tags": ""}]`: user("sha256"),
		`"users": [{"name": "u", "password_hash": "` + someHash +
			`", "hashing_algorithm": "rabbit_password_hashing_sha512", "tags": []}]`: user("sha512"),
		`"parameters": [{"vhost": "v", "component": "vhost-limits", "name": "limits", "value": {"max-queues": 5}}]`: &topology.VHostLimit{VHost: "v", Name: "max-queues", Value: 5},
		`"parameters": [{"vhost": "v", "component": "operator_policy", "name": "p", "value": {"pattern": "a", "definition": {"expires": 5}, "priority": 1, "apply-to": "queues"}}]`: &topology.Policy{
			Operator: true, VHost: "v", Name: "p", Pattern: "a", ApplyTo: "queues", Priority: 1,
			Definition: topology.Arguments{"expires": int64(5)}},
		`"parameters": [{"vhost": "v", "component": "policy", "name": "p", "value": {"pattern": "a", "definition": {"expires": 5}}}]`: &topology.Policy{
			VHost: "v", Name: "p", Pattern: "a", ApplyTo: "all", Definition: topology.Arguments{"expires": int64(5)}},
		`"policies": [{"vhost": "v", "name": "p", "pattern": "a", "definition": {"ha-mode": "all"}}]`: &topology.Policy{
			VHost: "v", Name: "p", Pattern: "a", ApplyTo: "all", Definition: topology.Arguments{"ha-mode": "all"}},
		`"parameters": [{"vhost": "v", "component": "shovel", "name": "s", "value": {"a": [1]}}]`: &topology.Parameter{VHost: "v", Component: "shovel", Name: "s", Value: map[string]any{"a": []any{int64(1)}}},
		`"global_parameters": [{"name": "g", "value": {"a": 1}}]`:                                 &topology.GlobalParameter{Name: "g", Value: map[string]any{"a": int64(1)}},
		`"queues": [{"name": "q", "vhost": "v", "durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum"}}]`: &topology.Queue{
			VHost: "v", Name: "q", Type: "quorum", TypeDeclared: true, Durable: true},
		`"queues": [{"name": "q", "vhost": "v", "type": "rabbit_classic_queue", "durable": true, ` +
			`"arguments": []}]`: &topology.Queue{VHost: "v", Name: "q", Type: "classic", TypeDeclared: true, Durable: true},
		`"queues": [{"name": "q", "vhost": "v", "type": "stream", "arguments": {"x-queue-type": "stream"}}]`: &topology.Queue{
			VHost: "v", Name: "q", Type: "stream", TypeDeclared: true, Durable: true},
		`"queues": [{"name": "q", "arguments": {"x-message-ttl": 5}}]`: &topology.Queue{VHost: "/", Name: "q",
			Type: "classic", Durable: true, Arguments: topology.Arguments{"x-message-ttl": int64(5)}},
		`"exchanges": [{"name": "x", "vhost": "v", "type": "x-consistent-hash", "durable": false, "auto_delete": true, "internal": true, "arguments": {"hash-header": "h"}}]`: &topology.Exchange{
			VHost: "v", Name: "x", Type: "x-consistent-hash", AutoDelete: true, Internal: true,
			Arguments: topology.Arguments{"hash-header": "h"}},
		`"permissions": [{"user": "u", "vhost": "v", "configure": "a", "write": "b", "read": "c"}]`:              &topology.Permission{VHost: "v", User: "u", Configure: "a", Write: "b", Read: "c"},
		`"topic_permissions": [{"user": "u", "vhost": "v", "exchange": "amq.topic", "write": "b", "read": "c"}]`: &topology.TopicPermission{VHost: "v", User: "u", Exchange: "amq.topic", Write: "b", Read: "c"},
	} {
		_, s := mustRead(t, "t.json", "{"+text+"}", spec.Options{})
		if diff := cmp.Diff([]topology.Object{want}, s.Objects(), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestDefinitionsProblems(t *testing.T) {
	const q = `"queues": [{"name": "q"}], "exchanges": [{"name": "x", "type": "topic"}]`
	for _, tc := range []struct {
		text string
		want []string
	}{
		{`{"queues": [], "quues": []}`,
			[]string{`warning t.json:1:16: unknown field "quues"; msgctl does not know it and leaves it out; did you mean queues?`}},
		{`{"queues": [{"name": "q", "duarble": true}]}`,
			[]string{`warning t.json:1:27: unknown field "duarble" in queues[0]`}},
		{`{"queues": [{"vhost": "v"}]}`,
			[]string{`error t.json:1:13: queues[0].name is missing`, `error t.json:1:13: queue "": has an empty name`}},
		{`{"queues": {"q": {"arguments": 5}}}`,
			[]string{`error t.json:1:32: queue "q": arguments must be a mapping, not 5 (an integer)`}},
		{`{"rabbit_version": "3.8.0", "queues": {"q": {}}}`,
			[]string{`error t.json:1:39: queues must be a list, not a mapping`}},
		{`{` + q + `, "bindings": [{"source": "y", "destination": "q", "destination_type": "queue", "routing_key": ""}]}`,
			[]string{`error t.json:1:100: binding "y" -> queue "q": exchange "y" is not declared; the binding could not be made; declare it in the file`}},
		{`{"bindings": [{"source": "y", "destination": "q", "destination_type": "queue"}]}`,
			[]string{`warning t.json:1:26: binding "y" -> queue "q": exchange "y" is not declared`,
				`warning t.json:1:46: binding "y" -> queue "q": queue "q" is not declared`}},
		{`{` + q + `, "bindings": [{"source": "x", "destination": "q", "destination_type": "qeue"}]}`,
			[]string{`bindings[0].destination_type cannot be "qeue"; did you mean queue?`}},
		{`{` + q + `, "bindings": [{"source": "", "destination": "q", "destination_type": "queue", "routing_key": "q"}]}`,
			[]string{`warning`}},
		{`{` + q + `, "bindings": [{"source": "", "destination": "q", "destination_type": "queue", "routing_key": "k"}]}`,
			[]string{`nothing can be bound to the default exchange`}},
		{`{"queues": [{"name": "q", "arguments": {"x-dead-letter-exchange": "d"}}]}`,
			[]string{`warning t.json:1:67: queue "q": x-dead-letter-exchange: exchange "d" is not declared; dead letters would vanish; declare it in the file`}},
		{`{"queues": [{"name": "q", "arguments": {"x-queue-type": "quorum", "x-max-priority": 5}}]}`,
			[]string{`error t.json:1:85: queue "q": a quorum queue does not take x-max-priority; the broker refuses it; remove it, or set "x-queue-type" to classic`}},
		{`{"queues": [{"name": "q", "arguments": {"x-ha-policy": "all"}}]}`,
			[]string{`warning t.json:1:56: queue "q": x-ha-policy does nothing`}},
		{`{"queues": [{"name": "q"}, {"name": "q"}]}`,
			[]string{`warning t.json:1:28: queue "q": is declared twice, first at t.json:1:13`}},
		{`{"queues": [{"name": "q"}, {"name": "q", "durable": false}]}`,
			[]string{`error t.json:1:28: queue "q": is declared twice`}},
		{`{"queues": [{"name": "q", "type": "rabbit_quorum_queue", "arguments": {}}]}`,
			[]string{`warning t.json:1:35: queue "q": its type quorum is left out, as a broker's import does; ` +
				`without the argument`}},
		{`{"exchanges": [{"name": "x", "type": "direct"}], "queues": [{"name": "q"}], "bindings": [{"source": "x", ` +
			`"destination": "q", "destination_type": "queue", "routing_key": "0", ` +
			`"arguments": {"x-stream-partition-order": 0}}]}`, nil},
		{`{"queues": [{"name": "q", "exclusive": true}]}`,
			[]string{`warning t.json:1:40: queue "q": is exclusive and left out`}},
		{`{"global_parameters": [{"name": "internal_cluster_id", "value": "x"}]}`,
			[]string{`warning t.json:1:24: the global parameter internal_cluster_id is left alone`}},
		{`{"users": [{"name": "u", "password": "hunter2", "tags": ""}]}`,
			[]string{`warning t.json:1:38: user "u": the file has the password in plain text`}},
		{`{"policies": [{"name": "p", "pattern": "a", "apply-to": "queue", "definition": {"expires": 5}}]}`,
			[]string{`policies[0].apply-to cannot be "queue"; did you mean queues?`}},
		{`{"parameters": [{"vhost": "v", "component": "operator_policy", "name": "p", "value": {"pattern": "a", "definition": {"dead-letter-exchange": "amq.direct"}}}]}`, []string{`operator policies cannot set dead-letter-exchange`}},
		{`{"parameters": [{"vhost": "v", "component": "vhost-limits", "name": "limits", "value": {"max-queue": 5, "max-connections": "x"}}]}`, []string{`"max-queue" is no limit`, `must be an integer`}},
	} {
		_, _, problems := read("t.json", tc.text, spec.Options{})
		ok := len(problems) == len(tc.want)
		for i := 0; ok && i < len(problems); i++ {
			ok = strings.Contains(string(problems[i].Severity)+" "+problems[i].Error(), tc.want[i])
		}
		if !ok {
			t.Errorf("%s\n want %q\n got  %v", tc.text, tc.want, problems)
		}
		if strings.Contains(problems.Error(), "hunter2") {
			t.Error("a password in a message")
		}
	}
}

// TestDefinitionsAreRecognised by what is in them, never by their name.
func TestDefinitionsAreRecognised(t *testing.T) {
	for _, tc := range []struct{ name, text string }{
		{"<stdin>", `{"queues": [{"name": "q"}]}`}, {"any.json", `{"rabbit_version": "3.8", "queues": [{"name": "q"}]}`},
		{"t.yaml", "rabbitmq_version: 4.0.5\nqueues:\n  - name: q\n    durable: true\n"},
		{"<stdin>", `{"queues": {"q": {}}}`}, {"t.json", `{"version": 1, "queues": {"q": {}}}`}, {"t.json",
			"\ufeff{\"queues\": [{\"name\": \"q\"}]}"},
	} {
		_, s := mustRead(t, tc.name, tc.text, spec.Options{})
		get[*topology.Queue](t, s, topology.KindQueue, "/", "q")
	}
	if _, _, problems := read("t.json", `{"version": 1, "queues": []}`,
		spec.Options{}); !strings.Contains(problems.Error(), "queues must be a mapping") {
		t.Errorf("a file that says version: 1 is a topology file: %v", problems)
	}
	// ${ is no variable in a definitions file.
	_, s := mustRead(t, "t.json", `{"queues": [{"name": "${q}"}]}`, spec.Options{})
	get[*topology.Queue](t, s, topology.KindQueue, "/", "${q}")
}

func TestDefinitionsAndTopologyTogether(t *testing.T) {
	_, s, problems := spec.Read([]source.Input{
		{Name: "a.json", Data: []byte(`{"exchanges": [{"name": "x", "type": "topic"}]}`)},
		{Name: "b.yaml", Data: []byte("name: n\nqueues: { q: { bindings: [{ exchange: x }] } }")},
	}, spec.Options{})
	if len(problems) > 0 || s.Len() != 3 || s.Name != "n" {
		t.Error(s.Len(), problems)
	}
}
