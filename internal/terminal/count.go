package terminal

import "strconv"

// FormatCount writes a whole number with thousands separators: 1,234,567.
func FormatCount(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if n < 0 {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// FormatPlural writes a count and its noun: "1 queue", "1,200 queues". plural is the noun for every
// count but one.
func FormatPlural(n int64, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return FormatCount(n) + " " + plural
}
