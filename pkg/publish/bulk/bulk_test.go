package bulk_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

func readAll(l *bulk.Lines) (texts []string, numbers []int64, err error) {
	for {
		text, err := l.Next()
		if err != nil {
			return texts, numbers, err
		}
		texts, numbers = append(texts, string(text)), append(numbers, l.Line())
	}
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 600<<10)
	text := "a\n\n  b \r\n" + long + "\nlast"
	for name, r := range map[string]io.Reader{"at once": strings.NewReader(text),
		"in bits": iotest.OneByteReader(strings.NewReader(text))} {
		l := bulk.NewLines(r, 0, 0)
		texts, numbers, err := readAll(l)
		if !errors.Is(err, io.EOF) || !slices.Equal(texts, []string{"a", "b", long, "last"}) ||
			!slices.Equal(numbers, []int64{1, 3, 4, 5}) || l.End() != int64(len(text)) {
			t.Errorf("%s: %d lines, %v, %v, end %d", name, len(texts), numbers, err, l.End())
		}
	}
	l := bulk.NewLines(strings.NewReader("a\nb\nc\n"), 0, 0)
	if err := l.Skip(2); err != nil || l.Line() != 2 || l.End() != 4 {
		t.Error(err, l.Line(), l.End())
	}
	if rest, err := l.Rest(10); err != nil || string(rest) != "c\n" {
		t.Error(string(rest), err)
	}
	broken := errors.New("broken")
	if _, _, err := readAll(bulk.NewLines(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)), 0,
		0)); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestLineOverTheLimitIsSkipped(t *testing.T) {
	l := bulk.NewLines(strings.NewReader(strings.Repeat("x", 1<<20)+"y\nnext\n"), 0, 0)
	l.Limit(1 << 20)
	var long *bulk.TooLongError
	if _, err := l.Next(); !errors.As(err, &long) || long.Line != 1 || long.Most != 1<<20 {
		t.Fatal(err)
	}
	if text, err := l.Next(); err != nil || string(text) != "next" || l.Line() != 2 {
		t.Error(string(text), err)
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n c"))
	f.Fuzz(func(t *testing.T, text []byte) {
		var want []string
		for line := range bytes.Lines(text) {
			if s := bytes.TrimSpace(line); len(s) > 0 {
				want = append(want, string(s))
			}
		}
		got, _, err := readAll(bulk.NewLines(bytes.NewReader(text), 0, 0))
		if !errors.Is(err, io.EOF) || !slices.Equal(got, want) {
			t.Fatalf("%q: %q, %v", text, got, err)
		}
	})
}

func TestJournal(t *testing.T) {
	name := filepath.Join(t.TempDir(), "j")
	if _, _, _, _, err := bulk.ResumeJournal(name); !errors.Is(err, bulk.ErrNoJournal) {
		t.Error(err)
	}
	j, err := bulk.CreateJournal(name, bulk.Header{Source: "s", Check: "c", Series: "x", Type: "e"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := bulk.CreateJournal(name, bulk.Header{}); !errors.Is(err, os.ErrExist) {
		t.Error(err)
	}
	if err := j.Close(false); err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	line := `{"line":7,"end":70,"counts":{"confirmed":6,"invalid":1}}` + "\n"
	// Cut anywhere, a journal tells what was whole.
	whole := string(header) + line
	for cut := len(header); cut <= len(whole); cut++ {
		if err := os.WriteFile(name, []byte(whole[:cut]), 0o600); err != nil {
			t.Fatal(err)
		}
		j, h, r, end, err := bulk.ResumeJournal(name)
		if err != nil || h.Source != "s" || h.Check != "c" || h.Series != "x" || h.Type != "e" {
			t.Fatal(cut, h, err)
		}
		if all := cut == len(whole); all != (r.Line == 7) || all != (end == 70) || all != (r.Confirmed == 6) {
			t.Errorf("cut at %d: %+v, %d", cut, r, end)
		}
		if err := j.Close(cut == len(whole)); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(name); !errors.Is(err, os.ErrNotExist) {
		t.Error("the journal is still there")
	}
	for _, bad := range []string{"", "{}\n", "x\n", `{"msgctl_journal":"2"}` + "\n", string(header) + "x\n" + line,
		string(header) + line + strings.Replace(line, "7", "6", 1)} {
		if err := os.WriteFile(name, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, _, _, err := bulk.ResumeJournal(name); err == nil {
			t.Errorf("%q is taken for a journal", bad)
		}
	}
}
