package health

import (
	"fmt"
	"slices"

	"github.com/msgctl/msgctl/internal/terminal"
)

// Status is how bad something is.
type Status string

const (
	// OK: nothing to do.
	OK Status = "ok"
	// Unknown: it could not be read.
	Unknown Status = "unknown"
	// Warning: it works, but can go wrong.
	Warning Status = "warning"
	// Error: messages are held up or lost, now or at the next failure.
	Error Status = "error"
)

// AtLeast reports whether v is as bad as o or worse. Unknown is less than a warning.
func (v Status) AtLeast(o Status) bool { return v.rank() >= o.rank() }

func (v Status) rank() int { return slices.Index([]Status{OK, Unknown, Warning, Error}, v) }

// worse returns the worse of two statuses.
func worse(a, b Status) Status {
	if b.rank() > a.rank() {
		return b
	}
	return a
}

// maxNamed is how many objects a sentence names.
const maxNamed = 3

// NameSome names a few objects and counts the others: `"a", "b", "c" and 4 more`.
func NameSome(names []string) string {
	quoted := make([]string, 0, maxNamed)
	for _, n := range names[:min(len(names), maxNamed)] {
		quoted = append(quoted, fmt.Sprintf("%q", n))
	}
	text := ""
	for i, q := range quoted {
		switch {
		case i == 0:
		case i == len(quoted)-1 && len(names) <= maxNamed:
			text += " and "
		default:
			text += ", "
		}
		text += q
	}
	if more := len(names) - maxNamed; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func plural(n int, singular, plural string) string {
	return terminal.FormatPlural(int64(n), singular, plural)
}
