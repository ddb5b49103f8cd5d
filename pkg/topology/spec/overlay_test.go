package spec

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

const baseDefinitions = `{"vhosts":[{"name":"v","description":"one"}],
"users":[{"name":"u","password_hash":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj","hashing_algorithm":"rabbit_password_hashing_sha256","tags":["management"]}],
"permissions":[{"user":"u","vhost":"v","configure":"","write":"a","read":"b"}],
"policies":[{"vhost":"v","name":"p","pattern":"^q","apply-to":"queues","priority":7,"definition":{"max-length":5,"expires":60000}}],
"exchanges":[{"name":"x","vhost":"v","type":"topic","durable":true,"auto_delete":false,"internal":false,"arguments":{}}],
"queues":[{"name":"q","vhost":"v","durable":true,"auto_delete":false,"arguments":{"x-queue-type":"quorum","x-message-ttl":1000}},
{"name":"other","vhost":"v","durable":true,"auto_delete":false,"arguments":{}}],
"bindings":[{"source":"x","vhost":"v","destination":"q","destination_type":"queue","routing_key":"k","arguments":{}}]}`

const changes = `
vhost: v
vhosts: { v: { tags: [prod] } }
users: { u: { tags: [monitoring] } }
permissions: { u: { write: c } }
policies: { p: { pattern: ^q, definition: { max-length: 9 } } }
exchanges: { x: { alternateExchange: amq.fanout } }
queues: { q: { maxLength: 10, bindings: [{ exchange: x, key: more }] }, new: {} }
tests: [{ name: t, publish: { exchange: x, key: k }, expect: [q] }]
`

func TestTopologyFileChangesDefinitions(t *testing.T) {
	files := []source.Input{{Name: "d.json", Data: []byte(baseDefinitions)}, {Name: "o.yaml", Data: []byte(changes)}}
	_, state, problems := Read(files, Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	get := func(ref topology.Ref) topology.Object { o, _ := state.Get(ref); return o }
	for _, want := range []topology.Object{
		&topology.Queue{VHost: "v", Name: "q", Type: topology.Quorum, TypeDeclared: true, Durable: true,
			Arguments: topology.Arguments{"x-message-ttl": int64(1000), "x-max-length": int64(10)}},
		&topology.Exchange{VHost: "v", Name: "x", Type: "topic", Durable: true,
			Arguments: topology.Arguments{"alternate-exchange": "amq.fanout"}},
		&topology.Policy{VHost: "v", Name: "p", Pattern: "^q", ApplyTo: "queues", Priority: 7,
			Definition: topology.Arguments{"max-length": int64(9), "expires": int64(60000)}},
		&topology.Permission{VHost: "v", User: "u", Write: "c", Read: "b"},
		&topology.User{Name: "u", Tags: []string{"monitoring"}, HashingAlgorithm: "rabbit_password_hashing_sha256",
			PasswordHash: "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIj"},
	} {
		if diff := cmp.Diff(want, get(want.Ref())); diff != "" {
			t.Error(diff)
		}
	}
	v := get((&topology.VHost{Name: "v"}).Ref()).(*topology.VHost)
	if v.Description != "one" || !v.Declared.Description || !cmp.Equal(v.Tags, []string{"prod"}) ||
		v.Declared.DefaultQueueType {
		t.Errorf("%+v", v)
	}
	ref := topology.QueueRef("v", "q")
	at, part := state.Position(ref).String(), state.PartPosition(ref, "x-max-length").String()
	if !strings.HasPrefix(at, "d.json:") || !strings.HasPrefix(part, "o.yaml:") {
		t.Errorf("declared at %s, its limit at %s", at, part)
	}

	for text, want := range map[string]string{
		"vhost: v\nqueues: { other: null, q: }":          `queues: null cannot remove "other"`,
		"vhost: v\npolicies: { p: ~ }":                   `policies: null cannot remove "p"`,
		"vhost: v\nqueues: null":                         `: null cannot remove "queues"`,
		"vhosts: { v: { queues: { other: null, q: } } }": `queues: null cannot remove "other"`,
		"vhosts: { v: null }":                            `vhosts: null cannot remove "v"`,
		"vhost: v\nparameters: { shovel: { s: null } }":  `parameters: shovel: null cannot remove "s"`,
		"vhost: w\nqueues: { q: {} }":                    `vhost "w" is none of the definitions, which declare v`,
		"vhost: w":                                       `vhost "w" is none of`,
		"queues: { q: {} }":                              `without vhost, this file is for "/", which is none of`,
		"vhosts: { v: {}, w: {} }":                       "",
		"users: { new: {} }":                             "",
		"vhost: v\nqueues: { q: }\n":                     "",
	} {
		_, _, problems = Read([]source.Input{files[0], {Name: "r.yaml", Data: []byte(text)}}, Options{})
		if got := problems.Error(); !strings.Contains(got, want) || strings.Contains(got, `"q"`) || want == "" && got != "" {
			t.Errorf("%s on top of definitions: %s", text, got)
		}
	}

	files[0], files[1] = files[1], files[0]
	_, _, problems = Read(files, Options{})
	if text := problems.Error(); !strings.Contains(text, `queue "q": is declared twice`) {
		t.Errorf("definitions after the topology file: %s", text)
	}
}
