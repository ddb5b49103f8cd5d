package message

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// MaxOriginalHeaders limits the size in bytes of the note of the headers that replays remove. All
// headers of a message must fit into one frame (131072 bytes by default); otherwise publishing it
// closes the connection.
const MaxOriginalHeaders = 16 << 10

// Replay identifies a replay. ReplayHeaders adds it to the messages.
type Replay struct {
	ID   string // of the run
	From string // queue that the message is taken from
}

// ReplayHeaders returns the headers with which to publish a message when it is replayed. They are h
// without the headers that the broker owns (see BrokerOwned) and without the failure that a
// framework noted, plus x-msgctl-replay-count, -id and -from. These are strings, because some
// clients refuse a message with a header of another type. h is not changed; the result shares
// values with it.
//
// The removed headers are noted in x-msgctl-original-headers. So no history is lost, and a consumer
// that counts attempts in x-death does not park the message again at once. The note is a string
// with one JSON object in the form of the management API: timestamps are seconds since 1970, byte
// arrays are strings. It is a string because the deaths are nested tables, which not every stream
// keeps (fact stream-drops-nested-headers). The note of an earlier replay becomes an object of the
// same name in this one. If the whole exceeds MaxOriginalHeaders, only the first of the earlier
// notes is kept, which tells how the message was published. If it is still too large, that note is
// omitted, too, and finally the whole note.
func ReplayHeaders(h Table, r Replay) Table {
	out := withNote(h, takenOff)
	out[HeaderReplayCount] = strconv.FormatInt(ReplayCount(h)+1, 10)
	out[HeaderReplayID] = r.ID
	out[HeaderReplayFrom] = r.From
	return out
}

// MoveHeaders returns the headers with which to publish a message when it is moved. It does the
// same as ReplayHeaders, but adds no replay headers and keeps what a framework noted, because a
// move is not a retry.
func MoveHeaders(h Table) Table { return withNote(h, BrokerOwned) }

// withNote returns the headers without those for which off returns true, and with a note of them.
func withNote(h Table, off func(header string) bool) Table {
	out := make(Table, len(h)+4)
	owned := 0
	for name, v := range h {
		if off(name) {
			owned++
		} else if name != HeaderOriginalHeaders {
			out[name] = v
		}
	}
	if note := originalHeaders(h, owned, off); note != "" {
		out[HeaderOriginalHeaders] = note
	}
	return out
}

// clipped shortens text, such as a stack trace, that would leave no room for the death history.
func clipped(v any) any {
	if s, ok := AsString(v); ok && len(s) > MaxOriginalHeaders/4 {
		return s[:MaxOriginalHeaders/4] + "…"
	}
	return v
}

// takenOff reports whether a replay removes the header.
func takenOff(header string) bool { return BrokerOwned(header) || FailureNoteOf(header) }

// ReplayCount returns how often msgctl has replayed the message, according to these headers: 0 if
// the value is not a positive integer, and at most math.MaxInt32. Message.Replays also looks into
// an envelope.
func ReplayCount(h Table) int64 {
	n, _ := AsCount(h[HeaderReplayCount])
	return min(max(n, 0), math.MaxInt32)
}

// Replays returns how often msgctl has replayed the message, both inside an envelope and with it.
// It is at most math.MaxInt32.
func (m *Message) Replays() int64 {
	n := ReplayCount(m.Headers)
	if inner := m.envelopedHeaders(); inner != nil {
		n += ReplayCount(inner)
	}
	return min(n, math.MaxInt32)
}

// ReplayedBy reports whether the given run was the last to replay the message. It also looks into
// an envelope: a framework may have put the message with its headers there after a new failure.
func (m *Message) ReplayedBy(run string) bool {
	return run != "" && (m.Headers.Text(HeaderReplayID) == run || m.envelopedHeaders().Text(HeaderReplayID) == run)
}

// envelopedHeaders returns the headers of the message inside an EasyNetQ error, or nil for any
// other message.
func (m *Message) envelopedHeaders() Table {
	if !strings.HasPrefix(m.Type, easyNetQErrorType) {
		return nil
	}
	inner, err := UnwrapEasyNetQ(m)
	if err != nil {
		return nil
	}
	return inner.Headers
}

func originalHeaders(h Table, owned int, off func(header string) bool) string {
	earlier := h.Text(HeaderOriginalHeaders)
	if !json.Valid([]byte(earlier)) {
		earlier = ""
	}
	if owned == 0 {
		return earlier
	}
	note := make(map[string]any, owned+1)
	for name, v := range h {
		if off(name) {
			note[name] = Plain(clipped(v), func(t time.Time) any { return t.Unix() })
		}
	}
	for _, before := range []func() string{
		func() string { return earlier }, func() string { return oldestNote(earlier) }, func() string { return "" },
	} {
		delete(note, HeaderOriginalHeaders)
		if text := before(); text != "" {
			note[HeaderOriginalHeaders] = json.RawMessage(text)
		}
		if text, err := jsonline.Append(nil, note); err == nil && len(text) <= MaxOriginalHeaders {
			return string(text)
		}
	}
	return ""
}

// oldestNote returns the note of the first replay from the note of the last one, or "" if it is
// unreadable.
func oldestNote(note string) string {
	var t map[string]any
	if json.Unmarshal([]byte(note), &t) != nil || t == nil {
		return ""
	}
	for inner, ok := t, true; ok; inner, ok = t[HeaderOriginalHeaders].(map[string]any) {
		t = inner
	}
	text, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	return string(text)
}
