package capability

import (
	"cmp"
	"strconv"
	"strings"
)

// NewestLine is the newest release line of RabbitMQ that msgctl is tested with: without a broker,
// everything is judged as for this line.
const NewestLine = "4.3"

// CompareVersions orders two broker versions by their numbers: "4.10.0" is after "4.3.6", and "4.3"
// equals "4.3.0". What follows the numbers (-rc.1, +debian) does not count.
func CompareVersions(a, b string) int {
	for a != "" || b != "" {
		var x, y int
		x, a = leadingNumber(a)
		y, b = leadingNumber(b)
		if c := cmp.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

// VersionAtLeast reports whether version is minimum or newer. An empty minimum is met by every
// version; an empty version (unknown) meets every minimum.
func VersionAtLeast(version, minimum string) bool {
	return minimum == "" || version == "" || CompareVersions(version, minimum) >= 0
}

func leadingNumber(v string) (int, string) {
	head, rest, _ := strings.Cut(v, ".")
	end := strings.IndexFunc(head, func(r rune) bool { return r < '0' || r > '9' })
	if end >= 0 {
		head, rest = head[:end], ""
	}
	n, _ := strconv.Atoi(head)
	return n, rest
}
