package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
)

// same compares floats by their bits, so that NaN equals itself and -0 is not 0, and types exactly.
var same = cmp.Options{
	cmp.Comparer(func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }),
	cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }),
	cmpopts.EquateEmpty(),
}

// raw draws strings that may be anything, the archive's own escapes included.
func raw() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.Custom(func(t *rapid.T) string { return string(rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "bytes")) }),
		rapid.SampledFrom([]string{"", "\x00", "\x00base64:", "\x00base64:aGk=", "\u0085\u009b\x7f\x1b[0m", "\"\\\n\r\t",
			"table"}),
	)
}

func value(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int8().AsAny(), rapid.Uint8().AsAny(), rapid.Int16().AsAny(),
		rapid.Uint16().AsAny(), rapid.Int32().AsAny(), rapid.Uint32().AsAny(), rapid.Int64().AsAny(), raw().AsAny(),
		rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.Custom(func(t *rapid.T) any { return math.Float32frombits(rapid.Uint32().Draw(t, "bits")) }),
		rapid.Custom(func(t *rapid.T) any { return math.Float64frombits(rapid.Uint64().Draw(t, "bits")) }),
		rapid.SampledFrom([]any{
			math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), float32(math.Inf(-1)), math.MaxFloat64,
			math.Float64frombits(0x7ff8000000000001), math.Float32frombits(0x7fa00000),
		}),
		rapid.Custom(func(t *rapid.T) any { return time.Unix(rapid.Int64().Draw(t, "s")/2, 0).UTC() }),
		rapid.Custom(func(t *rapid.T) any {
			return message.Decimal{Scale: rapid.Uint8().Draw(t, "scale"), Value: rapid.Int32().Draw(t, "value")}
		}),
	}
	if depth > 0 {
		kinds = append(kinds,
			rapid.SliceOfN(value(depth-1), 0, 4).AsAny(),
			rapid.Custom(func(t *rapid.T) any { return table(depth-1).Draw(t, "nested") }))
	}
	return rapid.OneOf(kinds...)
}

func table(depth int) *rapid.Generator[message.Table] {
	return rapid.Custom(func(t *rapid.T) message.Table {
		return rapid.MapOfN(raw(), value(depth), 0, 6).Draw(t, "table")
	})
}

func messages() *rapid.Generator[*message.Message] {
	return rapid.Custom(func(t *rapid.T) *message.Message {
		m := &message.Message{
			Properties: message.Properties{
				ContentType: raw().Draw(t, "ct"), ContentEncoding: raw().Draw(t, "ce"), DeliveryMode: rapid.Uint8().Draw(t, "dm"),
				Priority: rapid.Uint8().Draw(t, "prio"), CorrelationID: raw().Draw(t, "cid"), ReplyTo: raw().Draw(t, "rt"),
				Expiration: raw().Draw(t, "exp"), MessageID: raw().Draw(t, "id"), Type: raw().Draw(t, "type"),
				UserID: raw().Draw(t, "user"), AppID: raw().Draw(t, "app"),
			},
			Headers: table(3).Draw(t, "headers"), Exchange: raw().Draw(t, "x"), RoutingKey: raw().Draw(t, "key"),
			Redelivered: rapid.Bool().Draw(t, "redelivered"), Queue: raw().Draw(t, "queue"), Body: []byte(raw().Draw(t, "body")),
		}
		if rapid.Bool().Draw(t, "timestamp?") {
			m.Timestamp = time.Unix(rapid.Int64Range(0, math.MaxInt64/2).Draw(t, "timestamp"), 0).UTC()
		}
		m.ClusterID = raw().Draw(t, "cluster")
		for one := message.ContentTypeProperty; one >= message.ClusterIDProperty; one >>= 1 {
			if one != message.ContentTypeProperty>>2 && !m.Present(one) && rapid.Bool().Draw(t, "explicit") {
				m.Explicit |= one
			}
		}
		return m
	})
}

func TestLineIsTheIdentity(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := messages().Draw(t, "message")
		line, err := archive.AppendLine(nil, m)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.IndexByte(line, '\n') != len(line)-1 || bytes.ContainsAny(line[:len(line)-1], "\x00\x07\x1b\x7f") {
			t.Fatalf("line %q is not one clean line", line)
		}
		got, err := archive.ParseLine(line)
		if err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		if diff := cmp.Diff(m, got, same); diff != "" {
			t.Fatalf("(-written +read):\n%s\nline %s", diff, line)
		}
		again, _ := archive.AppendLine(nil, got)
		if !bytes.Equal(line, again) {
			t.Fatalf("equal messages have two lines:\n%s%s", line, again)
		}
	})
}

type clientTable map[string]any

type clientDecimal struct {
	Scale uint8
	Value int32
}

func TestLineForm(t *testing.T) {
	m := sample("m-1", `{"orderId":1}`)
	m.Headers["client"] = clientTable{"d": clientDecimal{2, 995}, "n": 7}
	line, err := archive.AppendLine(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"v":1,"queue":"dlq","exchange":"dlx","routingKey":"k","properties":{"deliveryMode":2,"messageId":"m-1",` +
		`"timestamp":1795168800},"headers":{"client":{"table":{"d":{"decimal":{"scale":2,"value":995}},"n":{"int32":7}}},` +
		`"tenant":"acme","x-retries":{"int32":3}},"body":"{\"orderId\":1}"}` + "\n"
	if diff := cmp.Diff(want, string(line)); diff != "" {
		t.Error(diff)
	}
}

func TestBodyOfControlCharactersDoesNotExplode(t *testing.T) {
	line, err := archive.AppendLine(nil, &message.Message{Body: make([]byte, 1<<20)})
	if err != nil || len(line) > 1<<20*4/3+100 {
		t.Errorf("%d bytes for 1 MiB of zeros, %v", len(line), err)
	}
}

func TestUnknownHeaderTypeIsRefusedAndHarmless(t *testing.T) {
	var out bytes.Buffer
	w, _ := archive.NewWriter(&out, archive.None)
	bad := sample("bad", "")
	bad.Headers["u"] = clientTable{"deep": uint64(1)}
	if err := w.Write(bad); err == nil || !strings.Contains(err.Error(), `"deep"`) || w.Err() != nil {
		t.Errorf("error %v, sticky %v", err, w.Err())
	}
	write(t, w, sample("good", ""))
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if got, err := readAll(&out, archive.ReaderOptions{}); len(got) != 1 || !errors.Is(err, io.EOF) {
		t.Errorf("read %d, %v", len(got), err)
	}
}

func TestBrokenLines(t *testing.T) {
	for line, want := range map[string]string{
		`{`:                                   "not a message",
		`{}`:                                  `no "v"`,
		`[]`:                                  "not a message",
		`null`:                                `no "v"`,
		`{"v":2,"body":"","extra":1}`:         "archive version 2",
		`{"v":1,"body":"","extra":1}`:         "extra",
		`{"v":1}`:                             "neither",
		`{"v":1,"body":"","bodyBase64":""}`:   "both",
		`{"v":1,"bodyBase64":"%"}`:            "base64",
		`{"v":1,"body":""} {"v":1,"body":""}`: "more than one",
		"{\"v\":1,\"body\":\"\xff\"}":         "UTF-8",
		`{"v":1,"body":"","headers":{"a":1}}`: `{"int64":1}`,
		`{"v":1,"body":"","headers":{"a":{"int9":1}}}`:                     "no such type",
		`{"v":1,"body":"","headers":{"a":{"int8":300}}}`:                   "out of range",
		`{"v":1,"body":"","headers":{"a":{"int8":"1"}}}`:                   "int8",
		`{"v":1,"body":"","headers":{"a":{}}}`:                             "one member",
		`{"v":1,"body":"","headers":{"a":{"table":1}}}`:                    "object",
		`{"v":1,"body":"","headers":{"a":{"float64":"x"}}}`:                "no number",
		`{"v":1,"body":"","headers":{"a":{"decimal":{"scale":1}}}}`:        "decimal",
		`{"v":1,"body":"","headers":{"a":[{"bytes":"%"}]}}`:                "bytes",
		`{"v":1,"body":"","properties":{"priority":256}}`:                  "priority",
		`{"v":1,"body":"","queue":"\u0000base64:%"}`:                       "base64",
		`{"v":1,"body":"","headers":{"\u0000base64:%":true}}`:              "header name",
		`{"v":1,"body":"","headers":{"a":{"timestamp":1.5}}}`:              "timestamp",
		`{"v":1,"body":"","headers":{"a":{"uint32":-1}}}`:                  "uint32",
		`{"v":1,"body":"","headers":{"a":{"float32":1e300}}}`:              "float32",
		`{"v":1,"body":"","headers":{"a":` + strings.Repeat("[", 20000):    "not a message",
		`{"v":1,"body":"","headers":{"a":{"int32":99999999999999999999}}}`: "int32",
	} {
		if m, err := archive.ParseLine([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60s: %v, %v; want an error with %q", line, m, err, want)
		}
	}
}

func TestReaderGoesOnAfterABrokenLine(t *testing.T) {
	good := string(line(t, sample("m", "x")))
	long := `{"v":1,"body":"` + strings.Repeat("y", 2000) + `"}` + "\n"
	r := archive.NewReader(strings.NewReader(good+"oops\n\n"+long+good), archive.ReaderOptions{MaxLine: 1000})
	var got []string
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		var broken *archive.BrokenError
		switch {
		case m != nil:
			got = append(got, m.MessageID)
		case errors.As(err, &broken):
			got = append(got, fmt.Sprint(broken.Line, broken.Byte-int64(len(good)), broken.Final))
		}
	}
	if diff := cmp.Diff([]string{"m", "2 0 false", "4 6 false", "m"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCreate(t *testing.T) {
	for _, name := range []string{"a.ndjson", "a.ndjson.gz", "a.NDJSON.GZ", "a.zst", "a.zstd"} {
		path := filepath.Join(t.TempDir(), name)
		w, err := archive.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, sample("m", "body"))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(sample("late", "")); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("write after close: %v", err)
		}
		if _, err := archive.Create(path); !errors.Is(err, fs.ErrExist) {
			t.Errorf("an archive was overwritten: %v", err)
		}
		content, _ := os.ReadFile(path)
		if compressed := content[0] != '{'; compressed != (archive.CompressionFor(name) != archive.None) {
			t.Errorf("%s: compressed %v", name, compressed)
		}
		r, err := archive.Open(path, archive.ReaderOptions{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := r.Next()
		if err != nil || m.MessageID != "m" {
			t.Errorf("%s: %v %v", name, m, err)
		}
		if _, err := r.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCutAnywhere is the promise of an archive: whatever was synced can be read although the rest
// is gone.
func TestCutAnywhere(t *testing.T) {
	for c, name := range map[archive.Compression]string{archive.None: "plain", archive.Gzip: "gzip",
		archive.Zstd: "zstd"} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			w, err := archive.NewWriter(&out, c)
			if err != nil {
				t.Fatal(err)
			}
			var synced []int // synced[i] is the size of the file after i+1 messages
			random := rand.New(rand.NewPCG(1, 2))
			const n = 40
			for i := range n {
				body := make([]byte, random.IntN(3000))
				for j := range body {
					body[j] = byte(random.IntN(1 << (i % 9)))
				}
				write(t, w, sample(fmt.Sprint(i), string(body)))
				if err := w.Sync(); err != nil {
					t.Fatal(err)
				}
				synced = append(synced, out.Len())
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			whole := out.Bytes()
			cuts := append([]int{0, 1, 2, 3, 4, 5, 11, len(whole)}, synced...)
			for range 300 {
				cuts = append(cuts, random.IntN(len(whole)))
			}
			for _, cut := range cuts {
				checkCut(t, whole, cut, synced)
			}
		})
	}
}

func checkCut(t *testing.T, whole []byte, cut int, synced []int) {
	t.Helper()
	got, err := readAll(bytes.NewReader(whole[:cut]), archive.ReaderOptions{})
	safe := 0
	for _, size := range synced {
		if size <= cut {
			safe++
		}
	}
	if len(got) < safe {
		t.Fatalf("cut at %d of %d: %d messages read, %d were synced (%v)", cut, len(whole), len(got), safe, err)
	}
	for i, m := range got {
		if m.MessageID != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, m.MessageID)
		}
	}
	var broken *archive.BrokenError
	if errors.As(err, &broken) && (!broken.Final || broken.Line != int64(len(got)+1)) {
		t.Fatalf("cut at %d: %v after %d messages", cut, err, len(got))
	}
	if cut == len(whole) && (len(got) != len(synced) || !errors.Is(err, io.EOF)) {
		t.Fatalf("the whole archive: %d messages, %v", len(got), err)
	}
}

func TestDamagedStream(t *testing.T) {
	for _, c := range []archive.Compression{archive.Gzip, archive.Zstd} {
		var out bytes.Buffer
		w, _ := archive.NewWriter(&out, c)
		for i := range 50 {
			write(t, w, sample(fmt.Sprint(i), strings.Repeat(fmt.Sprint(i), 200)))
			_ = w.Sync()
		}
		_ = w.Close()
		damaged := out.Bytes()
		for i := range 20 {
			damaged[len(damaged)/2+i] ^= 0x55
		}
		got, err := readAll(bytes.NewReader(damaged), archive.ReaderOptions{})
		var broken *archive.BrokenError
		if !errors.As(err, &broken) || len(got) < 10 {
			t.Errorf("compression %d: %d messages, %v", c, len(got), err)
		}
	}
}

func TestConcatenatedArchives(t *testing.T) {
	for _, c := range []archive.Compression{archive.None, archive.Gzip, archive.Zstd} {
		var out bytes.Buffer
		for i := range 3 {
			w, _ := archive.NewWriter(struct{ io.Writer }{&out}, c)
			write(t, w, sample(fmt.Sprint(i), ""))
			_ = w.Close()
		}
		if got, err := readAll(&out, archive.ReaderOptions{}); len(got) != 3 || !errors.Is(err, io.EOF) {
			t.Errorf("compression %d: %d messages, %v", c, len(got), err)
		}
	}
}

// full fails like a full disk after some bytes.
type full struct{ left int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.left {
		return f.left, errors.New("no space left on device")
	}
	f.left -= len(b)
	return len(b), nil
}

func TestFullDiskIsNeverASuccess(t *testing.T) {
	for _, c := range []archive.Compression{archive.None, archive.Gzip, archive.Zstd} {
		for left := range 60 {
			w, err := archive.NewWriter(&full{left: left}, c)
			if err != nil {
				t.Fatal(err)
			}
			err = errors.Join(w.Write(sample("m", "body")), w.Sync())
			if err == nil || w.Err() == nil || w.Sync() == nil || w.Write(sample("n", "")) == nil {
				t.Errorf("compression %d, %d bytes: error %v, then forgotten", c, left, err)
			}
			if w.Close() == nil {
				t.Error("closed without an error")
			}
		}
	}
}

// synced counts what reaches the disk.
type synced struct {
	bytes.Buffer
	calls int
	err   error
}

func (s *synced) Sync() error { s.calls++; return s.err }

func TestSyncReachesTheDisk(t *testing.T) {
	out := &synced{}
	w, _ := archive.NewWriter(out, archive.None)
	write(t, w, sample("m", ""))
	if err := w.Sync(); err != nil || out.calls != 1 {
		t.Errorf("%d calls, %v", out.calls, err)
	}
	out.err = errors.New("i/o error")
	if err := w.Sync(); err == nil || w.Err() == nil {
		t.Error("a failed fsync was taken for a success")
	}
}

func sample(id, body string) *message.Message {
	return &message.Message{
		Properties: message.Properties{MessageID: id, DeliveryMode: 2, Timestamp: time.Unix(1795168800, 0)},
		Headers:    message.Table{"tenant": "acme", "x-retries": int32(3)},
		Exchange:   "dlx", RoutingKey: "k", Queue: "dlq", Body: []byte(body),
	}
}

func line(t testing.TB, m *message.Message) []byte {
	t.Helper()
	l, err := archive.AppendLine(nil, m)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func write(t testing.TB, w *archive.Writer, m *message.Message) {
	t.Helper()
	if err := w.Write(m); err != nil {
		t.Fatal(err)
	}
}

func readAll(in io.Reader, o archive.ReaderOptions) ([]*message.Message, error) {
	r := archive.NewReader(in, o)
	defer func() { _ = r.Close() }()
	var all []*message.Message
	for {
		m, err := r.Next()
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

func FuzzReader(f *testing.F) {
	for _, c := range []archive.Compression{archive.None, archive.Gzip, archive.Zstd} {
		var out bytes.Buffer
		w, _ := archive.NewWriter(&out, c)
		for i := range 3 {
			write(f, w, sample(fmt.Sprint(i), "\x00\xff"))
			_ = w.Sync()
		}
		_ = w.Close()
		f.Add(out.Bytes())
	}
	f.Add([]byte(`{"v":1,"headers":{"a":[{"table":{"b":{"float64":"NaN:7ff8000000000001"}}}]},"body":""}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := archive.NewReader(bytes.NewReader(in), archive.ReaderOptions{MaxLine: 1 << 16})
		defer func() { _ = r.Close() }()
		for range 1000 {
			m, err := r.Next()
			var broken *archive.BrokenError
			if errors.Is(err, io.EOF) || errors.As(err, &broken) && broken.Final {
				return
			}
			if m == nil {
				continue
			}
			got, err := archive.ParseLine(line(t, m))
			if err != nil {
				t.Fatalf("a message that was read cannot be read again: %v", err)
			}
			if diff := cmp.Diff(m, got, same); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func BenchmarkAppendLine(b *testing.B) {
	for _, size := range []int{256, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			m := dead(size)
			var buf []byte
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				buf, _ = archive.AppendLine(buf[:0], m)
			}
		})
	}
}

func BenchmarkParseLine(b *testing.B) {
	for _, size := range []int{256, 4096} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			l := line(b, dead(size))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := archive.ParseLine(l); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func dead(size int) *message.Message {
	m := sample("m", `{"text":"`+strings.Repeat("abc ", size/4)+`"}`)
	m.Headers["x-death"] = []any{clientTable{
		"queue": "q", "reason": "rejected", "count": int64(1), "exchange": "e", "routing-keys": []any{"k"},
		"time": m.Timestamp,
	}}
	return m
}

// TestALastLineIsNeverDropped: one that is too long, or cut, without a newline behind it.
func TestALastLineIsNeverDropped(t *testing.T) {
	whole, err := archive.AppendLine(nil, sample("m-1", "{}"))
	if err != nil {
		t.Fatal(err)
	}
	long, err := archive.AppendLine(nil, sample("m-2", strings.Repeat("x", 1000)))
	if err != nil {
		t.Fatal(err)
	}
	for want, last := range map[string][]byte{
		"longer than 500 bytes": bytes.TrimSpace(long),
		"in the middle":         long[:100],
	} {
		r := archive.NewReader(bytes.NewReader(append(bytes.Clone(whole), last...)), archive.ReaderOptions{MaxLine: 500})
		if m, err := r.Next(); err != nil || m.MessageID != "m-1" {
			t.Fatal(m, err)
		}
		_, err := r.Next()
		var broken *archive.BrokenError
		if !errors.As(err, &broken) || broken.Line != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
}
