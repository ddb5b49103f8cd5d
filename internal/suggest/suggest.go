// Package suggest finds the name that was meant when another was typed, for "did you mean orders?",
// and lists the names that there are.
package suggest

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/agnivade/levenshtein"
)

// longest bounds, in bytes, the names that are compared: the time for one comparison grows with the
// product of their lengths.
const longest = 255

// Nearest returns the candidate that a mistyped name most likely means, the first of several that
// are equally near, or "" when none is near enough. A third of the characters may differ, or two,
// but never all. Both are compared as Normalise returns them.
func Nearest(name string, candidates []string) string {
	word := Normalise(name)
	length := utf8.RuneCountInString(word)
	if length == 0 {
		return ""
	}
	best, least := "", 1+min(max(2, length/3), length-1)
	for _, c := range candidates {
		if d := levenshtein.ComputeDistance(word, Normalise(c)); d < least {
			best, least = c, d
		}
	}
	return best
}

// Normalise returns a name without what people often write differently: case, dashes, underscores,
// spaces, and the x- before the names of arguments. A name of more than 255 bytes becomes "".
func Normalise(s string) string {
	if len(s) > longest {
		return ""
	}
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' || r == ' ' {
			return -1
		}
		return r
	}, strings.TrimPrefix(strings.ToLower(s), "x-"))
}

// mostListed limits how many names a text lists.
const mostListed = 10

// List returns the first ten names, separated by commas, and how many more there are: "a, b" or
// "a, b, … and 3 more". Without names it returns "".
func List(names []string) string {
	if len(names) <= mostListed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], ", "), len(names)-mostListed)
}
