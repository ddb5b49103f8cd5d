package terminal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"pgregory.net/rapid"
)

func env(kv ...string) LookupEnv {
	m := map[string]string{}
	for i := 0; i < len(kv); i += 2 {
		m[kv[i]] = kv[i+1]
	}
	return func(k string) (string, bool) { v, ok := m[k]; return v, ok }
}

func TestColourDecision(t *testing.T) {
	for _, c := range []struct {
		name string
		mode ColourMode
		tty  bool
		env  LookupEnv
		want bool
	}{
		{"terminal", ColourAuto, true, env(), true},
		{"pipe", ColourAuto, false, env(), false},
		{"NO_COLOR", ColourAuto, true, env("NO_COLOR", "1"), false},
		{"empty NO_COLOR counts as unset", ColourAuto, true, env("NO_COLOR", ""), true},
		{"dumb", ColourAuto, true, env("TERM", "dumb"), false},
		{"CLICOLOR=0", ColourAuto, true, env("CLICOLOR", "0"), false},
		{"forced on a pipe", ColourAuto, false, env("CLICOLOR_FORCE", "1"), true},
		{"CLICOLOR_FORCE=0 does not force", ColourAuto, false, env("CLICOLOR_FORCE", "0"), false},
		{"forced wins over dumb", ColourAuto, false, env("CLICOLOR_FORCE", "1", "TERM", "dumb"), true},
		{"NO_COLOR wins over force", ColourAuto, true, env("CLICOLOR_FORCE", "1", "NO_COLOR", "1"), false},
		{"always wins over NO_COLOR", ColourAlways, false, env("NO_COLOR", "1"), true},
		{"never wins over force", ColourNever, true, env("CLICOLOR_FORCE", "1"), false},
	} {
		s := New(nil, nil, nil, c.env)
		s.OutTTY = c.tty
		if got := s.OutStyler(c.mode).Enabled(); got != c.want {
			t.Errorf("%s: colour = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestStyler(t *testing.T) {
	if got := NewStyler(false).Red("x"); got != "x" {
		t.Errorf("plain styler wrote %q", got)
	}
	if got := NewStyler(true).Red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("styler wrote %q", got)
	}
}

func TestModesRefuseOtherValues(t *testing.T) {
	var c ColourMode
	var p ProgressMode
	if c.Set("sometimes") == nil || p.Set("fast") == nil {
		t.Error("a wrong value was accepted")
	}
	if c.Set("never") != nil || c != ColourNever || p.Set("json") != nil || p != ProgressJSON {
		t.Error("a right value was refused")
	}
}

func TestNeutralise(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 日本 🎉":                 "plain ü 日本 🎉",
		"\x1b[31mred\x1b[0m":           `\x1b[31mred\x1b[0m`,
		"\x1b]52;c;ZXZpbA==\x07":       `\x1b]52;c;ZXZpbA==\x07`,
		"a\nb\tc\r":                    `a\nb\tc\r`,
		"\x00\x7f":                     `\x00\x7f`,
		"\u009b31m":                    `\u009b31m`,
		"bad \xff\xfe utf8":            `bad \xff\xfe utf8`,
		"\x9b31m raw C1":               `\x9b31m raw C1`,
		"user\u202egpj.exe":            `user\u202egpj.exe`,
		"iso\u2066late\u2069":          `iso\u2066late\u2069`,
		"zero\u200bwidth":              `zero\u200bwidth`,
		"\U000e0041tag":                `\U000e0041tag`,
		"family 👨\u200d👩":              "family 👨\u200d👩",
		`C:\new\table`:                 `C:\new\table`,
		"replacement \ufffd character": "replacement \ufffd character",
	} {
		if got := Neutralise(in); got != want {
			t.Errorf("Neutralise(%q) = %q, want %q", in, got, want)
		}
	}
	if got := NeutraliseBlock("a\n\tb\r\n\x1b"); got != "a\n\tb\\r\n\\x1b" {
		t.Errorf("NeutraliseBlock = %q", got)
	}
}

func FuzzNeutralise(f *testing.F) {
	for _, s := range []string{"", "abc", "\x1b[2J", "\xc2\x9b", "\xe2\x80\xae", "\xff", "a\nb", "\xe2\x80",
		"\U000e0001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, block := range []bool{false, true} {
			got := neutralise(s, block)
			if !utf8.ValidString(got) {
				t.Fatalf("%q became invalid UTF-8 %q", s, got)
			}
			if i := strings.IndexFunc(got, func(r rune) bool { return harmful(r, block) }); i >= 0 {
				t.Fatalf("%q still has a harmful character at %d: %q", s, i, got)
			}
			if again := neutralise(got, block); again != got {
				t.Fatalf("not idempotent: %q, then %q", got, again)
			}
			for _, b := range []byte(got) {
				if b < 0x20 && !(block && (b == '\n' || b == '\t')) || b == 0x7f {
					t.Fatalf("%q keeps the control byte %#x", s, b)
				}
			}
		}
	})
}

func TestConfirm(t *testing.T) {
	for in, want := range map[string]bool{"y\n": true, "YES\n": true, " yes \n": true, "n\n": false, "\n": false,
		"": false, "yep\n": false} {
		var out bytes.Buffer
		s := New(strings.NewReader(in), nil, &out, nil)
		s.InTTY = true
		got, err := s.Confirm(context.Background(), "delete 3 queues?", "--yes")
		if err != nil || got != want {
			t.Errorf("answer %q: %v, %v", in, got, err)
		}
		if out.String() != "delete 3 queues? [y/N] " {
			t.Errorf("asked %q", out.String())
		}
	}
}

func TestConfirmNameNeedsTheWholeName(t *testing.T) {
	for in, want := range map[string]bool{"orders\n": true, "order\n": false, "y\n": false, "Orders\n": false,
		"\n": false} {
		s := New(strings.NewReader(in), nil, io.Discard, nil)
		s.InTTY = true
		if got, err := s.ConfirmName(context.Background(), "q", "orders", "--yes=orders"); err != nil || got != want {
			t.Errorf("answer %q: %v, %v", in, got, err)
		}
	}
}

func TestConfirmLeavesTheRestOfTheInput(t *testing.T) {
	in := strings.NewReader("y\nrest")
	s := New(in, nil, io.Discard, nil)
	s.InTTY = true
	if ok, _ := s.Confirm(context.Background(), "q", "--yes"); !ok {
		t.Fatal("not confirmed")
	}
	if rest, _ := io.ReadAll(in); string(rest) != "rest" {
		t.Errorf("left %q", rest)
	}
}

func TestConfirmWithoutTerminalNamesTheFlag(t *testing.T) {
	s := New(strings.NewReader("y\n"), nil, io.Discard, nil)
	ok, err := s.Confirm(context.Background(), "delete 3 queues?", "--yes")
	var ni *NotInteractiveError
	if ok || !errors.As(err, &ni) {
		t.Fatalf("ok=%v err=%v", ok, err)
	}
	if !strings.Contains(err.Error(), "delete 3 queues?") || !strings.Contains(ni.Hint(), "--yes") {
		t.Errorf("error %q, hint %q", err, ni.Hint())
	}
}

func TestConfirmEndsWithItsContext(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	s := New(r, nil, io.Discard, nil)
	s.InTTY = true
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Confirm(ctx, "q", "--yes"); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func TestFormatCount(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567",
		math.MinInt64: "-9,223,372,036,854,775,808"} {
		if got := FormatCount(n); got != want {
			t.Errorf("FormatCount(%d) = %q, want %q", n, got, want)
		}
	}
	if FormatPlural(1, "queue", "queues") != "1 queue" || FormatPlural(0, "queue", "queues") != "0 queues" {
		t.Error("plural is wrong")
	}
}

func TestTruncateAndWrap(t *testing.T) {
	if got := Truncate("日本語のキュー", 7); got != "日本語…" {
		t.Errorf("Truncate = %q", got)
	}
	if got := Truncate("as long as it likes", 0); got != "as long as it likes" {
		t.Errorf("no limit: %q", got)
	}
	got := strings.Join(Wrap("one two three-and-a-half four\n\nfive", 9), "|")
	if got != "one two|three-and|-a-half|four||five" {
		t.Errorf("Wrap = %q", got)
	}
	for word, want := range map[string]string{
		"team.service.queue-of-orders":  "team.service|.queue-of-|orders",
		"a-bcdefghijklmnop":             "a-bcdefghijk|lmnop", // in the first half: too short a line
		"日本語.の待ち行列の名前":                  "日本語.|の待ち行列の|名前",
		"https://example.com/orders/12": "https://|example.com/|orders/12",
	} {
		if got := strings.Join(Wrap(word, 12), "|"); got != want {
			t.Errorf("Wrap(%q) = %q, want %q", word, got, want)
		}
	}
	if got := strings.Join(Wrap("日本語", 1), "|"); got != "日|本|語" {
		t.Errorf("narrower than a character: %q", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		s, w := rapid.String().Draw(t, "s"), rapid.IntRange(1, 40).Draw(t, "w")
		if n := Width(Truncate(s, w)); n > w {
			t.Fatalf("Truncate(%q, %d) takes %d columns", s, w, n)
		}
		if squeeze(strings.Join(Wrap(s, w), "")) != squeeze(s) {
			t.Fatalf("Wrap(%q, %d) = %q", s, w, Wrap(s, w))
		}
		for _, line := range Wrap(s, w) {
			if Width(line) > w && clusters(line) > 1 {
				t.Fatalf("Wrap(%q, %d): line %q takes %d columns", s, w, line, Width(line))
			}
		}
	})
}

// squeeze removes all white space.
func squeeze(s string) string { return strings.Join(strings.Fields(s), "") }

// clusters counts what is drawn as one character; one may be wider than the whole line.
func clusters(s string) (n int) {
	for it := graphemes.FromString(s); it.Next(); {
		n++
	}
	return n
}

func clock() (func() time.Time, func(time.Duration)) {
	now := time.Unix(1000, 0)
	return func() time.Time { return now }, func(d time.Duration) { now = now.Add(d) }
}

func eighty() int { return 80 }

func TestBarIsThrottledAndFits(t *testing.T) {
	var out bytes.Buffer
	now, advance := clock()
	p := &barProgress{w: &out, width: eighty, now: now, every: 100 * time.Millisecond}
	p.Begin("apply", "objects", 10_000)
	for range 1000 {
		advance(time.Millisecond)
		p.Add(5)
	}
	lines := strings.Split(out.String(), clearLine)[1:]
	if len(lines) < 9 || len(lines) > 11 {
		t.Errorf("drew %d times in a second", len(lines))
	}
	last := lines[len(lines)-1]
	for _, want := range []string{"apply", "50%", "5,000/10,000 objects", "5,000/s", "1s left"} {
		if !strings.Contains(last, want) {
			t.Errorf("%q lacks %q", last, want)
		}
	}
	for _, l := range lines {
		if Width(l) >= 80 {
			t.Errorf("line of %d columns: %q", Width(l), l)
		}
	}
	out.Reset()
	p.Note("evil\x1b[2J")
	p.End()
	if strings.Contains(out.String(), "\x1b[2J") || !strings.HasSuffix(out.String(), clearLine) {
		t.Errorf("note and end wrote %q", out.String())
	}
}

// TestShortJobShowsNothing: what never drew has nothing to clear; a dumb terminal and a pipe get no
// control sequences at all.
func TestShortJobShowsNothing(t *testing.T) {
	var out bytes.Buffer
	now, _ := clock()
	bar := &barProgress{w: &out, width: eighty, now: now, every: 100 * time.Millisecond}
	dumb := New(nil, nil, &out, func(name string) (string, bool) { return map[string]string{"TERM": "dumb"}[name], true })
	dumb.ErrTTY = true
	for name, p := range map[string]Progress{"quick": bar, "pipe": New(nil, nil, &out, nil).Progress(ProgressAuto),
		"dumb": dumb.Progress(ProgressAuto)} {
		p.Begin("read", "messages", 10)
		p.Add(10)
		p.End()
		if out.Len() > 0 {
			t.Errorf("%s: wrote %q", name, out.String())
		}
		out.Reset()
	}
}

func TestJSONProgress(t *testing.T) {
	var out bytes.Buffer
	now, advance := clock()
	p := &jsonProgress{w: &out, now: now, every: time.Second}
	p.Begin("apply", "objects", 100)
	for range 50 {
		advance(100 * time.Millisecond)
		p.Add(1)
	}
	p.Note("queue \"x\" waits")
	p.End()
	p.End()
	var kinds []string
	dec := json.NewDecoder(&out)
	var e progressEvent
	for dec.More() {
		e = progressEvent{}
		if err := dec.Decode(&e); err != nil {
			t.Fatal(err)
		}
		kinds = append(kinds, e.Type)
	}
	if got := strings.Join(kinds, " "); got != "begin progress progress progress progress progress note end" {
		t.Errorf("events: %s", got)
	}
	if e.Done != 50 || e.Total != 100 || e.ElapsedMS != 5000 || e.Rate != 10 || e.LeftMS != 5000 {
		t.Errorf("end = %+v", e)
	}
}

// TestBarMakesRoomForLines: what others write stands above the bar, which is drawn again.
func TestBarMakesRoomForLines(t *testing.T) {
	var out bytes.Buffer
	now, advance := clock()
	p := &barProgress{w: &out, width: eighty, now: now, every: 100 * time.Millisecond}
	log := Above(p, &out)
	p.Begin("consume", "handled", 0)
	fmt.Fprintln(log, "before the first drawing")
	if got := out.String(); got != "before the first drawing\n" {
		t.Errorf("without a bar: %q", got)
	}
	advance(time.Second)
	p.Add(2)
	p.Detail("1 retried") // too early to draw
	out.Reset()
	fmt.Fprintln(log, "a line")
	if got, want := out.String(), clearLine+"a line\nconsume  2 handled, 1 retried  2.0/s"; got != want {
		t.Errorf("wrote %q, want %q", got, want)
	}
	p.End()
	out.Reset()
	fmt.Fprintln(log, "after")
	if got := out.String(); got != "after\n" {
		t.Errorf("after the end: %q", got)
	}
	if got := Above(Silent{}, &out); got != &out {
		t.Errorf("without progress lines go to %T", got)
	}
}

// TestRateOfAnEndlessStageIsRecent: hours of idling do not make a busy consumer slow.
func TestRateOfAnEndlessStageIsRecent(t *testing.T) {
	var out bytes.Buffer
	now, advance := clock()
	p := &barProgress{w: &out, width: eighty, now: now, every: 100 * time.Millisecond}
	p.Begin("consume", "handled", 0)
	for range 3600 {
		advance(time.Second)
		p.Detail("")
	}
	for range 20 {
		advance(time.Second)
		p.Add(50)
	}
	if !strings.HasSuffix(out.String(), "consume  1,000 handled  50/s") {
		t.Errorf("busy: %q", out.String()[out.Len()-80:])
	}
	for range 20 {
		advance(time.Second)
		p.Detail("2 being handled")
	}
	if !strings.HasSuffix(out.String(), "consume  1,000 handled, 2 being handled") {
		t.Errorf("idle: %q", out.String()[out.Len()-80:])
	}
	if len(p.s.recent) > 12 {
		t.Errorf("%d readings are kept", len(p.s.recent))
	}
}

func TestProgressChoice(t *testing.T) {
	s := New(nil, nil, io.Discard, env())
	if _, ok := s.Progress(ProgressAuto).(Silent); !ok {
		t.Error("a pipe got progress unasked")
	}
	if _, ok := s.Progress(ProgressJSON).(*jsonProgress); !ok {
		t.Error("no JSON progress")
	}
	s.ErrTTY = true
	if _, ok := s.Progress(ProgressAuto).(*barProgress); !ok {
		t.Error("no bar on a terminal")
	}
	if _, ok := s.Progress(ProgressNone).(Silent); !ok {
		t.Error("--progress none shows something")
	}
}

func TestFrame(t *testing.T) {
	var out bytes.Buffer
	f := NewFrame(&out)
	for _, c := range []struct {
		text string
		rows int
		want string
	}{
		{"a\nb\n", 24, "\x1b[H\x1b[2Ja\x1b[K\nb\x1b[K\n\x1b[J"},
		{"c\n", 24, "\x1b[Hc\x1b[K\n\x1b[J"},
		{"1\n2\n3\n", 4, "\x1b[H1\x1b[K\n2\x1b[K\n3\x1b[K\n\x1b[J"},
		{"1\n2\n3\n4\n", 4, "\x1b[H1\x1b[K\n2\x1b[K\n… 2 lines more: the terminal has 4\x1b[K\n\x1b[J"},
		{"1\n2\n", 0, "\x1b[H1\x1b[K\n2\x1b[K\n\x1b[J"},
	} {
		out.Reset()
		if err := f.Show(c.text, c.rows); err != nil || out.String() != c.want {
			t.Errorf("%q in %d rows: %q, %v; want %q", c.text, c.rows, out.String(), err, c.want)
		}
	}
}
