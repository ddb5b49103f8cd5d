package spec_test

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// TestVariablesOfSecrets: what may be read, and where it may stand.
func TestVariablesOfSecrets(t *testing.T) {
	own := "t.yaml:1:%: the variable MSGCTL_PASSWORD holds msgctl's own credentials"
	secret := "is a secret by its name, and this field is shown to everybody"
	for _, tc := range []struct{ text, want string }{
		{`queues: { "x-${MSGCTL_PASSWORD}-${AWS_SECRET_ACCESS_KEY:-}": {} }`, own},
		{`queues: { "x-${AWS_SECRET_ACCESS_KEY:-}": {} }`, "AWS_SECRET_ACCESS_KEY " + secret},
		{`queues: { q: { arguments: { x-a: "${DB_PASSWORD}" } } }`, "DB_PASSWORD " + secret},
		{`queues: { q: { arguments: { x-a: { password: "${DB_PASSWORD}" } } } }`, "DB_PASSWORD " + secret},
		{`vhost: "${API_TOKEN}"`, "API_TOKEN " + secret},
		{`users: { u: { tags: ["${APIKEY}"] } }`, "APIKEY " + secret},
		{`users: { u: { password: "${MSGCTL_PASSWORD}" } }`, own},
		{`users: { u: { password: "${DB_PASSWORD}", passwordHash: "" } }`, ""},
		{`users: { u: { password: "${P}" } }`, ""},
		{`vhosts: { v: { parameters: { shovel: { s: { a-token: "${API_TOKEN}" } } } } }`, ""},
		{`globalParameters: { g: { secret: "${API_TOKEN}" } }`, ""},
		{`globalParameters: { g: { title: "${API_TOKEN}" } }`, "API_TOKEN " + secret},
		{`globalParameters: { token: "${API_TOKEN}" }`, "API_TOKEN " + secret},
		{`parameters: { federation-upstream: { u: { uri: "amqp://u:${DB_PASSWORD}@h" } } }`, ""},
		{`parameters: { federation-upstream: { u: { uri: ["amqp://u:${DB_PASSWORD:-x}@h", "${UP_SECRET}"] } } }`, ""},
		{`parameters: { federation-upstream: { u: { uri: "amqp://${DB_PASSWORD}:p@h" } } }`, "DB_PASSWORD " + secret},
		{`parameters: { federation-upstream: { u: { uri: "amqp://u:p@h/${DB_PASSWORD}" } } }`, "DB_PASSWORD " + secret},
		// The words are words.
		{`queues: { "${MONKEY_ENV}${KEYSPACE}${ROUTING_KEY}${PASSENGER}${PUBLIC_KEY}": {} }`, ""},
		// What another secret contains, under any name.
		{`queues: { "${LEAK}": {} }`, "the value of the variable LEAK is or contains a secret"},
		// Anchors: what counts is where the value is used.
		{`{ x-a: &p "${DB_PASSWORD}", users: { u: { password: *p } } }`, ""},
		{`{ users: { u: { password: &p "${DB_PASSWORD}" } }, queues: { q: { deadLetter: *p } } }`, "DB_PASSWORD " + secret},
		{`{ x-a: &p { password: "${DB_PASSWORD}" }, queues: { q: { arguments: *p } } }`, "DB_PASSWORD " + secret},
		{`{ x-a: &p { q: { arguments: { x: "${DB_PASSWORD}" } } }, queues: { <<: *p } }`, "DB_PASSWORD " + secret},
	} {
		_, _, problems := read("t.yaml", tc.text, spec.Options{Forbidden: []string{"MSGCTL_PASSWORD"},
			Leaks: func(v string) bool { return v == "leak" }, Env: func(name string) (string, bool) {
				if name == "LEAK" {
					return "leak", true
				}
				return "v4lue", true
			}})
		found := ""
		for _, p := range problems {
			if strings.Contains(p.Message, "variable") {
				found += p.Error() + "\n"
			}
		}
		want := strings.ReplaceAll(tc.want, "t.yaml:1:%: ", "")
		if tc.want == "" && found != "" || !strings.Contains(found, want) {
			t.Errorf("%s\n want %q\n got  %s", tc.text, tc.want, found)
		}
		if strings.Contains(problems.Error(), "v4lue") && tc.want != "" {
			t.Errorf("%s: the value shows: %s", tc.text, problems)
		}
	}
}

// TestUnset: a variable without a value hides no other finding and makes none.
func TestUnset(t *testing.T) {
	text := `
vhost: "${VHOST}"
users: { u: { password: "${P}" } }
exchanges: { "${E}.x": { type: "${TYPE}" } }
queues:
  "${E}.q": { type: "${TYPE}", maxLength: "${N}", bindings: [{ exchange: "${E}.x", key: "${K}" }] }
  bad: { maxLength: -1, deadLetter: nobody }
policies: { p: { pattern: "${E}", priority: "${N}", definition: { message-ttl: "${N}" } } }
events: { "${E}.created": { exchange: "${E}.x", key: "a.${K}" } }
tests: [{ name: "${E}", publish: { event: "${E}.created" }, expect: ["${E}.q"] }]
parameters: { federation-upstream: { u: { uri: "${URI}", expires: "${N}" } } }
`
	_, _, problems := read("t.yaml", text, spec.Options{})
	var others []string
	unset := map[string]bool{}
	for _, p := range problems {
		if name, ok := strings.CutPrefix(strings.TrimSuffix(p.Message, " is not set"), "the variable "); ok {
			unset[name] = true
			continue
		}
		others = append(others, p.Error())
	}
	if len(unset) != 5 || unset["P"] || unset["URI"] {
		t.Errorf("not set: %v", unset)
	}
	if len(others) != 2 || !strings.Contains(others[0], "maxLength cannot be -1") ||
		!strings.Contains(others[1], `deadLetter: queue "nobody"`) {
		t.Errorf("%d: %s", len(others), strings.Join(others, "\n"))
	}
}

// TestSecretsThatAreNotNeeded: only what applies a file wants them.
func TestSecretsThatAreNotNeeded(t *testing.T) {
	text := `
users: { u: { password: "${P}", tags: [] }, h: { passwordHash: "${H}" } }
parameters:
  federation-upstream:
    u: { uri: "${URI}" }
    v: { uri: ["amqp://u:${DB_PASSWORD}@h"] }
`
	_, state, problems := read("t.yaml", text, spec.Options{})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	if u, _ := state.Get(topology.Ref{Kind: topology.KindUser, Name: "u"}); u.(*topology.User).Password != "" {
		t.Errorf("%+v", u)
	}
	ref := topology.Ref{Kind: topology.KindParameter, VHost: "/", Parent: "federation-upstream", Name: "u"}
	if p, _ := state.Get(ref); p.(*topology.Parameter).Value.(map[string]any)["uri"] != "amqp://"+source.UnsetSecret {
		t.Errorf("%+v", p.(*topology.Parameter).Value)
	}
	_, _, problems = read("t.yaml", text, spec.Options{NeedSecrets: true})
	if problems.Errors() != 4 {
		t.Errorf("%d: %v", problems.Errors(), problems)
	}
}
