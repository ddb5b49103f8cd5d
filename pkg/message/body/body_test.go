package body_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
)

func compress(t testing.TB, name string, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch name {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "deflate":
		w = zlib.NewWriter(&out)
	case "bare deflate":
		w, _ = flate.NewWriter(&out, 6)
	case "zstd":
		w, _ = zstd.NewWriter(&out)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func msg(contentType, encoding string, b []byte) *message.Message {
	return &message.Message{Properties: message.Properties{ContentType: contentType, ContentEncoding: encoding}, Body: b}
}

func TestShow(t *testing.T) {
	doc := []byte(`{"id":9007199254740993,"price":1.10,"e":1e400,"s":"\u001b[31m<ü>"}`)
	indented := "{\n  \"id\": 9007199254740993,\n  \"price\": 1.10,\n  \"e\": 1e400,\n  \"s\": \"\\u001b[31m<ü>\"\n}"
	cases := map[string]struct {
		m        *message.Message
		describe string
		text     string
	}{
		"empty":             {msg("application/json", "", nil), "empty", ""},
		"json":              {msg("application/json; charset=utf-8", "", doc), "JSON, 67 B", indented},
		"json without type": {msg("", "utf-8", doc), "JSON, 67 B", indented},
		"json as text":      {msg("text/plain", "", []byte("12")), "text, 2 B", "12"},
		"broken json": {msg("application/json", "", []byte("{\"a\":")),
			"text, 5 B: not valid JSON, as its content_type says", "{\"a\":"},
		"ndjson": {msg("", "", []byte("{\"a\":1}\n{\"b\":2}\n")), "NDJSON, 16 B", "{\"a\":1}\n{\"b\":2}"},
		"text":   {msg("", "", []byte("grüße\n")), "text, 8 B", "grüße"},
		"xml":    {msg("application/xml", "", []byte("<a/>")), "text, 4 B", "<a/>"},
		"binary": {msg("", "", []byte{0, 1, 0xff}), "binary, 3 B",
			"00000000  00 01 ff                                          |...|"},
		"not utf-8": {msg("text/plain", "", []byte("gr\xfc\xdfe")), "binary, 5 B",
			"00000000  67 72 fc df 65                                    |gr..e|"},
		"not compressed": {msg("", "gzip", []byte("plain text, no gzip")),
			"text, 19 B: cannot be decompressed: gzip: gzip: invalid header", "plain text, no gzip"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			v := body.Show(c.m, body.Options{})
			if v.Describe() != c.describe || v.Text != c.text {
				t.Errorf("%s\n%s", v.Describe(), v.Text)
			}
		})
	}
	for _, encoding := range []string{"gzip", "deflate", "bare deflate", "zstd"} {
		property := strings.TrimPrefix(encoding, "bare ")
		for _, name := range []string{property, "X-" + strings.ToUpper(property), "utf-8, " + property} {
			v := body.Show(msg("", name, compress(t, encoding, doc)), body.Options{})
			if v.Format != body.JSON || v.Text != indented || !strings.HasPrefix(v.Describe(), "JSON, 67 B, "+property) {
				t.Errorf("%s: %s\n%s", name, v.Describe(), v.Text)
			}
		}
	}
	twice := compress(t, "zstd", compress(t, "gzip", doc))
	if v := body.Show(msg("", "gzip, zstd", twice), body.Options{}); v.Text != indented {
		t.Errorf("compressed twice: %s", v.Describe())
	}
}

func TestBounds(t *testing.T) {
	for _, encoding := range []string{"gzip", "deflate", "zstd"} {
		bomb := compress(t, encoding, make([]byte, 64<<20))
		v := body.Show(msg("", encoding, bomb), body.Options{MaxDecoded: 1 << 20})
		if v.Decoded != 1<<20 || v.Format != body.Binary || v.Problem == "" || v.Hidden != 1<<20-512 {
			t.Errorf("%s bomb: %s, %d hidden", encoding, v.Describe(), v.Hidden)
		}
		if _, _, err := body.Decode(bomb, encoding, 100); !errors.Is(err, body.ErrTooLarge) {
			t.Errorf("%s: %v", encoding, err)
		}
		cut := compress(t, encoding, bytes.Repeat([]byte("grüße "), 50000))
		v = body.Show(msg("", encoding, cut[:len(cut)-9]), body.Options{})
		if v.Problem == "" || v.Text == "" {
			t.Errorf("%s cut: %s", encoding, v.Describe())
		}
	}
	v := body.Show(msg("", "", []byte(strings.Repeat("ü", 1<<20))), body.Options{MaxText: 101})
	if v.Text != strings.Repeat("ü", 50) || v.Hidden != 2<<20-100 {
		t.Errorf("%q, %d hidden", v.Text, v.Hidden)
	}
	v = body.Show(msg("", "", []byte(`"`+strings.Repeat("x", 10<<20)+`"`)), body.Options{})
	if v.Format != body.JSON || len(v.Text) != 64<<10 {
		t.Errorf("one line of 10 MB: %s, %d shown", v.Describe(), len(v.Text))
	}
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	if v = body.Show(msg("", "", []byte(deep)), body.Options{MaxText: -1}); len(v.Text) > 100*len(deep) {
		t.Errorf("nested JSON of %d bytes became %d", len(deep), len(v.Text))
	}
	v = body.Show(msg("", strings.Repeat("gzip,", 9), []byte("x")), body.Options{})
	if v.Problem == "" {
		t.Error("nine encodings were undone")
	}
}

func FuzzShow(f *testing.F) {
	f.Add([]byte("{}"), "application/json", "")
	for _, encoding := range []string{"gzip", "deflate", "zstd"} {
		f.Add(compress(f, encoding, []byte(`{"a":1}`)), "", encoding)
	}
	f.Fuzz(func(t *testing.T, b []byte, contentType, encoding string) {
		v := body.Show(msg(contentType, encoding, b), body.Options{MaxDecoded: 1 << 16, MaxText: 1000, MaxDump: 100})
		if !utf8.ValidString(v.Text) || len(v.Text) > 1000 {
			t.Errorf("%d bytes, valid %v", len(v.Text), utf8.ValidString(v.Text))
		}
		if v.Format == "" || (v.Format == body.Empty) != (len(b) == 0) {
			t.Errorf("kind %q", v.Format)
		}
	})
}

// TestIndentIsLikeTheStandardLibrary also shows that nothing but white space changes.
func TestIndentIsLikeTheStandardLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		src, err := json.Marshal(jsonValue(4).Draw(t, "value"))
		if err != nil {
			t.Fatal(err)
		}
		if src[0] != '{' && src[0] != '[' {
			return
		}
		var want bytes.Buffer
		if err := json.Indent(&want, src, "", "  "); err != nil {
			t.Fatal(err)
		}
		for _, in := range [][]byte{src, want.Bytes()} {
			if v := body.Show(msg("", "", in), body.Options{MaxText: -1}); v.Text != want.String() || v.Hidden != 0 {
				t.Fatalf("got\n%s\nwant\n%s", v.Text, want.String())
			}
			maximum := rapid.IntRange(1, want.Len()+1).Draw(t, "maximum")
			v := body.Show(msg("", "", in), body.Options{MaxText: maximum})
			if !strings.HasPrefix(want.String(), v.Text) || len(v.Text) > maximum || len(v.Text) < maximum-3 &&
				len(v.Text) != want.Len() {
				t.Fatalf("bound %d: %d bytes\n%s", maximum, len(v.Text), v.Text)
			}
		}
	})
}

func jsonValue(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.String().AsAny(), rapid.Int().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil),
		rapid.Float64Range(-1e9, 1e9).AsAny(),
	}
	if depth > 0 {
		kinds = append(kinds, rapid.SliceOfN(jsonValue(depth-1), 0, 4).AsAny(),
			rapid.MapOfN(rapid.String(), jsonValue(depth-1), 0, 4).AsAny())
	}
	return rapid.OneOf(kinds...)
}
