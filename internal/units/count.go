package units

import "fmt"

// FormatCount writes a number with its noun, whose plural ends in s: "1 message", "3 messages".
func FormatCount(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
