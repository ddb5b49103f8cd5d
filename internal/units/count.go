package units

import "fmt"

// FormatCount writes a number with its noun, whose plural ends in s: "1 message", "3 messages".
func FormatCount(n int64, noun string) string { return FormatPlural(n, noun, noun+"s") }

// FormatPlural writes a number with its noun, whose plural is given: "1 delivery", "3 deliveries".
func FormatPlural(n int64, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return fmt.Sprintf("%d %s", n, plural)
}
