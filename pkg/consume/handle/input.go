package handle

import (
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/document"
)

// attemptDocument is the JSON that a handler reads. Traceparent and Tracestate are omitted when there
// is no trace, and Tag when it is 0.
type attemptDocument struct {
	Tag         uint64 `json:"tag,omitempty"`
	Attempt     int    `json:"attempt"`
	Last        bool   `json:"last"`
	Traceparent string `json:"traceparent,omitempty"`
	Tracestate  string `json:"tracestate,omitempty"`
	document.Message
}

// AppendJSON appends an attempt to dst as one line of JSON without the newline: tag, attempt, last,
// traceparent, tracestate, and the message as msgctl tail -o ndjson prints it.
func AppendJSON(dst []byte, tag uint64, a *Attempt) []byte {
	d := attemptDocument{Tag: tag, Attempt: a.Number, Last: a.Last, Message: document.Of(a.Message)}
	if t := a.trace(); t.Parent != "" {
		d.Traceparent, d.Tracestate = t.Parent, t.State
	}
	dst, _ = jsonline.Append(dst, d) // it has only what encoding/json can write
	return dst
}

// maxVariable limits the size of an environment variable. Linux refuses to start a program with a
// variable of 128 KiB, or with 2 MiB in all.
const maxVariable = 32 << 10

// environment returns the variables that describe the message to a command. It omits values with a
// NUL byte, which no variable can hold, and values that are too long.
func environment(a *Attempt) []string {
	m := a.Message
	env := make([]string, 0, 16)
	add := func(name, value string) {
		if value != "" && len(value) <= maxVariable && strings.IndexByte(value, 0) < 0 {
			env = append(env, "MESSAGE_"+name+"="+value)
		}
	}
	add("ID", m.MessageID)
	add("TYPE", a.Type)
	add("QUEUE", m.Queue)
	add("EXCHANGE", m.Exchange)
	add("ROUTING_KEY", m.RoutingKey)
	add("CORRELATION_ID", m.CorrelationID)
	add("CONTENT_TYPE", m.ContentType)
	add("CONTENT_ENCODING", m.ContentEncoding)
	add("REPLY_TO", m.ReplyTo)
	add("APP_ID", m.AppID)
	if at := message.Meant(m.Timestamp); !at.IsZero() {
		add("TIMESTAMP", at.UTC().Format(time.RFC3339))
	}
	add("ATTEMPT", strconv.Itoa(a.Number))
	add("LAST_ATTEMPT", strconv.FormatBool(a.Last))
	add("REDELIVERED", strconv.FormatBool(m.Redelivered))
	add("TRACEPARENT", m.Headers.Text("traceparent"))
	if len(m.Headers) > 0 {
		add("HEADERS", headersJSON(a))
	}
	if t := a.trace(); t.Parent != "" {
		// The names follow OpenTelemetry's convention for environment variables. An empty state
		// hides the one inherited from msgctl's own trace.
		if len(t.State) > maxVariable || strings.IndexByte(t.State, 0) >= 0 {
			t.State = ""
		}
		env = append(env, "TRACEPARENT="+t.Parent, "TRACESTATE="+t.State)
	}
	return env
}

// headersJSON returns the headers as a JSON object.
func headersJSON(a *Attempt) string {
	text, _ := jsonline.Append(nil, document.Headers(a.Message.Headers))
	return string(text)
}
