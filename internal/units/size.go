package units

import (
	"fmt"
	"strconv"
	"strings"
)

// SizePattern is the regular expression of what ParseSize reads.
const SizePattern = `^[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$`

var (
	quantityPart = lazily(`([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)`)
	sizeText     = lazily(SizePattern)
)

func sizeUnits() []unit {
	return []unit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
	}
}

// ParseSize reads a size with a unit (10MB, 1.5GiB, 512B) and returns bytes, a whole number that
// fits 64 bits.
func ParseSize(s string) (int64, error) {
	if !sizeText().MatchString(s) {
		return 0, fmt.Errorf("%.40q is not a size%s", s,
			or(MeantSize(s), "; write a number and a unit (B, kB, MB, GB, KiB, MiB, GiB), like 10MB"))
	}
	return sum(s, sizeUnits(), "bytes")
}

// FormatSize writes bytes exactly, in the unit that makes the shortest whole number, binary units
// first: 10MB, 1536MiB, 1234567B. ParseSize reads it back unless it is negative.
func FormatSize(bytes int64) string {
	best := strconv.FormatInt(bytes, 10) + "B"
	if bytes == 0 {
		return best
	}
	for _, u := range sizeUnits() {
		if s := strconv.FormatInt(bytes/u.base, 10) + u.name; bytes%u.base == 0 && digits(s) < digits(best) {
			best = s
		}
	}
	return best
}

func digits(s string) int { return len(strings.TrimRight(s, "BKMGTik")) }

// RoundSize writes the size of messages in decimal units, rounded: 512 B, 1.2 kB, 16.8 MB.
func RoundSize(bytes int64) string {
	size, name := round(bytes, 1000, "B", "kB", "MB", "GB", "TB")
	if name == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", size, name)
}

// RoundMemory writes the size of memory or a disk in binary units, as the broker's own pages do,
// rounded: 512 B, 9.4 GiB, 926 MiB.
func RoundMemory(bytes int64) string {
	size, name := round(bytes, 1024, "B", "KiB", "MiB", "GiB", "TiB")
	if name != "B" && size < 10 {
		return fmt.Sprintf("%.1f %s", size, name)
	}
	return fmt.Sprintf("%.0f %s", size, name)
}

// round returns a size in the largest of the units of which it has at least one.
func round(bytes int64, base float64, names ...string) (float64, string) {
	size, at := float64(bytes), 0
	for size >= base && at < len(names)-1 {
		size, at = size/base, at+1
	}
	return size, names[at]
}
