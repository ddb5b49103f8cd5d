package plans

import (
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// formatValue formats the value of a field for people: durations and sizes with units, text without
// quotes if that is unambiguous, tables as JSON. The result is neutralised.
func formatValue(v any, unit capability.Unit) string {
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
			words[i] = formatValue(e, capability.NoUnit)
		}
		return "[" + strings.Join(words, ", ") + "]"
	}
	return terminal.Neutralise(amqptable.Canonical(v))
}

func formatNumber(n int64, unit capability.Unit) string {
	switch unit {
	case capability.Milliseconds:
		return units.FormatMilliseconds(n)
	case capability.Seconds:
		return units.FormatMilliseconds(n * 1000)
	case capability.Bytes:
		return units.FormatSize(n)
	}
	return strconv.FormatInt(n, 10)
}

func formatText(s string) string {
	if s == "" || strings.TrimSpace(s) != s || strings.ContainsAny(s, "\"\n\t,:[]{}") {
		return terminal.Neutralise(strconv.Quote(s))
	}
	return terminal.Neutralise(s)
}
