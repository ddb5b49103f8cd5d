package handle

import (
	"bytes"
	"testing"

	"github.com/msgctl/msgctl/pkg/message"
)

func FuzzParseAnswer(f *testing.F) {
	for _, s := range []string{`{"tag":7,"result":"ack"}`, `{"result":"retry","after":"1h"}`,
		`{"result":"retry","after":1e300}`, `{"result":"dead-letter","error":"\ud800"}`, `{`, `{"after":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		a, err := parseAnswer(line)
		if err == nil && (a.result.Verdict < Handled || a.result.Verdict > DeadLetter || a.result.After < 0 ||
			a.result.After > maxRetryAfter) {
			t.Errorf("%+v", a)
		}
	})
}

// FuzzLineIsOne: whatever a message holds, what a process is given of it is one line.
func FuzzLineIsOne(f *testing.F) {
	f.Add([]byte("{\n}"), "a\nb")
	f.Fuzz(func(t *testing.T, body []byte, text string) {
		line := AppendJSON(nil, 1, &Attempt{Message: &message.Message{Body: body, RoutingKey: text,
			Headers: message.Table{text: text}}})
		if bytes.IndexByte(line, '\n') >= 0 {
			t.Errorf("%q", line)
		}
	})
}
