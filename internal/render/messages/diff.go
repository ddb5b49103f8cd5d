package messages

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
)

// Diff writes the changes that a transformation makes to the headers and the body of a message,
// line by line. It omits the headers that every replay removes or sets.
func Diff(w io.Writer, before, after *message.Message, style terminal.Styler) error {
	b := bufio.NewWriter(w)
	fmt.Fprintln(b, style.Bold("Message "+terminal.Neutralise(render.OrDash(before.MessageID))+" through --jq"))
	lines := diffLines(linesOf(before), linesOf(after))
	if !slices.ContainsFunc(lines, func(l string) bool { return l[0] != ' ' }) {
		fmt.Fprintln(b, style.Dim("  no change"))
		return b.Flush()
	}
	for i, line := range lines {
		if line[0] == ' ' && !nearChange(lines, i) {
			continue
		}
		text := "  " + terminal.Neutralise(line)
		switch line[0] {
		case '-':
			text = style.Red(text)
		case '+':
			text = style.Green(text)
		}
		fmt.Fprintln(b, text)
	}
	return b.Flush()
}

func nearChange(lines []string, i int) bool {
	const context = 2
	for j := max(0, i-context); j <= min(len(lines)-1, i+context); j++ {
		if lines[j][0] != ' ' {
			return true
		}
	}
	return false
}

// maxDiffLines limits the comparison, because its time grows with the product of both lengths.
const maxDiffLines = 400

func linesOf(m *message.Message) []string {
	var lines []string
	headers := plainTable(m.Headers)
	names := make([]string, 0, len(headers))
	for name := range headers {
		if !message.BrokerOwned(name) && !strings.HasPrefix(name, "x-msgctl-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		lines = append(lines, "header "+name+": "+plainText(headers[name]))
	}
	lines = append(lines, strings.Split(sortedBody(m), "\n")...)
	return lines[:min(len(lines), maxDiffLines)]
}

// diffLines returns the lines of a and b, each after "-", "+" or " ". It computes a longest common
// subsequence, so callers must limit the lengths.
func diffLines(a, b []string) []string {
	common := make([][]int, len(a)+1)
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var out []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, " "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			out = append(out, "-"+a[i])
			i++
		default:
			out = append(out, "+"+b[j])
			j++
		}
	}
	return out
}

// sortedBody returns the body as text. The keys of JSON objects are sorted, as jq sorts them, so
// that their order makes no difference.
func sortedBody(m *message.Message) string {
	d := json.NewDecoder(bytes.NewReader(m.Body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err == nil && !d.More() {
		if text, err := json.MarshalIndent(v, "", "  "); err == nil {
			return string(text)
		}
	}
	return body.Show(m, body.Options{MaxText: 16 << 10}).Text
}
