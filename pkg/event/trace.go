package event

import (
	"strings"

	"github.com/msgctl/msgctl/pkg/message"
)

// headerTraceparent is the header of W3C Trace Context.
const headerTraceparent = "traceparent"

// traceparent returns the header's value, "" when the ids are not those of a trace: 32 and 16 lower-case hexadecimal digits, not all 0.
// The flags say "sampled".
func (m *Metadata) traceparent() string {
	if !traceID(m.TraceID, 32) || !traceID(m.SpanID, 16) {
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
	if len(parts) >= 4 && len(parts[0]) == 2 && parts[0] != "ff" && traceID(parts[1], 32) && traceID(parts[2], 16) {
		m.TraceID, m.SpanID = parts[1], parts[2]
	}
}

func traceID(s string, digits int) bool {
	return len(s) == digits && strings.Trim(s, "0123456789abcdef") == "" && strings.Trim(s, "0") != ""
}

func traceHeader(h message.Table) string { return h.Text(headerTraceparent) }
