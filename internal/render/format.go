package render

import (
	"fmt"
	"time"
)

// OrDash is s, or a dash in place of nothing.
func OrDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// ExchangeName is the name of an exchange for people: the default exchange has none.
func ExchangeName(name string) string {
	if name == "" {
		return "(default)"
	}
	return name
}

// Age writes an age roughly, in one or two units: what matters is whether it is minutes or days. A
// negative age is not known.
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

// Elapsed writes how long a command took: hundredths of a second at first, then whole seconds.
func Elapsed(ms int64) string {
	if ms >= 10_000 {
		return (time.Duration(ms) * time.Millisecond).Round(time.Second).String()
	}
	return fmt.Sprintf("%.2fs", float64(ms)/1000)
}

// Timestamp writes a time in UTC to the second.
func Timestamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05Z") }
