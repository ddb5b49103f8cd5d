package handle

import (
	"strings"

	"github.com/msgctl/msgctl/pkg/event"
)

// Trace is a context of W3C Trace Context, as its two headers have it. State is often "".
type Trace struct{ Parent, State string }

// trace is what the handler's own spans are to continue: the attempt's span, or else what the
// message says. The zero Trace when neither is known, or when the message's is not valid.
func (j *Job) trace() Trace {
	if j.Trace.Parent != "" {
		return j.Trace
	}
	h := j.Message.Headers
	if parent := h.Text("traceparent"); validParent(parent) {
		return Trace{parent, h.Text("tracestate")}
	}
	return Trace{}
}

// maxParent is far beyond what any version of traceparent has.
const maxParent = 256

func validParent(s string) bool {
	if len(s) > maxParent {
		return false
	}
	parts := strings.Split(s, "-")
	return len(parts) >= 4 && len(parts[0]) == 2 && parts[0] != "ff" && event.IsTraceID(parts[1]) &&
		event.IsSpanID(parts[2]) &&
		strings.Trim(s, "0123456789abcdef-") == ""
}
