package replay

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
)

func TestTransform(t *testing.T) {
	at := time.Unix(1700000000, 0).UTC()
	headers := message.Table{"tenant": "acme", "n": int32(7), "at": at, "raw": []byte("b"),
		"price": message.Decimal{Scale: 2, Value: 995}}
	for name, c := range map[string]struct {
		program, body string
		wantBody      string
		want          message.Table
	}{
		"nothing": {".", `{ "b" : 1.0 }`, `{ "b" : 1.0 }`, headers},
		"a body's field": {".body.id = 5", `{"id":4,"big":12345678901234567890123,"f":1.10}`,
			`{"big":12345678901234567890123,"f":1.10,"id":5}`, headers},
		"a header": {`.headers.tenant = "b"`, "\xff", "\xff", merged(headers, message.Table{"tenant": "b"})},
		"new headers": {`.headers += {i: 3, f: 1.5, s: "x", t: true, a: [1]}`, "", "",
			merged(headers, message.Table{"i": int64(3), "f": 1.5, "s": "x", "t": true, "a": []any{int64(1)}})},
		"a header less": {`del(.headers.raw, .headers.n, .headers.at, .headers.price)`, "{}", "{}",
			message.Table{"tenant": "acme"}},
		"text":              {`.body |= ascii_upcase`, "plain", "PLAIN", headers},
		"text into JSON":    {`.body = {text: .body}`, "plain", `{"text":"plain"}`, headers},
		"a header computed": {`.headers.n = .headers.n + 1`, "", "", merged(headers, message.Table{"n": int64(8)})},
		"looks at the key":  {`.headers.key = .routingKey`, "", "", merged(headers, message.Table{"key": "k"})},
	} {
		t.Run(name, func(t *testing.T) {
			tr, err := NewTransform(c.program)
			if err != nil {
				t.Fatal(err)
			}
			m := &message.Message{Headers: headers, Body: []byte(c.body), RoutingKey: "k"}
			got, err := tr.Apply(m)
			if err != nil {
				t.Fatal(err)
			}
			if string(got.Body) != c.wantBody {
				t.Errorf("body %s; want %s", got.Body, c.wantBody)
			}
			if d := cmp.Diff(c.want, got.Headers); d != "" {
				t.Error(d)
			}
			if string(m.Body) != c.body || len(m.Headers) != 5 {
				t.Error("the original was changed")
			}
		})
	}
}

func TestTransformErrorsSayWhatToDo(t *testing.T) {
	if _, err := NewTransform(".body = = 1"); err == nil || !strings.Contains(err.Error(), "byte") {
		t.Errorf("%v", err)
	}
	if _, err := NewTransform("nosuch(1)"); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("%v", err)
	}
	for program, hint := range map[string]string{
		".body": ".body |=", "empty": "a filter does", ".,.": "more than one", `{body: 1}`: "headers", `error("no")`: "no",
		"last(range(infinite))": "deadline",
	} {
		tr, err := NewTransform(program)
		if err != nil {
			t.Fatal(program, err)
		}
		if _, err := tr.Apply(&message.Message{Body: []byte("1")}); err == nil || !strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v; want %q in it", program, err, hint)
		}
	}
}

// What a program leaves alone keeps every byte and every type.
func TestTransformIdentity(t *testing.T) {
	tr, err := NewTransform(".")
	if err != nil {
		t.Fatal(err)
	}
	value := rapid.OneOf(
		rapid.Just[any](nil), rapid.String().AsAny(), rapid.Int64().AsAny(), rapid.Int32().AsAny(), rapid.Float64().AsAny(),
		rapid.Bool().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(), rapid.Map(rapid.Int32(),
			func(n int32) any { return time.Unix(int64(n), 0).UTC() }),
		rapid.Map(rapid.String(), func(s string) any { return message.Table{"k": []any{s, int8(1)}} }),
	)
	rapid.Check(t, func(t *rapid.T) {
		m := &message.Message{Headers: rapid.MapOf(rapid.String(), value).Draw(t, "headers"),
			Body: rapid.SliceOf(rapid.Byte()).Draw(t, "body")}
		got, err := tr.Apply(m)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); d != "" {
			t.Fatal(d)
		}
	})
}
