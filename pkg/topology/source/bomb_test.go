package source_test

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/cputime"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// bombs are small or large texts that a naive reader would spend minutes or gigabytes on.
func bombs() map[string][]byte {
	const size = 10 << 20
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 30; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10),
			", "))
	}
	merges := "m0: &m0 {k: v}\n"
	for i := 1; i < 30; i++ {
		merges += fmt.Sprintf("m%d: &m%d {a: *m%d, b: *m%d, c: *m%d}\n", i, i, i-1, i-1, i-1)
	}
	growing := "x-m0: &m0 {k0: v}\n" // each merges the one before, and has one key more
	for i := 1; i < 10_000; i++ {
		growing += fmt.Sprintf("x-m%d: &m%d { <<: *m%d, k%d: v }\n", i, i, i-1, i)
	}
	base := "base: &base {"
	for i := range 5000 {
		base += fmt.Sprintf("k%d: v, ", i)
	}
	base += "}\n"
	var copies, lists strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&copies, "c%d: { <<: *base }\n", i)
		fmt.Fprintf(&lists, "l%d: { <<: [*base, {x: 1}] }\n", i)
	}
	repeat := func(s string) []byte { return bytes.Repeat([]byte(s), size/len(s)) }
	return map[string][]byte{
		"aliases.yaml":            []byte(laughs),
		"aliases after text.yaml": append(append([]byte("text: "), repeat("x")...), "\n"+laughs...),
		"mappings.yaml":           []byte(merges),
		"growing merges.yaml":     []byte(growing),
		"copying merges.yaml":     []byte(base + copies.String()),
		"merged lists.yaml":       []byte(base + lists.String()),
		"flow list.yaml":          append([]byte("["), repeat("a,")...),
		"nested lists.yaml":       repeat("["),
		"nested mappings.yaml":    repeat("{a: "),
		"nested blocks.yaml":      repeat("- "),
		"lines.yaml":              repeat("a: b\n"),
		"keys.yaml":               repeat("? "),
		"documents.yaml":          repeat("---\n"),
		"indents.yaml":            []byte(indents()),
		"anchors.yaml":            repeat("&a "),
		"tags.yaml":               repeat("!a "),
		"quotes.yaml":             repeat("'a' "),
		"tabs.yaml":               repeat("\t"),
		"nested lists.json":       repeat("["),
		"flow list.json":          append([]byte("["), repeat("1,")...),
		"nested mappings.json":    repeat(`{"a":`),
		"alias of itself.yaml":    []byte("a: &a [*a]\n"),
		"long.yaml":               append([]byte("a: "), bytes.Repeat([]byte("x"), source.MaxBytes)...),
	}
}

func indents() string {
	var b strings.Builder
	for i := range 3000 {
		b.WriteString(strings.Repeat(" ", i) + "a:\n")
	}
	return b.String()
}

// TestJustBelowTheLimits reads the largest texts that are not refused at once.
func TestJustBelowTheLimits(t *testing.T) {
	for name, text := range map[string][]byte{
		"list.yaml":    append([]byte("["), bytes.Repeat([]byte("a,"), 490_000)...),
		"lines.yaml":   []byte(numbered(240_000)),
		"nested.yaml":  bytes.Repeat([]byte("["), 490_000),
		"aliases.yaml": []byte("a: &a [" + strings.Repeat("x,", 1000) + "]\nb: [" + strings.Repeat("*a,", 900) + "]\n"),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := cputime.Used()
			docs, problems := source.Parse(name, text)
			for _, d := range docs {
				problems = append(problems, expand(d.Root, func(string) (string, bool) { return "", false })...)
			}
			took := cputime.Used() - start
			runtime.ReadMemStats(&after)
			allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%d KB of text: %v, %d MB allocated in all, %.200v", len(text)>>10, took.Round(time.Millisecond), allocated,
				problems)
			if took > patience {
				t.Errorf("took %v", took)
			}
			if allocated > 300 {
				t.Errorf("allocated %d MB", allocated)
			}
		})
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "a%d: b\n", i)
	}
	return b.String()
}

// patience is for a slow machine: usually none takes more than a second of a processor. What is
// wrong takes minutes.
const patience = 20 * time.Second

// TestBombs: one clear diagnostic, in a moment and with little memory.
func TestBombs(t *testing.T) {
	for name, text := range bombs() {
		t.Run(name, func(t *testing.T) {
			runtime.GC()
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := cputime.Used()
			_, problems := source.Parse(name, text)
			took := cputime.Used() - start
			runtime.ReadMemStats(&after)
			allocated := (after.TotalAlloc - before.TotalAlloc) >> 20
			t.Logf("%d MB of text: %v, %d MB allocated in all", len(text)>>20, took.Round(time.Millisecond), allocated)
			if len(problems) != 1 {
				t.Fatalf("%d problems: %.300v", len(problems), problems)
			}
			t.Log(problems[0].Error())
			if took > patience {
				t.Errorf("took %v", took)
			}
			if allocated > 100 {
				t.Errorf("allocated %d MB", allocated)
			}
		})
	}
}
