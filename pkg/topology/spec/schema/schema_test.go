package schema

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

func compiledSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(ID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(ID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fromYAML(t testing.TB, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// failer is what *testing.T and *rapid.T have in common.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// verdicts asks the parser and the schema about one document. Only the structure counts: what Load
// finds.
func verdicts(t failer, s *jsonschema.Schema, doc any) (parser, schema error) {
	t.Helper()
	text, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	env := func(string) (string, bool) { return "value", true }
	_, problems := spec.Load([]source.Input{{Name: "t.yaml", Data: text}}, spec.Options{Env: env})
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return problems.Err(), s.Validate(instance)
}

func everything(t testing.TB) any {
	t.Helper()
	text, err := os.ReadFile("../testdata/all.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return fromYAML(t, text)
}

func TestEveryFieldIsCovered(t *testing.T) {
	seen := map[string]bool{}
	collectKeys(everything(t), seen)
	done := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		for slices.Contains([]reflect.Kind{reflect.Pointer, reflect.Map, reflect.Slice}, typ.Kind()) {
			typ = typ.Elem()
		}
		if typ.Kind() != reflect.Struct || done[typ] || unionSchema(typ) != nil {
			return
		}
		done[typ] = true
		for _, f := range decode.FieldsOf(typ) {
			if !seen[f.Name] {
				t.Errorf("testdata/all.yaml has no %s.%s", typ.Name(), f.Name)
			}
			walk(typ.FieldByIndex(f.Index).Type)
		}
	}
	walk(reflect.TypeFor[spec.Spec]())
	if parser, schema := verdicts(t, compiledSchema(t), everything(t)); parser != nil || schema != nil {
		t.Errorf("parser: %v\nschema: %v", parser, schema)
	}
}

func collectKeys(v any, into map[string]bool) {
	switch x := v.(type) {
	case map[string]any:
		for k, e := range x {
			into[k] = true
			collectKeys(e, into)
		}
	case []any:
		for _, e := range x {
			collectKeys(e, into)
		}
	}
}

func TestSchemaAgreesOnExample(t *testing.T) {
	text, err := os.ReadFile("../../../../examples/topology.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := compiledSchema(t).Validate(fromYAML(t, text)); err != nil {
		t.Error(err)
	}
}

func TestSchemaAgrees(t *testing.T) {
	s := compiledSchema(t)
	for text, ok := range map[string]bool{
		`{}`:                                        true,
		`{version: 2}`:                              false,
		`{version: "1"}`:                            false,
		`{name: ""}`:                                false,
		`{queues: {q: {messageTTL: 24h}}}`:          true,
		`{queues: {q: {messageTTL: 86400000}}}`:     true,
		`{queues: {q: {messageTTL: -1}}}`:           false,
		`{queues: {q: {messageTTL: 24 hours}}}`:     false,
		`{queues: {q: {messageTTL: }}}`:             false,
		`{queues: {q: {messageTtl: 1}}}`:            false,
		`{queues: {q: {maxLengthBytes: 10M}}}`:      false,
		`{queues: {q: {maxLengthBytes: 1.5GiB}}}`:   true,
		`{queues: {q: {maxLength: 1.5}}}`:           false,
		`{queues: {q: {durable: "yes"}}}`:           false,
		`{queues: {q: {type: mirrored}}}`:           false,
		`{queues: {q: {deliveryLimit: forever}}}`:   false,
		`{queues: {q: {deliveryLimit: unlimited}}}`: true,
		`{queues: {q: {deliveryLimit: -2}}}`:        false,
		`{queues: {q: {maxAge: 90 days}}}`:          false,
		`{queues: {q: {maxAge: 12h30m}}}`:           true,
		`{queues: {q: {deadLetter: ""}}}`:           false,
		`{queues: {q: {deadLetter: 5}}}`:            false,
		`{queues: {q: {deadLetter: {queue: a}}}}`:   false,
		`{queues: {q: {deadLetter: }}}`:             false,
		`{queues: {q: {retry: }}}`:                  false,
		`{queues: {q: {retry: {backoff: []}}}}`:     false,
		`{queues: {q: {retry: {backoff: 5s}}}}`:     false,
		`{alerts: {full: 80, nearlyFull: 1%}}`:      false,
		`{alerts: {full: 100%, nearlyFull: off}}`:   true,
		`{alerts: {growth: never}}`:                 false,
		`{queues: {q: {alerts: {deadLetters: 5}}}}`: true,
		`{queues: {q: {alerts: {queueFull: 5}}}}`:   false,
		`{queues: {q: , r: {}}}`:                    true,
		`{queues: }`:                                true,
		`{queues: [q]}`:                             false,
		`{queues: {q: {bindings: [{key: a}]}}}`:     false,
		`{queues: {q: {bindings: {exchange: a}}}}`:  false,
		`{queues: {q: {bindings: [ null ]}}}`:       false,
		`{policies: {p: {definition: {}}}}`:         false,
		`{policies: {p: }}`:                         false,
		`{users: {u: {password: secret}}}`:          false,
		`{users: {u: {password: "${P}"}}}`:          true,
		`{users: {u: {password: "${P:-secret}"}}}`:  false,
		`{users: {u: {tags: 5}}}`:                   false,
		`{vhosts: {v: {users: {}}}}`:                false,
		`{vhosts: {v: }}`:                           true,
		`{x-anything: [1]}`:                         true,
		`{queues: {q: {x-message-ttl: 1}}}`:         false,
		`{tests: [{name: n}]}`:                      false,
		`{events: {e: {exchange: x, schema: 5}}}`:   false,
		`{events: {e: {exchange: x, schema: " "}}}`: false,
	} {
		parser, schema := verdicts(t, s, fromYAML(t, []byte(text)))
		if (parser == nil) != ok || (schema == nil) != ok {
			t.Errorf("%s: want accepted=%v\n parser: %v\n schema: %v", text, ok, parser, schema)
		}
	}
}

// mutant changes one place of a document at random.
func mutant(t *rapid.T, v any) any {
	replacement := rapid.Custom(func(t *rapid.T) any {
		return rapid.SampledFrom([]any{nil, true, 5, -2, 1 << 40, 1.5, "text", "", "24h", "10MB", "7D", "quorum", "all",
			[]any{}, []any{"a"}, []any{nil}, map[string]any{}, map[string]any{"a": 1}}).Draw(t, "value")
	})
	switch x := v.(type) {
	case map[string]any:
		if len(x) == 0 || rapid.IntRange(0, 7).Draw(t, "here") == 0 {
			return replacement.Draw(t, "replacement")
		}
		out := map[string]any{}
		keys := []string{}
		for k, e := range x {
			out[k], keys = e, append(keys, k)
		}
		slices.Sort(keys)
		k := rapid.SampledFrom(keys).Draw(t, "key")
		switch rapid.IntRange(0, 9).Draw(t, "how") {
		case 0:
			delete(out, k)
		case 1:
			out[k+"x"] = out[k]
			delete(out, k)
		default:
			out[k] = mutant(t, out[k])
		}
		return out
	case []any:
		if len(x) == 0 || rapid.IntRange(0, 7).Draw(t, "here") == 0 {
			return replacement.Draw(t, "replacement")
		}
		out := slices.Clone(x)
		i := rapid.IntRange(0, len(out)-1).Draw(t, "index")
		out[i] = mutant(t, out[i])
		return out
	}
	return replacement.Draw(t, "replacement")
}

func TestSchemaAgreesOnMutants(t *testing.T) {
	s, base := compiledSchema(t), everything(t)
	rejected := 0
	rapid.Check(t, func(t *rapid.T) {
		doc := mutant(t, base)
		if _, isMap := doc.(map[string]any); !isMap {
			return
		}
		parser, schema := verdicts(t, s, doc)
		if (parser == nil) != (schema == nil) {
			t.Fatalf("parser: %v\nschema: %v", parser, schema)
		}
		if parser != nil {
			rejected++
		}
	})
	if rejected == 0 {
		t.Error("no mutant was rejected")
	}
}

func TestSchemaIsDescribed(t *testing.T) {
	text, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"How long a message may wait", "#/$defs/Queue",
		`"pattern": "^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the schema has no %s", want)
		}
	}
}

func TestSchemaFileIsUpToDate(t *testing.T) {
	want, err := Generate()
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../../../schema/topology.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("schema/topology.schema.json is stale: run go run ./dev gen schema")
	}
}
