package message

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/msgctl/msgctl/internal/jsonline"
)

// MaxOriginalHeaders bounds, in bytes, the note of the headers that replays take off. All headers
// of a message have to fit into one frame (131072 bytes by default), or publishing it closes the
// connection.
const MaxOriginalHeaders = 16 << 10

// Replay names a replay: what ReplayHeaders stamps on its messages.
type Replay struct {
	ID   string // of the run
	From string // queue that the message is taken from
}

// ReplayHeaders returns the headers to publish a message with when it is replayed: h without those
// that the broker owns (see BrokerOwned) and the failure that a framework noted, with
// x-msgctl-replay-count, -id and -from, all of them text: some clients refuse a message with any
// other header. h is not changed; values are shared with it.
//
// The headers taken off are noted in x-msgctl-original-headers, so that nothing is forgotten and a
// consumer that counts attempts in x-death does not park the message again at once. The note is a
// string with one JSON object, in the form of the management API: timestamps as seconds since 1970,
// byte arrays as text. It is a string because the deaths are nested tables, which not every stream
// keeps (fact stream-drops-nested-headers). The note of an earlier replay goes into this one as an
// object under the same name; when all would take more than MaxOriginalHeaders, of the earlier
// notes only the first stays, which tells how the message was published; then none does, then the
// whole is left out.
func ReplayHeaders(h Table, r Replay) Table {
	out := withNote(h, takenOff)
	out[HeaderReplayCount] = strconv.FormatInt(ReplayCount(h)+1, 10)
	out[HeaderReplayID] = r.ID
	out[HeaderReplayFrom] = r.From
	return out
}

// MoveHeaders returns the headers to publish a message with when it is moved: as ReplayHeaders, but
// nothing is stamped, and what a framework noted stays, because a move is no retry.
func MoveHeaders(h Table) Table { return withNote(h, BrokerOwned) }

// withNote returns the headers without those to take off, and with the note of them.
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

// clipped cuts a text, such as a stack trace, that would leave no room for the death history.
func clipped(v any) any {
	if s, ok := AsString(v); ok && len(s) > MaxOriginalHeaders/4 {
		return s[:MaxOriginalHeaders/4] + "…"
	}
	return v
}

// takenOff reports whether a header comes off for a replay.
func takenOff(header string) bool { return BrokerOwned(header) || FailureNoteOf(header) }

// ReplayCount returns how often msgctl has replayed the message, by these headers; 0 for one that
// is no positive integer, at most math.MaxInt32. Message.Replays also looks into an envelope.
func ReplayCount(h Table) int64 {
	n, _ := AsCount(h[HeaderReplayCount])
	return min(max(n, 0), math.MaxInt32)
}

// Replays returns how often msgctl has replayed the message, inside an envelope and with it, at
// most math.MaxInt32.
func (m *Message) Replays() int64 {
	n := ReplayCount(m.Headers)
	if inner := m.envelopedHeaders(); inner != nil {
		n += ReplayCount(inner)
	}
	return min(n, math.MaxInt32)
}

// ReplayedBy reports whether the run replayed the message last. A framework that took it up and
// failed may have put it into an envelope with its headers.
func (m *Message) ReplayedBy(run string) bool {
	return run != "" && (m.Headers.Text(HeaderReplayID) == run || m.envelopedHeaders().Text(HeaderReplayID) == run)
}

// envelopedHeaders returns the headers of the message inside an EasyNetQ error, nil of any other
// message.
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

// oldestNote returns the note of the first replay out of that of the last one, "" when it is
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
