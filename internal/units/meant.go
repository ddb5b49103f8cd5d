package units

import (
	"strconv"
	"strings"
)

var meantPart = lazily(`^([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)[\s,]*`)

// MeantDuration returns the duration that a text probably means which ParseMilliseconds and
// ParseDuration do not take: 24h for "24hours", 5m for "5 min", 7d for "7 days". "" if unknown.
func MeantDuration(s string) string {
	text := meant(s, map[string]string{
		"ms": "ms msec msecs milli millis millisecond milliseconds", "s": "s sec secs second seconds",
		"m": "m min mins minute minutes", "h": "h hr hrs hour hours", "d": "d day days",
		"w": "w wk week weeks",
	})
	number, isWeeks := strings.CutSuffix(text, "w")
	if weeks, err := strconv.Atoi(number); isWeeks && err == nil && weeks < maxWeeks {
		return strconv.Itoa(7*weeks) + "d"
	}
	if _, err := sum(text, timeUnits(), ""); err != nil || !durationText().MatchString(text) {
		return ""
	}
	return text
}

// maxWeeks bounds what is calculated with, at more than a thousand years.
const maxWeeks = 100_000

// MeantSize returns the size that a text probably means which ParseSize does not take: 10MB for
// "10mb", "10M" and "10 megabytes". "" if unknown.
func MeantSize(s string) string {
	text := meant(s, map[string]string{
		"B": "b byte bytes", "kB": "k kb kilobyte kilobytes", "MB": "m mb megabyte megabytes",
		"GB": "g gb gigabyte gigabytes", "TB": "t tb terabyte terabytes",
		"KiB": "ki kib kibibyte kibibytes", "MiB": "mi mib mebibyte mebibytes", "GiB": "gi gib gibibyte gibibytes",
		"TiB": "ti tib tebibyte tebibytes",
	})
	if _, err := sum(text, sizeUnits(), ""); err != nil || !sizeText().MatchString(text) {
		return ""
	}
	return text
}

// meant writes numbers with units in the units that have the words as their other names.
func meant(s string, words map[string]string) string {
	var b strings.Builder
	for rest := strings.TrimSpace(s); rest != ""; {
		m := meantPart().FindStringSubmatch(rest)
		if m == nil {
			return ""
		}
		b.WriteString(m[1])
		before := b.Len()
		for unit, names := range words {
			if strings.Contains(" "+names+" ", " "+strings.ToLower(m[2])+" ") {
				b.WriteString(unit)
			}
		}
		if b.Len() == before {
			return ""
		}
		rest = rest[len(m[0]):]
	}
	return b.String()
}

// or returns a question for what is probably meant, otherwise the text.
func or(meant, otherwise string) string {
	if meant == "" {
		return otherwise
	}
	return "; did you mean " + meant + "?"
}
