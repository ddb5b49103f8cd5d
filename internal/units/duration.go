// Package units reads and writes durations and sizes with their units, and writes counts.
//
// There are two kinds of durations. Those of a topology file and of the broker are whole
// milliseconds, read exactly and with the units ms, s, m, h and d (ParseMilliseconds). Those that
// somebody types for a span of time are Go's, with days and weeks (ParseDuration). A day always has
// 24 hours.
//
// A size is in bytes. kB, MB, GB and TB are powers of 1000, KiB, MiB, GiB and TiB powers of 1024.
package units

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// DurationPattern is the regular expression of what ParseMilliseconds reads.
const DurationPattern = `^([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+$`

var (
	durationText = lazily(DurationPattern)
	daysAndWeeks = lazily(`(\d+(?:\.\d+)?)(d|w)`)
)

// lazily compiles an expression at its first use: most commands read no units.
func lazily(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// unit is a suffix and how many of the base unit it stands for.
type unit struct {
	name string
	base int64
}

func timeUnits() []unit {
	return []unit{{"d", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}, {"s", 1_000}, {"ms", 1}}
}

// ParseMilliseconds reads a duration with units (24h, 1h30m, 1.5s, 250ms, 7d) and returns
// milliseconds. It must be a whole number of them, not negative, and fit 64 bits.
func ParseMilliseconds(s string) (int64, error) {
	if !durationText().MatchString(s) {
		return 0, fmt.Errorf("%.40q is not a duration%s", s,
			or(MeantDuration(s), "; write a number and a unit (ms, s, m, h, d), like 24h or 1m30s"))
	}
	return sum(s, timeUnits(), "milliseconds")
}

// FormatMilliseconds writes milliseconds exactly: 250ms, 5s, 1h30m, 24h, 1m500ms, 0s.
// time.ParseDuration reads it back, ParseMilliseconds too unless it is negative. Days are not used:
// 24h is what people write.
func FormatMilliseconds(ms int64) string {
	if ms == 0 {
		return "0s"
	}
	var b strings.Builder
	rest := uint64(ms)
	if ms < 0 {
		b.WriteByte('-')
		rest = -rest
	}
	for _, u := range timeUnits()[1:] {
		if n := rest / uint64(u.base); n > 0 {
			b.WriteString(strconv.FormatUint(n, 10) + u.name)
			rest %= uint64(u.base)
		}
	}
	return b.String()
}

// FormatDuration is FormatMilliseconds of a duration; what is less than a millisecond is left out.
func FormatDuration(d time.Duration) string { return FormatMilliseconds(d.Milliseconds()) }

// ParseDuration reads what time.ParseDuration does, and days and weeks: 90s, 2h30m, 7d, 1w2d, 1.5d.
func ParseDuration(s string) (time.Duration, error) {
	inHours := daysAndWeeks().ReplaceAllStringFunc(strings.TrimSpace(s), func(part string) string {
		n, _ := strconv.ParseFloat(part[:len(part)-1], 64)
		if part[len(part)-1] == 'w' {
			n *= 7
		}
		return strconv.FormatFloat(n*24, 'f', -1, 64) + "h"
	})
	d, err := time.ParseDuration(inHours)
	if err != nil {
		return 0, fmt.Errorf("%.40q is not a duration%s", s, or(MeantDuration(s), "; write for example 90s, 2h30m or 7d"))
	}
	return d, nil
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
