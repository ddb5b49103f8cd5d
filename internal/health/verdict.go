package health

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/terminal"
)

// Verdict says how it stands.
type Verdict string

const (
	// OK: nothing to do.
	OK Verdict = "ok"
	// Unknown: it could not be looked at.
	Unknown Verdict = "unknown"
	// Warning: it works, and can go wrong.
	Warning Verdict = "warning"
	// Error: messages are held up or get lost, now or when the next thing happens.
	Error Verdict = "error"
)

// AtLeast reports whether v is as bad as o or worse; what is unknown is no fault.
func (v Verdict) AtLeast(o Verdict) bool { return v.rank() >= o.rank() }

func (v Verdict) rank() int { return slices.Index([]Verdict{OK, Unknown, Warning, Error}, v) }

// worse returns the worse of two.
func worse(a, b Verdict) Verdict {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

// mostNamed is how many objects a sentence names.
const mostNamed = 3

// some names a few, and counts the others: `"a", "b", "c" and 4 more`.
func some(names []string) string {
	quoted := make([]string, 0, mostNamed)
	for _, n := range names[:min(len(names), mostNamed)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	text := ""
	for i, q := range quoted {
		switch {
		case i == 0:
		case i == len(quoted)-1 && len(names) <= mostNamed:
			text += " and "
		default:
			text += ", "
		}
		text += q
	}
	if more := len(names) - mostNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func plural(n int, singular, plural string) string {
	return terminal.FormatPlural(int64(n), singular, plural)
}
