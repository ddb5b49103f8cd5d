package transform

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
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
			tr, err := New(c.program)
			if err != nil {
				t.Fatal(err)
			}
			m := &message.Message{Headers: headers, Body: []byte(c.body), RoutingKey: "k"}
			got, err := tr.Apply(t.Context(), m)
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
	if _, err := New(".body = = 1"); err == nil || !strings.Contains(err.Error(), "byte") {
		t.Errorf("%v", err)
	}
	if _, err := New("nosuch(1)"); err == nil || !strings.Contains(err.Error(), "nosuch") {
		t.Errorf("%v", err)
	}
	for program, hint := range map[string]string{
		`.routingKey = "x"`: "\"routingKey\" cannot be assigned to", `.properties.priority = 5`: "\"properties\" cannot",
		"del(.headers) | .headers = 3": "headers", `.queue |= "q" | .body`: ".body |=", `.body.x.y = 1`: "expected an object",
		`.headers = {} | .messageId = null`: "messageId", ".body": ".body |=", "empty": "a filter does", ".,.": "more than one", `{body: 1}`: "headers", `error("no")`: "no",
		"last(range(infinite))": "deadline",
	} {
		tr, err := New(program)
		if err != nil {
			t.Fatal(program, err)
		}
		if _, err := tr.Apply(t.Context(), &message.Message{Body: []byte("1")}); err == nil ||
			!strings.Contains(err.Error(), hint) {
			t.Errorf("%s: %v; want %q in it", program, err, hint)
		}
	}
}

// TestCompressedBodies: a program sees them as people do, and what it makes is compressed in the
// same way.
func TestCompressedBodies(t *testing.T) {
	tr, err := New(`.body.currency = "EUR"`)
	if err != nil {
		t.Fatal(err)
	}
	var bare, zlibbed bytes.Buffer
	w, _ := flate.NewWriter(&bare, 6)
	_, _ = w.Write([]byte(`{"id":1}`))
	_ = w.Close()
	z := zlib.NewWriter(&zlibbed)
	_, _ = z.Write([]byte(`{"id":1}`))
	_ = z.Close()
	zipped, err := body.Encode([]byte(`{"id":1}`), gzipOf(t, "{}"), "gzip", 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		encoding string
		raw      []byte
	}{
		{"gzip", zipped}, {"x-gzip", zipped}, {"GZIP, utf-8", zipped}, {"gzip:UTF-8", zipped}, {"deflate", bare.Bytes()},
		{"deflate", zlibbed.Bytes()}, {"utf-8", []byte(`{"id":1}`)},
		{"gzip, deflate", mustEncode(t, zipped, zlibbed.Bytes())},
	} {
		m := &message.Message{Body: c.raw}
		m.ContentEncoding = c.encoding
		got, err := tr.Apply(t.Context(), m)
		if err != nil {
			t.Fatalf("%s: %v", c.encoding, err)
		}
		plain, _, err := body.Decode(got.Body, got.ContentEncoding, 1000)
		if err != nil || string(plain) != `{"currency":"EUR","id":1}` || got.ContentEncoding != c.encoding {
			t.Errorf("%s: %q, %s, %v", c.encoding, plain, got.ContentEncoding, err)
		}
		if c.encoding == "deflate" && (c.raw[0] == 0x78) != (got.Body[0] == 0x78) {
			t.Errorf("bare deflate became zlib, or the other way round: % x", got.Body)
		}
	}
}

func mustEncode(t *testing.T, plain, like []byte) []byte {
	t.Helper()
	out, err := body.Encode(plain, like, "deflate", 1000)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func gzipOf(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestUnreadableBodiesStay: what a program cannot see it does not replace.
func TestUnreadableBodiesStay(t *testing.T) {
	zipped := gzipOf(t, `{"orderId":17}`)
	for name, m := range map[string]*message.Message{
		"msgpack":          {Body: []byte("\x82\xa1a\x01\xa1b\xc4\x02\xff\x00")},
		"UTF-16":           {Body: []byte("{\x00\"\x00a\x00\"\x00:\x001\x00}\x00")},
		"UTF-16 with mark": {Body: []byte("\xff\xfe{\x00}\x00")},
		"Latin-1 in JSON":  {Body: []byte("{\"name\":\"gr\xfc\xdfe\"}")},
		"half a character": {Body: []byte(`{"name":"\ud83d"}`)},
		"second half":      {Body: []byte(`{"name":"\\\ude00"}`)},
		"protobuf":         {Body: []byte("\x08\x96\x01")},
		"cut gzip":         {Properties: message.Properties{ContentEncoding: "gzip"}, Body: zipped[:len(zipped)-5]},
		"no gzip":          {Properties: message.Properties{ContentEncoding: "gzip"}, Body: []byte(`{"a":1}`)},
		"brotli":           {Properties: message.Properties{ContentEncoding: "br"}, Body: []byte("\x0b\x03\x80{}\x03")},
		"too large": {Properties: message.Properties{ContentEncoding: "gzip"},
			Body: gzipOf(t, `"`+strings.Repeat("x", maxBody)+`"`)},
	} {
		for _, program := range []string{
			`.body.currency = "EUR"`, `.body = {}`, `.headers.total = .body.total`, `.["body"] = 1`, `map_values(5)`,
		} {
			tr, err := New(program)
			if err != nil {
				t.Fatal(err)
			}
			got, err := tr.Apply(t.Context(), m)
			if program == "map_values(5)" && err != nil {
				continue // refused for another reason
			}
			if !errors.Is(err, ErrUnreadable) {
				t.Errorf("%s, %s: %+v, %v", name, program, got, err)
			}
		}
		tr, _ := New(`.headers.fixed = true`)
		if got, err := tr.Apply(t.Context(), m); err != nil || !bytes.Equal(got.Body, m.Body) ||
			got.Headers["fixed"] != true {
			t.Errorf("%s: a program that leaves the body alone: %+v, %v", name, got, err)
		}
	}
	tr, _ := New(`.body.n = 1`)
	m := &message.Message{Body: []byte(`{"name":"\ud83d\ude00 \\ud83d \u00e9 \\"}`)}
	if _, err := tr.Apply(t.Context(), m); err != nil {
		t.Errorf("whole characters: %v", err)
	}
}

// TestCancelledProgramsEnd: Ctrl-C does not wait for a program's own time.
func TestCancelledProgramsEnd(t *testing.T) {
	tr, err := New("last(range(infinite))")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tr.Apply(ctx, &message.Message{Body: []byte("1")}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// What a program leaves alone keeps every byte and every type.
func TestTransformIdentity(t *testing.T) {
	tr, err := New(".")
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
		got, err := tr.Apply(context.Background(), m)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(m, got, cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })); d != "" {
			t.Fatal(d)
		}
	})
}

func merged(tables ...message.Table) message.Table {
	out := message.Table{}
	for _, t := range tables {
		maps.Copy(out, t)
	}
	return out
}
