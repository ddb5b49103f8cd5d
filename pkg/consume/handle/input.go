package handle

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message/plainjson"
)

// AppendJSON appends a job as one line of JSON without its end: tag, attempt, last, traceparent and
// tracestate, and the message as msgctl tail -o ndjson has it. tag is left out when it is 0, and a
// trace that is not known.
func AppendJSON(dst []byte, tag uint64, j *Job) []byte {
	dst = append(dst, '{')
	if tag != 0 {
		dst = append(strconv.AppendUint(append(dst, `"tag":`...), tag, 10), ',')
	}
	dst = strconv.AppendInt(append(dst, `"attempt":`...), int64(j.Attempt), 10)
	dst = strconv.AppendBool(append(dst, `,"last":`...), j.Last)
	if t := j.trace(); t.Parent != "" {
		dst = append(append(append(dst, `,"traceparent":"`...), t.Parent...), '"') // nothing in it is to be escaped
		if state, err := json.Marshal(t.State); t.State != "" && err == nil {
			dst = append(append(dst, `,"tracestate":`...), state...)
		}
	}
	return append(plainjson.Append(append(dst, ','), j.Message), '}')
}

// maxVariable bounds a variable of the environment: Linux refuses to start a program with one of
// 128 KiB, and with 2 MiB in all.
const maxVariable = 32 << 10

// environment tells a command about the message. What no variable can carry (NUL) is left out, and
// what is too long, too.
func environment(j *Job) []string {
	m := j.Message
	env := make([]string, 0, 16)
	add := func(name, value string) {
		if value != "" && len(value) <= maxVariable && strings.IndexByte(value, 0) < 0 {
			env = append(env, "MESSAGE_"+name+"="+value)
		}
	}
	add("ID", m.MessageID)
	add("TYPE", j.Type)
	add("QUEUE", m.Queue)
	add("EXCHANGE", m.Exchange)
	add("ROUTING_KEY", m.RoutingKey)
	add("CORRELATION_ID", m.CorrelationID)
	add("CONTENT_TYPE", m.ContentType)
	add("CONTENT_ENCODING", m.ContentEncoding)
	add("REPLY_TO", m.ReplyTo)
	add("APP_ID", m.AppID)
	if !m.Timestamp.IsZero() {
		add("TIMESTAMP", m.Timestamp.UTC().Format(time.RFC3339))
	}
	add("ATTEMPT", strconv.Itoa(j.Attempt))
	add("LAST_ATTEMPT", strconv.FormatBool(j.Last))
	add("REDELIVERED", strconv.FormatBool(m.Redelivered))
	add("TRACEPARENT", m.Headers.Text("traceparent"))
	if len(m.Headers) > 0 {
		add("HEADERS", headersJSON(j))
	}
	if t := j.trace(); t.Parent != "" {
		// As OpenTelemetry's convention for programs has it. An empty state hides the one that
		// belongs to msgctl's own trace.
		if len(t.State) > maxVariable || strings.IndexByte(t.State, 0) >= 0 {
			t.State = ""
		}
		env = append(env, "TRACEPARENT="+t.Parent, "TRACESTATE="+t.State)
	}
	return env
}

// headersJSON returns the headers as a JSON object.
func headersJSON(j *Job) string {
	var line struct {
		Headers json.RawMessage `json:"headers"`
	}
	only := *j.Message
	only.Body = nil
	text := append(plainjson.Append([]byte{'{'}, &only), '}')
	if json.Unmarshal(text, &line) != nil {
		return ""
	}
	return string(line.Headers)
}
