package message_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
)

func TestAttemptsMade(t *testing.T) {
	death := func(queue, reason string, n int64) any {
		return map[string]any{"queue": queue, "reason": reason, "count": n}
	}
	for _, x := range []struct {
		headers message.Table
		native  bool
		want    int
	}{
		{nil, false, 0},
		{message.Table{"x-msgctl-attempt": int64(2)}, false, 2},
		{message.Table{"x-msgctl-attempt": "2"}, false, 2},
		{message.Table{"x-msgctl-attempt": []byte("2")}, false, 2},
		{message.Table{"x-msgctl-attempt": "many"}, false, 0},
		{message.Table{"x-msgctl-attempt": int64(-5)}, false, 0},
		{message.Table{"x-msgctl-attempt": int64(1) << 60}, false, 1<<31 - 1},
		{message.Table{"x-death": []any{death("w", "expired", 3), death("q", "rejected", 2), death("other", "rejected", 9)}},
			false, 2},
		{message.Table{"x-msgctl-attempt": int64(4), "x-death": []any{death("q", "rejected", 2)}}, false, 4},
		{message.Table{"x-delivery-count": int64(3)}, false, 0},
		{message.Table{"x-delivery-count": int64(3)}, true, 3},
		{message.Table{"x-delivery-count": int64(3), "x-msgctl-attempt": int64(1)}, true, 4},
	} {
		if got := message.AttemptsMade(&message.Message{Headers: x.headers}, "q", x.native); got != x.want {
			t.Errorf("%v: %d, want %d", x.headers, got, x.want)
		}
	}
}

func TestFailedIsReadBack(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 5, time.UTC)
	m := &message.Message{Exchange: "x", RoutingKey: "k", Queue: "q",
		Headers: message.Table{"CC": []any{"extra"}, "keep": int64(1)}}
	out := message.Failed(m, message.FailureNote{Attempts: 3, Type: "db", Message: "locked", Handler: "exec h", Queue: "q",
		At: at, Dead: true})
	f, ok := message.FailureOf(out)
	if !ok || f.Framework != message.FrameworkMsgctl || f.Type != "db" || f.Message != "locked" || f.Queue != "q" ||
		f.Exchange != "x" || f.RoutingKey != "k" || !f.HasRoute || !f.Time.Equal(at.Truncate(time.Second)) {
		t.Errorf("%v %+v", ok, f)
	}
	for name, v := range out.Headers {
		if _, text := v.(string); strings.HasPrefix(name, "x-msgctl-") && !text {
			t.Errorf("%s is %#v: clients that know only text could not read the message", name, v)
		}
	}
	old := message.Table{message.HeaderErrorType: "db", message.HeaderErrorTime: at}
	if f, _ := message.FailureOf(&message.Message{Headers: old}); !f.Time.Equal(at) {
		t.Errorf("the timestamp of earlier versions is read as %s", f.Time)
	}
	if out.Headers["CC"] != nil || out.Headers["keep"] != int64(1) || len(m.Headers) != 2 {
		t.Errorf("%v, from %v", out.Headers, m.Headers)
	}
	if o, ok := out.Origin(nil); !ok || o.Queue != "q" || o.Reason != message.ReasonFailed {
		t.Errorf("a replay would take it to %+v", o)
	}
}

// FuzzFailed: whatever a handler says, the note fits into a frame, is UTF-8, and has no control
// characters.
func FuzzFailed(f *testing.F) {
	f.Add("db", "locked")
	f.Add("\xff\x00\x1b[31m", strings.Repeat("ö", 2000))
	f.Fuzz(func(t *testing.T, kind, text string) {
		out := message.Failed(&message.Message{}, message.FailureNote{Type: kind, Message: text, Handler: kind})
		for _, name := range []string{message.HeaderErrorType, message.HeaderErrorMessage, message.HeaderErrorHandler} {
			s := out.Headers.Text(name)
			if !utf8.ValidString(s) || len(s) > 1200*3 ||
				strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }) {
				t.Errorf("%s: %q", name, s)
			}
		}
		if message.HeadersSize(out.Headers) > 20000 {
			t.Error("too large")
		}
	})
}
