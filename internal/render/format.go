package render

import (
	"fmt"
	"time"
)

// OrDash returns s, or "-" if s is empty.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ExchangeName returns the name of an exchange for people, "(default)" for the default exchange.
func ExchangeName(name string) string {
	if name == "" {
		return "(default)"
	}
	return name
}

// Age formats an age in milliseconds roughly, in one or two units: 5m03s, 3d4h. A negative age is
// unknown and formatted as "-".
func Age(ms int64) string {
	d := time.Duration(ms) * time.Millisecond
	switch {
	case ms < 0:
		return "-"
	case d < time.Second:
		return "<1s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}

// Elapsed formats the duration of a command, in milliseconds: below 10 seconds to hundredths of a
// second, above that to whole seconds.
func Elapsed(ms int64) string {
	if ms >= 10_000 {
		return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
	}
	return fmt.Sprintf("%.2fs", float64(ms)/1000)
}

// Timestamp formats a time in UTC, to the second.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
