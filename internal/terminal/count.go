package terminal

import "strconv"

// FormatCount formats an integer with thousands separators: 1,234,567.
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

// FormatPlural formats a count with its noun: "1 queue", "1,200 queues". It uses plural for every
// count except 1.
func FormatPlural(n int64, singular, plural string) string {
	if n == 1 {
		return "1 " + singular
	}
	return FormatCount(n) + " " + plural
}
