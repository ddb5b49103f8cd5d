package event

import (
	"encoding/json"
	"testing"

	"github.com/tidwall/gjson"
	"pgregory.net/rapid"
)

// schemas draws schemas of the keywords that quick knows, and of some that it does not.
func schemas(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		if rapid.IntRange(0, 19).Draw(t, "boolean") == 0 {
			return rapid.Bool().Draw(t, "schema")
		}
		s := map[string]any{}
		maybe := func(name string, g *rapid.Generator[any]) {
			if rapid.IntRange(0, 3).Draw(t, name+"?") == 0 {
				s[name] = g.Draw(t, name)
			}
		}
		number := rapid.SampledFrom([]any{-1, 0, 1, 2, 0.5, 1e16, 1.0})
		maybe("type", rapid.SampledFrom([]any{"object", "array", "string", "number", "integer", "boolean", "null",
			[]string{"string", "integer"}, []string{"object", "null"}}))
		maybe("minimum", number)
		maybe("exclusiveMinimum", number)
		maybe("maximum", number)
		maybe("exclusiveMaximum", number)
		maybe("minLength", rapid.SampledFrom([]any{0, 1, 2}))
		maybe("maxLength", rapid.SampledFrom([]any{0, 1, 2}))
		maybe("pattern", rapid.SampledFrom([]any{"^a", "b$", "[0-9]"}))
		maybe("format", rapid.SampledFrom([]any{"date", "email", "date-time", "unknown"}))
		maybe("minItems", rapid.SampledFrom([]any{0, 1, 2}))
		maybe("maxItems", rapid.SampledFrom([]any{0, 1, 2}))
		maybe("enum", rapid.SampledFrom([]any{[]any{"a", "b"}, []any{1, "a", nil}, []any{map[string]any{}}}))
		maybe("const", rapid.SampledFrom([]any{"a", 1, nil, true}))
		maybe("required", rapid.SampledFrom([]any{[]string{"a"}, []string{"a", "b"}, []string{}}))
		if rapid.IntRange(0, 9).Draw(t, "rare") == 0 {
			maybe("multipleOf", rapid.SampledFrom([]any{2, 0.5}))
			maybe("minProperties", rapid.SampledFrom([]any{0, 2}))
			maybe("uniqueItems", rapid.Just[any](true))
		}
		if depth > 0 {
			sub := schemas(depth - 1)
			maybe("items", sub)
			maybe("additionalProperties", rapid.OneOf(rapid.Just[any](false), sub))
			maybe("properties", rapid.Custom(func(t *rapid.T) any {
				return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), sub, 1, 2).Draw(t, "p")
			}))
			maybe("allOf", rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(sub, 1, 2).Draw(t, "all") }))
			if rapid.IntRange(0, 9).Draw(t, "rare") == 0 {
				maybe("not", sub)
				maybe("anyOf", rapid.Custom(func(t *rapid.T) any { return rapid.SliceOfN(sub, 1, 2).Draw(t, "any") }))
				maybe("patternProperties", rapid.Just[any](map[string]any{"^a": false}))
				maybe("unevaluatedProperties", rapid.Just[any](false))
			}
		}
		return s
	})
}

// payloads draws JSON texts, some with escapes, unusual numbers and names that are there twice.
func payloads(depth int) *rapid.Generator[string] {
	scalar := rapid.SampledFrom([]string{"null", "true", "0", "1", "1.0", "-1", "2", "0.5", "1e0", "10e-1",
		"9007199254740993", "1e16", "10000000000000000", "-0", "0.50000000000000000001",
		`""`, `"a"`, `"b"`, `"ab"`, `"\u0061"`, `"ü"`, `"2026-01-31"`, `"a@b.org"`, `"\ud800"`, `"9"`})
	if depth == 0 {
		return scalar
	}
	inner := payloads(depth - 1)
	return rapid.OneOf(scalar, rapid.Custom(func(t *rapid.T) string {
		text := "["
		for i, x := range rapid.SliceOfN(inner, 0, 3).Draw(t, "items") {
			if i > 0 {
				text += ","
			}
			text += x
		}
		return text + "]"
	}), rapid.Custom(func(t *rapid.T) string {
		text := "{"
		for i := range rapid.IntRange(0, 3).Draw(t, "members") {
			if i > 0 {
				text += " , "
			}
			text += rapid.SampledFrom([]string{`"a"`, `"b"`, `"c"`, `"\u0061"`}).Draw(t, "name") + ": " + inner.Draw(t, "member")
		}
		return text + "}"
	}))
}

// TestQuickNeverCallsAnInvalidPayloadValid: and calls many of the valid ones so, or else it would
// be of no use.
func TestQuickNeverCallsAnInvalidPayloadValid(t *testing.T) {
	valid, quickly := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		schema, err := json.Marshal(schemas(2).Draw(t, "schema"))
		if err != nil {
			t.Fatal(err)
		}
		e := NewCatalogue([]Type{{Name: "x", Schema: schema}}).types["x"]
		if err := e.compile(); err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		for range 20 {
			text := payloads(2).Draw(t, "payload")
			doc, err := decodeJSON([]byte(text))
			if err != nil {
				t.Fatal(text, err)
			}
			problem, quick := e.schema.Validate(doc), e.quick.valid(gjson.Parse(text))
			if problem == nil {
				valid++
			}
			if quick {
				quickly++
			}
			if quick && problem != nil {
				t.Fatalf("%s is called valid by %s, and is not: %v", text, schema, problem)
			}
		}
	})
	t.Logf("%d of %d valid payloads were found quickly", quickly, valid)
	if quickly*2 < valid {
		t.Error("most valid payloads are left to the validator")
	}
}

func TestQuickOfSchemasThatReferToThemselves(t *testing.T) {
	for schema, payloads := range map[string]map[string]bool{
		`{"$ref":"#"}`:             {`1`: false},
		`{"allOf":[{"$ref":"#"}]}`: {`1`: false},
		`{"type":"object","properties":{"next":{"$ref":"#"}},"additionalProperties":false}`: {`{"next":{"next":{}}}`: true,
			`{"next":{"next":{"x":1}}}`: false},
	} {
		c := NewCatalogue([]Type{{Name: "x", Schema: json.RawMessage(schema)}})
		for text, good := range payloads {
			if v, err := c.Validate("x", []byte(text)); err != nil || (len(v) == 0) != good {
				t.Errorf("%s of %s: %v %v", text, schema, v, err)
			}
		}
	}
}
