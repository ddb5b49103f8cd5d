package event

import (
	"strings"

	"github.com/msgctl/msgctl/pkg/message"
)

// headerTraceparent is the header of W3C Trace Context.
const headerTraceparent = "traceparent"

// traceparent returns the header's value, "" when the ids are not those of a trace: 32 and 16
// lower-case hexadecimal digits, not all 0. The flags say "sampled".
func (m *Metadata) traceparent() string {
	if !IsTraceID(m.TraceID) || !IsSpanID(m.SpanID) {
		return ""
	}
	return "00-" + m.TraceID + "-" + m.SpanID + "-01"
}

// fillTrace takes the trace of a header where the event itself names none.
func (m *Metadata) fillTrace(header string) {
	if m.TraceID != "" || m.SpanID != "" {
		return
	}
	parts := strings.Split(header, "-")
	if len(parts) >= 4 && len(parts[0]) == 2 && parts[0] != "ff" && IsTraceID(parts[1]) && IsSpanID(parts[2]) {
		m.TraceID, m.SpanID = parts[1], parts[2]
	}
}

// IsTraceID says whether s is a trace id of W3C Trace Context: 32 lower-case hexadecimal digits,
// not all 0.
func IsTraceID(s string) bool { return traceID(s, 32) }

// IsSpanID says whether s is a span id (parent-id) of W3C Trace Context: 16 lower-case hexadecimal
// digits, not all 0.
func IsSpanID(s string) bool { return traceID(s, 16) }

func traceID(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

func traceHeader(h message.Table) string { return h.Text(headerTraceparent) }
