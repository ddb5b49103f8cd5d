package event_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/event"
)

// lines has a change a line: what it breaks, where, what.
func lines(changes []event.Change) (list []string) {
	for _, c := range changes {
		list = append(list, fmt.Sprintf("%s|%s|%s", c.Breaks, c.Path, c.What))
	}
	return list
}

func TestChangesOfASchema(t *testing.T) {
	for _, c := range []struct {
		name, from, to string
		want           []string
	}{
		{"nothing", `{"type":"object","properties":{"a":{"type":"string"}}}`,
			`{"properties":{"a":{"type":"string","description":"x"}},"type":"object"}`, nil},
		{"written otherwise", `{"type":"object","properties":{"a":{"type":"string","minLength":1}}}`,
			`{"$defs":{"s":{"type":"string"}},"type":"object","properties":{"a":{"allOf":[{"$ref":"#/$defs/s"},{"minLength":1}]}}}`, nil},
		{"new optional field", `{"properties":{}}`, `{"properties":{"a":true}}`,
			[]string{"|a|the field is new and optional"}},
		{"new required field", `{}`, `{"properties":{"a":true},"required":["a"]}`,
			[]string{"producers|a|the field is new and required"}},
		{"field gone", `{"properties":{"a":true}}`, `{}`, []string{"consumers|a|the field is gone"}},
		{"field gone, closed", `{"properties":{"a":true},"additionalProperties":false}`, `{"additionalProperties":false}`,
			[]string{"producers|a|the field is gone"}},
		{"required now", `{"properties":{"a":true}}`, `{"properties":{"a":true},"required":["a"]}`,
			[]string{"producers|a|the field is required now"}},
		{"optional now", `{"properties":{"a":true},"required":["a"]}`, `{"properties":{"a":true}}`,
			[]string{"consumers|a|the field is optional now"}},
		{"undescribed field required", `{}`, `{"required":["a"]}`, []string{"producers|a|the field is required now"}},
		{"type", `{"type":"string"}`, `{"type":"integer"}`, []string{"producers||type string is not allowed any more",
			"consumers||type integer is allowed now"}},
		{"type wider", `{"type":"string"}`, `{"type":["string","null"]}`, []string{"consumers||type null is allowed now"}},
		{"integer to number", `{"type":"integer"}`, `{"type":"number"}`, []string{"consumers||type number is allowed now"}},
		{"number to integer", `{"type":"number"}`, `{"type":"integer"}`,
			[]string{"producers||type number is not allowed any more"}},
		{"any type", `{"type":"string"}`, `{}`, []string{"consumers||type may be anything, and was one of string"}},
		{"one type", `{}`, `{"type":"string"}`, []string{"producers||type is restricted to string"}},
		{"value new", `{"enum":["a"]}`, `{"enum":["a","b"]}`, []string{`consumers||value "b" is allowed now`}},
		{"value gone", `{"enum":["a","b"]}`, `{"const":"a"}`, []string{`producers||value "b" is not allowed any more`}},
		{"bounds tighter", `{"maxLength":10,"minimum":0}`, `{"maxLength":9,"minimum":1}`,
			[]string{"producers||minimum is 1 now, it was 0", "producers||maxLength is 9 now, it was 10"}},
		{"bounds looser", `{"maxLength":10,"minimum":0}`, `{"maxLength":11}`,
			[]string{"||minimum 0 is gone", "||maxLength is 11 now, it was 10"}},
		{"bound new", `{}`, `{"minItems":1}`, []string{"producers||minItems is 1 now"}},
		{"pattern", `{"pattern":"a"}`, `{"pattern":"b"}`, []string{"producers||pattern b is wanted now",
			"||pattern a is not wanted any more"}},
		{"format", `{}`, `{"format":"email"}`, []string{"producers||format email is wanted now"}},
		{"multiple", `{"multipleOf":0.5}`, `{"multipleOf":0.25}`, []string{"||multipleOf is looser now"}},
		{"closed", `{"type":"object"}`, `{"type":"object","additionalProperties":false}`,
			[]string{"producers||fields that the schema does not know are refused now"}},
		{"opened", `{"type":"object","additionalProperties":false}`, `{"type":"object"}`,
			[]string{"||fields that the schema does not know are allowed now"}},
		{"deep", `{"properties":{"a":{"items":{"properties":{"b":{"type":"string"}}}}}}`,
			`{"properties":{"a":{"items":{"properties":{"b":{"type":"number"}}}}}}`,
			[]string{"producers|a[].b|type string is not allowed any more", "consumers|a[].b|type number is allowed now"}},
		{"through itself", `{"properties":{"next":{"$ref":"#"},"v":{"type":"string"}}}`,
			`{"properties":{"next":{"$ref":"#"},"v":{"type":"number"}}}`,
			[]string{"producers|v|type string is not allowed any more", "consumers|v|type number is allowed now"}},
		{"alternatives", `{"oneOf":[{"type":"string"}]}`, `{"oneOf":[{"type":"string"},{"type":"null"}]}`,
			[]string{"producers||oneOf has 2 parts, and had 1"}},
		{"not", `{"not":{"type":"string"}}`, `{"not":{"type":["string","null"]}}`,
			[]string{"producers|(not 1)|type null is allowed now"}},
		{"never", `{"properties":{"a":false}}`, `{"properties":{"a":true}}`,
			[]string{"consumers|a|nothing was allowed there, and something is now"}},
		{"never now", `{"properties":{"a":true}}`, `{"properties":{"a":false}}`,
			[]string{"producers|a|nothing is allowed there any more"}},
		{"distinct", `{}`, `{"uniqueItems":true}`, []string{"producers||its items must differ now"}},
	} {
		changes, err := event.Compare(ofSchema(c.from), ofSchema(c.to))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if diff := cmp.Diff(c.want, lines(changes)); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
		for _, x := range changes {
			if x.Why == "" || x.Type != "x" {
				t.Errorf("%s: %+v", c.name, x)
			}
		}
	}
}

func TestChangesOfADeclaration(t *testing.T) {
	key, err := event.ParseKey("k")
	if err != nil {
		t.Fatal(err)
	}
	from := event.NewCatalogue([]event.Type{{Name: "gone"},
		{Name: "x", Exchange: "a", Version: 2, AggregateType: "A", AggregateID: "/a"}, {Name: "schema"}, {Name: "unschema",
			Schema: json.RawMessage(`true`)}})
	to := event.NewCatalogue([]event.Type{{Name: "new"}, {Name: "x", Exchange: "b", Version: 1, AggregateType: "B",
		AggregateID: "/b", Key: key, Format: event.FormatCloudEvents},
		{Name: "schema", Schema: json.RawMessage(`true`)}, {Name: "unschema"}})
	changes, err := event.Compare(from, to)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"consumers||the event is gone", "||the event is new", "producers||it has a schema now",
		"consumers||its schema is gone",
		`consumers|exchange|"a" → "b"`, `consumers|key|"x" → "k"`, `consumers|format|"envelope" → "cloudevents"`, `consumers|aggregate|"A" → "B"`, `consumers|aggregate|"/a" → "/b"`, "consumers|version|2 → 1"}
	if diff := cmp.Diff(want, lines(changes)); diff != "" {
		t.Error(diff)
	}
	if _, err := event.Compare(ofSchema(`{"type":"strnig"}`), ofSchema(`true`)); err == nil {
		t.Error("a broken schema is compared")
	}
}

// TestWhatBreaksNoProducerTakesOldPayloads: of random pairs of schemas, where Compare says that no
// producer breaks, a payload of the old form is valid by the new.
func TestWhatBreaksNoProducerTakesOldPayloads(t *testing.T) {
	judged := 0
	rapid.Check(t, func(t *rapid.T) {
		from := ofSchema(drawSchema(t, "from"))
		to := ofSchema(drawSchema(t, "to"))
		changes, err := event.Compare(from, to)
		if err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(changes, func(c event.Change) bool { return c.Breaks == event.BreaksProducers }) {
			return
		}
		payload, err := from.Generate("x")
		if err != nil {
			return
		}
		judged++
		if v, err := to.Validate("x", payload); err != nil || len(v) > 0 {
			t.Fatalf("%s is not valid any more: %v %v; the changes were %s", payload, v, err, strings.Join(lines(changes), "; "))
		}
	})
	if judged < 5 {
		t.Errorf("only %d pairs could be judged", judged)
	}
}

// drawSchema draws a schema of an object with two fields.
func drawSchema(t *rapid.T, name string) string {
	field := rapid.SampledFrom([]string{`{"type":"string"}`, `{"type":"string","minLength":2}`,
		`{"type":"string","minLength":3,"pattern":"^t"}`, `{"type":["string","null"]}`, `true`,
		`{"type":"integer","minimum":1}`, `{"type":"number","minimum":0,"maximum":5}`, `{"enum":["a","b"]}`,
		`{"enum":["a","b","c"]}`, `{"type":"array","items":{"type":"string"}}`,
		`{"type":"array","items":{"type":["string","integer"]},"minItems":1}`,
		`{"anyOf":[{"type":"string"},{"type":"null"}]}`})
	fields := rapid.MapOfN(rapid.SampledFrom([]string{"a", "b"}), field, 0, 2).Draw(t, name)
	var parts, required []string
	for _, n := range []string{"a", "b"} {
		if fields[n] == "" {
			continue
		}
		parts = append(parts, fmt.Sprintf("%q:%s", n, fields[n]))
		if rapid.Bool().Draw(t, name+n) {
			required = append(required, fmt.Sprintf("%q", n))
		}
	}
	closed := rapid.Bool().Draw(t, name+" open")
	return fmt.Sprintf(`{"type":"object","properties":{%s},"required":[%s],"additionalProperties":%v}`,
		strings.Join(parts, ","), strings.Join(required, ","), closed)
}
