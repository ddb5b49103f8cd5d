package render

import (
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// formatValue writes a field's value for people: durations and sizes with units, text bare where
// that is unambiguous, tables as JSON. The result is neutralised.
func formatValue(v any, unit topology.Unit) string {
	switch x := v.(type) {
	case nil:
		return "(unset)"
	case topology.Secret:
		return "(hidden)"
	case int64:
		return formatNumber(x, unit)
	case string:
		return formatText(x)
	case []any:
		words := make([]string, len(x))
		for i, e := range x {
			words[i] = formatValue(e, topology.NoUnit)
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return terminal.Neutralise(topology.CanonicalValue(v))
}

func formatNumber(n int64, unit topology.Unit) string {
	switch unit {
	case topology.Milliseconds:
		return terminal.FormatDuration(n)
	case topology.Seconds:
		return terminal.FormatDuration(n * 1000)
	case topology.Bytes:
		return terminal.FormatSize(n)
	}
	return strconv.FormatInt(n, 10)
}

func formatText(s string) string {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\"\n\t,:[]{}") {
		return terminal.Neutralise(strconv.Quote(s))
	}
	return terminal.Neutralise(s)
}
