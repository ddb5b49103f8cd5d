package source_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// parseOne reads a text of one document without problems.
func parseOne(t *testing.T, name, text string) *source.Node {
	t.Helper()
	docs, problems := source.Parse(name, []byte(text))
	if len(problems) > 0 || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), problems)
	}
	return docs[0].Root
}

// outline writes a tree with its positions, one value a line.
func outline(n *source.Node, path string) []string {
	list := []string{fmt.Sprintf("%s %d:%d %s", path, n.Pos.Line, n.Pos.Column, n.Describe())}
	for i, item := range n.Items {
		list = append(list, outline(item, fmt.Sprintf("%s[%d]", path, i))...)
	}
	for _, e := range n.Entries {
		list = append(list, fmt.Sprintf("%s.%s key %d:%d", path, e.Key, e.Pos.Line, e.Pos.Column))
		list = append(list, outline(e.Value, path+"."+e.Key)...)
	}
	return list
}

func TestPositions(t *testing.T) {
	yaml := "é: {a: [1, 'two'], b: true}\nc:\n  - d: 1.5\n    e:\n"
	json := "{\"é\": {\"a\": [1, \"two\"], \"b\": true},\r\n \"c\"\n:\n\t[{\"d\":1.5,\"e\" : null}]}"
	for name, tc := range map[string]struct{ text, want string }{
		"t.yaml": {yaml, `$ 1:1 a mapping|$.é key 1:1|$.é 1:4 a mapping|$.é.a key 1:5|$.é.a 1:8 a list|$.é.a[0] 1:9 1 (an integer)|$.é.a[1] 1:12 the string "two"|` +
			`$.é.b key 1:20|$.é.b 1:23 true (a boolean)|$.c key 2:1|$.c 3:3 a list|$.c[0] 3:5 a mapping|$.c[0].d key 3:5|$.c[0].d 3:8 1.5 (a decimal number)|$.c[0].e key 4:5|$.c[0].e 4:7 null`},
		"t.json": {json, `$ 1:1 a mapping|$.é key 1:2|$.é 1:7 a mapping|$.é.a key 1:8|$.é.a 1:13 a list|$.é.a[0] 1:14 1 (an integer)|$.é.a[1] 1:17 the string "two"|` +
			`$.é.b key 1:25|$.é.b 1:30 true (a boolean)|$.c key 2:2|$.c 4:2 a list|$.c[0] 4:3 a mapping|$.c[0].d key 4:4|$.c[0].d 4:8 1.5 (a decimal number)|$.c[0].e key 4:12|$.c[0].e 4:18 null`},
	} {
		if diff := cmp.Diff(strings.Split(tc.want, "|"), outline(parseOne(t, name, tc.text), "$")); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestValues(t *testing.T) {
	yaml := "[1, 0x10, -5, 9223372036854775807, 18446744073709551615, 1.0, 1e3, true, yes, null, ~, '1', 2001-01-01, " +
		"!!str 5, !!binary aGk=, !own x]"
	want := []any{int64(1), int64(16), int64(-5), int64(9223372036854775807), 1.8446744073709552e19, 1.0, 1000.0, true,
		"yes", nil, nil, "1", "2001-01-01", "5", "aGk=", "x"}
	if diff := cmp.Diff(want, parseOne(t, "t.yaml", yaml).Value()); diff != "" {
		t.Error(diff)
	}
	text := `[1, -5, 9223372036854775807, 18446744073709551615, 1.0, 1e3, true, null, "\u00e9"]`
	want = []any{int64(1), int64(-5), int64(9223372036854775807), 1.8446744073709552e19, 1.0, 1000.0, true, nil, "é"}
	if diff := cmp.Diff(want, parseOne(t, "<stdin>", text).Value()); diff != "" {
		t.Error(diff)
	}
}

func TestAnchorsAndMergeKeys(t *testing.T) {
	n := parseOne(t, "t.yaml", `
base: &base { a: 1, b: 2 }
other: &other { b: 3, c: 4 }
one: { <<: *base, b: 9 }
two: { <<: [*base, *other], d: *base }
`)
	want := map[string]any{
		"base": map[string]any{"a": int64(1), "b": int64(2)}, "other": map[string]any{"b": int64(3), "c": int64(4)},
		"one": map[string]any{"a": int64(1), "b": int64(9)},
		"two": map[string]any{"a": int64(1), "b": int64(2), "c": int64(4), "d": map[string]any{"a": int64(1), "b": int64(2)}},
	}
	if diff := cmp.Diff(want, n.Value()); diff != "" {
		t.Error(diff)
	}
	if at := n.Get("one").Get("a").Pos; at.Line != 2 || at.Column != 18 {
		t.Errorf("a merged value stands where it is written, not at %v", at)
	}
}

func TestProblems(t *testing.T) {
	for _, tc := range []struct{ name, text, want string }{
		{"t.yaml", "a: 1\nb:\n  c: 1\n  c: 2\n", `t.yaml:4:3: "c" appears twice in one mapping, first at t.yaml:3:3`},
		{"t.json", "{\"a\": {\"b\": 1,\n \"b\": 2}}", `t.json:2:2: "b" appears twice in one mapping, first at t.json:1:8`},
		{"t.yaml", "a: [1,\n", "t.yaml:1:1: this is not YAML"},
		{"t.yaml", "a: {\n  b: {}\n", "t.yaml:1:4: this is not YAML: did not find expected ',' or '}'; close it with }"},
		{"t.yaml", "a:\n  b: { c: 1\n  d: {}\n", "t.yaml:2:6: this is not YAML: did not find expected ',' or '}'; " +
			"close it with }"},
		{"t.yaml", "a: 1\nb:\n  c: [1,\n  d: 1\n", "t.yaml:3:6: this is not YAML: did not find expected ',' or ']'; " +
			"close it with ]"},
		{"t.yaml", "a: 1\n\tb: 2\n", "indent with spaces"},
		{"t.yaml", "a:\n  b:\n    c: 1\n   d: 2\n", "t.yaml:4:4: this is not YAML"},
		{"t.yaml", "a:\n  - b: 1\n    c: 2\n   d: 3\n", "t.yaml:4:4: this is not YAML"},
		{"t.yaml", "a: b: c\n", "t.yaml:1:1: this is not YAML: mapping values are not allowed in this context; put quotes " +
			"around a value"},
		{"t.yaml", "a: 1\n b: 2\n", "t.yaml:2:2: this is not YAML"},
		{"t.yaml", "a: *nobody\n", "unknown anchor 'nobody' referenced"},
		{"t.yaml", "? [a]\n: 1\n", "t.yaml:1:3: a key must be a string"},
		{"t.yaml", "a: { <<: 1 }\n", "t.yaml:1:6: << merges mappings only"},
		{"t.yaml", "q: { maxLength: ${N} }\n", `put quotes around variables`},
		{"t.yaml", "a: \xff\n", "t.yaml:1:4: the file is not UTF-8"},
		{"t.json", "{\"a\": 1,}", "t.json:1:9: not JSON: unexpected '}'; remove the comma before it"},
		{"t.json", "{\"a\": 1\n \"b\": 2}", "t.json:2:2: not JSON: unexpected '\"'; a comma is missing before it"},
		{"t.json", "{\"a\": [1, 2}", "t.json:1:12: not JSON: unexpected '}'"},
		{"t.json", "{\"a\": tru}", "t.json:1:10: not JSON: unexpected '}'"},
		{"t.json", "{\"a\": {\"b\": [[1, {\"c\": oops}]]}}", "t.json:1:24: not JSON: unexpected oops; put double quotes"},
		{"t.json", "{\"a\": 1", "t.json:1:8: the JSON ends too early"},
		{"t.json", "{\"a\": \"x", "the JSON ends too early"},
		{"t.json", "", "t.json:1:1: the JSON ends too early"},
		{"t.json", "{} {}", "t.json:1:4: there is more text after the end"},
		{"t.json", "[01]", "t.json:1:3: not JSON: unexpected '1'"},
	} {
		_, problems := source.Parse(tc.name, []byte(tc.text))
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), tc.want) {
			t.Errorf("%q: want %s, got %v", tc.text, tc.want, problems)
		}
	}
}

func env(m map[string]string) source.Lookup {
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

// expand expands variables without rules about secrets.
func expand(root *source.Node, env source.Lookup) diag.Diagnostics {
	return source.Variables{Lookup: env}.Expand(root)
}

func TestExpand(t *testing.T) {
	vars := env(map[string]string{"N": "5", "S": "text", "E": "", "Q": "a \" : {", "REF": "${N}"})
	for text, want := range map[string]any{
		"${N}": int64(5), `"${N}"`: int64(5), "x${N}y${S}": "x5ytext", "${S}": "text", "${MISSING:-7}": int64(7),
		"${MISSING:-}":  "",
		"${E:-default}": "default", "${E}": "", "$${N}": "${N}", "a$${b}${N}": "a${b}5", "$N": "$N", "$": "$",
		"${REF}": "${N}", "${Q}": `a " : {`,
		"${MISSING:-a:-b}": "a:-b", "${MISSING:-true}": true, "'${MISSING:-null}'": "null", "$$${N}": "$${N}",
	} {
		n := parseOne(t, "t.yaml", "v: "+text)
		if problems := expand(n, vars); len(problems) > 0 {
			t.Errorf("%s: %v", text, problems)
		}
		if diff := cmp.Diff(want, n.Get("v").Value()); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestExpandProblems(t *testing.T) {
	for text, want := range map[string]string{
		"a: ${MISSING}": "t.yaml:1:4: the variable MISSING is not set; set it (export MISSING=…), or give it " +
			"a default: ${MISSING:-default}",
		"a:\n  - ${1X}":              "t.yaml:2:5: ${1X} names no variable",
		"a: ${X":                     "t.yaml:1:4: the variable \"${X\" has no closing brace",
		"${MISSING}: 1":              "t.yaml:1:1: the variable MISSING is not set",
		"a: ${X-y}":                  "${X-y} names no variable",
		"k: 1\n${K}: 2":              `t.yaml:2:1: "k" appears twice in one mapping, first at t.yaml:1:1`,
		"a: &a ${MISSING}\nb: x\n":   "t.yaml:1:4: the variable MISSING",
		"a: &a {x: '${M}'}\nb: *a\n": "t.yaml:1:11: the variable M is not set",
	} {
		problems := expand(parseOne(t, "t.yaml", text), env(map[string]string{"K": "k"}))
		if len(problems) != 1 || !strings.Contains(problems[0].Error(), want) {
			t.Errorf("%q: want %s, got %v", text, want, problems)
		}
	}
}

func TestExpandOnceThroughAliases(t *testing.T) {
	n := parseOne(t, "t.yaml", "a: &a ['$${X}']\nb: *a\nc: { <<: &m { k: '$${X}' } }\nd: *m\n")
	if problems := expand(n, env(nil)); len(problems) > 0 {
		t.Fatal(problems)
	}
	want := map[string]any{"a": []any{"${X}"}, "b": []any{"${X}"}, "c": map[string]any{"k": "${X}"},
		"d": map[string]any{"k": "${X}"}}
	if diff := cmp.Diff(want, n.Value()); diff != "" {
		t.Error(diff)
	}
}

func TestMerge(t *testing.T) {
	docs, problems := source.Parse("t.yaml", []byte(`
a: { x: 1, y: [1, 2], z: { k: v } }
b: kept
gone: { x: 1 }
empty: { x: 1 }
---
a: { y: [3], z: { l: w }, n: new }
gone: null
empty:
none: ~
fresh:
`))
	if len(problems) > 0 || len(docs) != 2 {
		t.Fatal(problems)
	}
	merged, problems := source.Merge(docs[0].Root, docs[1].Root)
	want := map[string]any{
		"a": map[string]any{"x": int64(1), "y": []any{int64(3)}, "z": map[string]any{"k": "v", "l": "w"}, "n": "new"},
		"b": "kept", "empty": map[string]any{"x": int64(1)}, "fresh": nil,
	}
	if diff := cmp.Diff(want, merged.Value()); diff != "" {
		t.Error(diff)
	}
	if len(problems) != 1 || problems[0].Severity != diag.Warning || problems[0].Position.Line != 10 {
		t.Errorf("want a warning for the null that removes nothing, got %v", problems)
	}
	if line := merged.Get("a").Get("y").Pos.Line; line != 7 {
		t.Errorf("an overlaid value stands in line %d", line)
	}
	if line := merged.Get("a").Get("x").Pos.Line; line != 2 {
		t.Errorf("a kept value stands in line %d", line)
	}
	if docs[0].Root.Get("gone") == nil {
		t.Error("Merge changed its base")
	}
}

// FuzzParse: whatever the text, there is no panic, problems are positioned, and JSON values are
// those of encoding/json.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1", "a: &x [1]\nb: *x", "{\"a\": [1, 2.5, null]}", "<<: {a: 1}", "a: ${X:-y}",
		"---\n---\na: ~", "? [a]\n: b", "a: !!int x", "\ufeffa: 1", "a: |\n  text\n", "[[[["} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range []string{"f.yaml", "f.json"} {
			docs, problems := source.Parse(name, data)
			for _, p := range problems {
				if p.Position.Line == 0 || p.Position.Column == 0 {
					t.Errorf("no position: %v", p)
				}
			}
			for _, d := range docs {
				_ = expand(d.Root, env(nil))
				merged, _ := source.Merge(d.Root, d.Root)
				_ = merged.Value()
			}
			var want, again any
			text := bytes.TrimPrefix(data, []byte("\ufeff"))
			valid := json.Valid(text)
			if name == "f.json" && valid && len(problems) == 0 && json.Unmarshal(text, &want) == nil {
				got, _ := json.Marshal(docs[0].Root.Value())
				_ = json.Unmarshal(got, &again)
				if docs[0].Root.Kind != source.Mapping && !cmp.Equal(want, again) {
					t.Errorf("%s: read as %s", data, got)
				}
			}
			if name == "f.json" && !valid && len(problems) == 0 {
				t.Errorf("%q is not JSON, and was read", data)
			}
		}
	})
}

func FuzzExpand(f *testing.F) {
	for _, seed := range []string{"${X}", "$${X}", "${X:-${Y}}", "${", "$$${A}", "${A:-}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		docs, problems := source.Parse("f.json", text)
		if len(docs) != 1 {
			t.Fatalf("%s was not read: %v", text, problems)
		}
		before := docs[0].Root.Text
		_ = expand(docs[0].Root, func(string) (string, bool) { return "v", true })
		if !strings.Contains(before, "${") && docs[0].Root.Text != before {
			t.Errorf("%q became %q", before, docs[0].Root.Text)
		}
		// What WriteYAML escapes comes back as it was.
		escaped, _ := json.Marshal(strings.ReplaceAll(before, "${", "$${"))
		docs, _ = source.Parse("f.json", escaped)
		if problems := expand(docs[0].Root, nil); len(problems) > 0 || docs[0].Root.Text != before {
			t.Errorf("%q escaped comes back as %q: %v", before, docs[0].Root.Text, problems)
		}
	})
}
