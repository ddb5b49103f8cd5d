package terminal

import (
	"fmt"
	"strconv"
	"strings"
)

// FormatDuration writes milliseconds for people, exactly: 250ms, 5s, 1h30m, 24h, 1m500ms.
// time.ParseDuration reads every result back to the same value. Units above the hour are not used,
// for a day is not always 24 hours. 0 is "0s".
func FormatDuration(ms int64) string {
	if ms == 0 {
		return "0s"
	}
	var b strings.Builder
	rest := uint64(ms)
	if ms < 0 {
		b.WriteByte('-')
		rest = -rest
	}
	for _, u := range []struct {
		ms   uint64
		name string
	}{{3_600_000, "h"}, {60_000, "m"}, {1_000, "s"}, {1, "ms"}} {
		if n := rest / u.ms; n > 0 {
			b.WriteString(strconv.FormatUint(n, 10))
			b.WriteString(u.name)
			rest %= u.ms
		}
	}
	return b.String()
}

// FormatSize writes bytes for people, exactly: in the largest binary (KiB, MiB, GiB, TiB) or
// decimal (kB, MB, GB, TB) unit of which it is a whole number, the one with the shorter number
// first, else in bytes (1234567B). kB is 1000.
func FormatSize(bytes int64) string {
	best := strconv.FormatInt(bytes, 10) + "B"
	if bytes == 0 {
		return best
	}
	for _, u := range []struct {
		bytes int64
		name  string
	}{
		{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"},
		{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"},
	} {
		if bytes%u.bytes != 0 {
			continue
		}
		s := strconv.FormatInt(bytes/u.bytes, 10) + u.name
		if digits(s) < digits(best) {
			best = s
		}
	}
	return best
}

func digits(s string) int { return len(strings.TrimRight(s, "BKMGTik")) }

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

// RoundSize writes a size for people who do not need it exactly: 926 MiB, 9.4 GiB. FormatSize is
// exact.
func RoundSize(bytes int64) string {
	const unit = 1024
	if bytes < unit {
		return fmt.Sprintf("%d B", bytes)
	}
	size := float64(bytes)
	for _, name := range []string{"KiB", "MiB", "GiB"} {
		if size /= unit; size < 10 {
			return fmt.Sprintf("%.1f %s", size, name)
		} else if size < unit {
			return fmt.Sprintf("%.0f %s", size, name)
		}
	}
	return fmt.Sprintf("%.1f TiB", size/unit)
}
