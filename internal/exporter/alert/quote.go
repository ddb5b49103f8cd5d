package alert

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Names come from files, and may hold whatever AMQP lets them: quotes, braces, control characters.

// valid is how a name shows in a label: see telemetry's label values.
func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// text is a string of PromQL, which takes Go's escapes.
func text(s string) string { return strconv.Quote(valid(s)) }

// pattern is a regular expression that matches a name, and nothing else. PromQL anchors it.
func pattern(s string) string { return regexp.QuoteMeta(valid(s)) }

// template makes text that Prometheus' templates leave as it is.
func template(s string) string { return strings.ReplaceAll(valid(s), "{{", `{{ "{{" }}`) }

// labelQueue is the queue that an alert is about, as shell quotes it: its name may be anybody's,
// and the command is there to be typed.
const labelQueue = `'{{ reReplaceAll "'" "'\\''" $labels.queue }}'`

// duration is a time as Prometheus writes it.
func duration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	if d%time.Second != 0 {
		return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
	}
	s := d.String() // 1h0m0s
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}

// anchor is the heading of an alert in docs/monitoring.md.
func anchor(alert string) string { return strings.ToLower(alert) }
