package filter

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// dayOrWeek are the units that Go's durations lack.
var dayOrWeek = lazily(`(\d+(?:\.\d+)?)(d|w)`)

// parseDuration reads a Go duration that may also have days and weeks: "2h", "1w2d", "1.5d".
func parseDuration(s string) (time.Duration, error) {
	inHours := dayOrWeek().ReplaceAllStringFunc(strings.TrimSpace(s), func(part string) string {
		n, _ := strconv.ParseFloat(part[:len(part)-1], 64)
		if part[len(part)-1] == 'w' {
			n *= 7
		}
		return strconv.FormatFloat(n*24, 'f', -1, 64) + "h"
	})
	d, err := time.ParseDuration(inHours)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no duration: write for example \"90s\", \"2h30m\" or \"7d\"", s)
	}
	return d, nil
}

// duration is the expression's function of that name.
func duration(params ...any) (any, error) {
	s, _ := params[0].(string)
	return parseDuration(s)
}
