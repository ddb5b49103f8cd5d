package spec

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// unit is a suffix and what it stands for in the base unit.
type unit struct {
	name string
	base int64
}

// Units of time in milliseconds. A day is 24 hours.
func timeUnits() []unit {
	return []unit{{"d", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}, {"s", 1_000}, {"ms", 1}}
}

// Units of size in bytes: kB is 1000 bytes and KiB is 1024, as the standards have it.
func sizeUnits() []unit {
	return []unit{
		{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
		{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1},
	}
}

const (
	durationPattern = `^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$`
	sizePattern     = `^[0-9]+(\.[0-9]+)? ?(B|kB|KB|MB|GB|TB|KiB|MiB|GiB|TiB)$`
	agePattern      = `^[0-9]+[YMDhms]$`
	// ageDurationPattern is a duration of whole seconds.
	ageDurationPattern = `^([0-9]+(s|m|h|d))+$`
)

// lazily compiles an expression when it is first used, so that programs do not pay for it when they
// start.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

var (
	quantityPart = lazily(`([0-9]+(?:\.[0-9]+)?) ?([A-Za-z]+)`)
	durationText = lazily(durationPattern)
	sizeText     = lazily(sizePattern)
	ageText      = lazily(agePattern)
	ageDuration  = lazily(ageDurationPattern)
)

// ParseDuration reads a duration with units (24h, 1h30m, 1.5s, 250ms, 7d; a day is 24 hours) and
// returns milliseconds. It must be a whole number of them, not negative, and fit 64 bits.
func ParseDuration(s string) (int64, error) {
	if !durationText().MatchString(s) {
		return 0, fmt.Errorf("%.40q is not a duration; write a number and a unit (ms, s, m, h, d), like 24h or 1m30s", s)
	}
	return sum(s, timeUnits(), "milliseconds")
}

// ParseSize reads a size with a unit (10MB, 1.5GiB, 512B; kB, MB, GB, TB are powers of 1000, KiB,
// MiB, GiB, TiB powers of 1024) and returns bytes, a whole number that fits 64 bits.
func ParseSize(s string) (int64, error) {
	if !sizeText().MatchString(s) {
		return 0, fmt.Errorf("%.40q is not a size; write a number and a unit (B, kB, MB, GB, KiB, MiB, GiB), like 10MB", s)
	}
	return sum(s, sizeUnits(), "bytes")
}

// sum adds the parts of a quantity exactly.
func sum(s string, units []unit, base string) (int64, error) {
	const longest = 100
	if len(s) > longest {
		return 0, fmt.Errorf("%.20q… is too long a number", s)
	}
	total := new(big.Rat)
	for _, m := range quantityPart().FindAllStringSubmatch(s, -1) {
		number, ok := new(big.Rat).SetString(m[1])
		if !ok {
			return 0, fmt.Errorf("%q has no number", s)
		}
		for _, u := range units {
			if u.name == m[2] {
				total.Add(total, number.Mul(number, big.NewRat(u.base, 1)))
			}
		}
	}
	switch {
	case !total.IsInt():
		return 0, fmt.Errorf("%q is not a whole number of %s", s, base)
	case !total.Num().IsInt64():
		return 0, fmt.Errorf("%q is too large", s)
	}
	return total.Num().Int64(), nil
}

// FormatDuration writes milliseconds so that ParseDuration reads them back: 24h, 1h30m, 250ms, 0s.
// Days are not used: 24h is what people write.
func FormatDuration(ms int64) string {
	if ms == 0 {
		return "0s"
	}
	var b strings.Builder
	for _, u := range timeUnits()[1:] {
		if n := ms / u.base; n > 0 {
			b.WriteString(strconv.FormatInt(n, 10) + u.name)
			ms %= u.base
		}
	}
	return b.String()
}

// FormatSize writes bytes so that ParseSize reads them back, in the unit that makes the shortest
// whole number.
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

// parseAge reads the age of a stream, in the broker's own form (7D; Y, M, D, h, m, s, where M is
// months and m minutes) or as a duration of whole seconds, and returns the broker's form.
func parseAge(s string) (string, error) {
	if ageText().MatchString(s) {
		return s, nil
	}
	ms, err := ParseDuration(s)
	if err != nil || !ageDuration().MatchString(s) {
		return "", fmt.Errorf("%.40q is not an age; write a number and one of Y, M, D, h, m, s, like 7D", s)
	}
	for _, u := range []unit{{"D", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}} {
		if ms > 0 && ms%u.base == 0 {
			return strconv.FormatInt(ms/u.base, 10) + u.name, nil
		}
	}
	return strconv.FormatInt(ms/1000, 10) + "s", nil
}
