package handle

import (
	"strings"

	"github.com/msgctl/msgctl/pkg/event"
)

// Trace holds the two header values of W3C Trace Context. State is often "".
type Trace struct{ Parent, State string }

// trace returns the parent for the handler's own spans: the attempt's span or, without one, the
// trace in the message. It is the zero Trace when there is neither, or when the message's trace is
// invalid.
func (a *Attempt) trace() Trace {
	if a.Trace.Parent != "" {
		return a.Trace
	}
	h := a.Message.Headers
	if parent := h.Text("traceparent"); validParent(parent) {
		return Trace{parent, h.Text("tracestate")}
	}
	return Trace{}
}

// maxParent is well above the length of traceparent in any version.
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
