package event_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/event"
)

func ofSchema(schema string, examples ...string) *event.Catalogue {
	t := event.Type{Name: "x", Schema: json.RawMessage(schema)}
	for _, e := range examples {
		t.Examples = append(t.Examples, json.RawMessage(e))
	}
	return event.NewCatalogue([]event.Type{t})
}

// TestGeneratedPayloadsAreValid: Generate validates what it makes, so the test is that it makes
// something.
func TestGeneratedPayloadsAreValid(t *testing.T) {
	for _, schema := range []string{
		`true`, `{}`, `{"type":"null"}`, `{"type":["null","string"]}`, `{"const":{"a":[1]}}`, `{"enum":[7,8]}`,
		`{"default":"d","type":"string"}`,
		`{"type":"string","minLength":30}`, `{"type":"string","maxLength":2}`, `{"pattern":"^[A-Z]{3}-\\d{4}(x|y)+$"}`,
		`{"pattern":"^\\S+@[^.]+\\.org$","type":"string"}`, `{"pattern":"^.{5,}z$"}`,
		`{"type":"integer","minimum":1.5,"multipleOf":7}`, `{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1}`,
		`{"type":"number","maximum":-3}`, `{"multipleOf":0.25,"minimum":3.1}`,
		`{"type":"array","minItems":3,"uniqueItems":true,"items":{"type":"string"}}`,
		`{"type":"array","uniqueItems":true,"minItems":4,"items":{"type":"integer"}}`,
		`{"prefixItems":[{"type":"integer"},{"type":"string"}],"type":"array","items":false,"minItems":2}`,
		`{"type":"array","contains":{"const":5}}`,
		`{"oneOf":[{"type":"string","minLength":3},{"type":"object","required":["a"],"properties":{"a":{"type":"integer"}}}]}`,
		`{"type":"object","anyOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":false,"b":{"type":"boolean"}}}`,
		`{"allOf":[{"type":"object","required":["a"],"properties":{"a":{"type":"string"}}},{"properties":{"a":{"minLength":6}}}]}`,
		`{"$defs":{"node":{"type":"object","required":["v"],"properties":{"v":{"type":"integer"},"next":{"$ref":"#/$defs/node"}}}},"$ref":"#/$defs/node"}`,
		`{"type":"object","required":["k1"],"patternProperties":{"^k":{"type":"integer"}},"additionalProperties":false}`,
		`{"type":"object","minProperties":2,"additionalProperties":{"type":"string"}}`,
		`{"type":"object","required":["anything"]}`,
		`{"type":"object","properties":{"a":{"type":"string"}},"dependentRequired":{"a":["b"]}}`,
		`{"type":"object","properties":{"kind":{"enum":["a","b"]}},"required":["kind"],"if":{"properties":{"kind":{"const":"a"}}},"then":{"properties":{"x":{"type":"integer"}}}}`,
		`{"type":"object","properties":{"optional":{"not":{}}}}`,
		`{"properties":{"d":{"format":"date-time"},"t":{"format":"time"},"m":{"format":"email"},"u":{"format":"uuid"},"h":{"format":"hostname"},"i":{"format":"ipv6"},"w":{"format":"uri"},"p":{"format":"duration"},"r":{"format":"regex"},"j":{"format":"json-pointer"}},
		  "required":["d","t","m","u","h","i","w","p","r","j"]}`,
	} {
		text, err := ofSchema(schema).Generate("x")
		if err != nil || !json.Valid(text) {
			t.Errorf("%s: %v", schema, err)
			continue
		}
		if again, err := ofSchema(schema).Generate("x"); err != nil || string(again) != string(text) {
			t.Errorf("%s: first %s, then %s (%v)", schema, text, again, err)
		}
	}
}

func TestImpossibleSamplesSaySo(t *testing.T) {
	for _, schema := range []string{`false`, `{"type":"string","minLength":5,"maxLength":2}`,
		`{"type":"object","required":["a"],"properties":{"a":false}}`,
		`{"$defs":{"n":{"type":"object","required":["n"],"properties":{"n":{"$ref":"#/$defs/n"}}}},"$ref":"#/$defs/n"}`, `{"type":"array","minItems":1000000}`} {
		if text, err := ofSchema(schema).Generate("x"); err == nil ||
			!strings.Contains(err.Error(), "add one to its examples") {
			t.Errorf("%s: %s %v", schema, text, err)
		}
	}
}

func TestSamplePrefersAValidExample(t *testing.T) {
	c := ofSchema(`{"type":"string","minLength":3}`, `"x"`, `"abc"`)
	if text, err := c.Sample("x"); err != nil || string(text) != `"abc"` {
		t.Error(string(text), err)
	}
	if text, err := c.Generate("x"); err != nil || string(text) == `"abc"` {
		t.Error(string(text), err)
	}
	if _, err := c.Sample("y"); err == nil {
		t.Error("a sample of an unknown type")
	}
	if text, err := orders(t).Generate("order.created"); err != nil {
		t.Error(string(text), err)
	}
}
