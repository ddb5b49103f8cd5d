package message

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/msgctl/msgctl/pkg/message/internal/jsonappend"
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
// that the broker owns (see BrokerOwned), with x-msgctl-replay-count, -id and -from. h is not
// changed; values are shared with it.
//
// The headers taken off are noted in x-msgctl-original-headers, so that nothing is forgotten and a
// consumer that counts attempts in x-death does not park the message again at once. The note is a
// string with one JSON object, in the form of the management API: timestamps as seconds since 1970,
// byte arrays as text. It is a string because the deaths are nested tables, and a stream on 3.10
// drops header values that are tables or arrays, whatever their name (seen on 3.10.8; 4.x keeps
// those of x- headers). The note of an earlier replay goes into this one as an object under the
// same name; when all would take more than MaxOriginalHeaders, of the earlier notes only the first
// stays, which tells how the message was published; then none does, then the whole is left out.
func ReplayHeaders(h Table, r Replay) Table {
	out := make(Table, len(h)+4)
	owned := 0
	for name, v := range h {
		if BrokerOwned(name) {
			owned++
		} else if name != HeaderOriginalHeaders {
			out[name] = v
		}
	}
	if note := originalHeaders(h, owned); note != "" {
		out[HeaderOriginalHeaders] = note
	}
	out[HeaderReplayCount] = ReplayCount(h) + 1
	out[HeaderReplayID] = r.ID
	out[HeaderReplayFrom] = r.From
	return out
}

// ReplayCount returns how often msgctl has replayed the message; 0 for a header that is no positive
// integer, at most math.MaxInt32.
func ReplayCount(h Table) int64 {
	n, _ := AsInt(h[HeaderReplayCount])
	return min(max(n, 0), math.MaxInt32)
}

func originalHeaders(h Table, owned int) string {
	earlier := h.Text(HeaderOriginalHeaders)
	if !json.Valid([]byte(earlier)) {
		earlier = ""
	}
	if owned == 0 {
		return earlier
	}
	note := append(make([]byte, 0, 512), '{')
	var names [16]string
	for _, name := range sortedKeys(names[:0], h) {
		if BrokerOwned(name) {
			note = appendPlain(appendKey(note, name), h[name])
		}
	}
	const around = len(HeaderOriginalHeaders) + 5
	if len(note)+len(earlier)+around > MaxOriginalHeaders {
		earlier = oldestNote(earlier)
	}
	if earlier != "" && len(note)+len(earlier)+around <= MaxOriginalHeaders {
		note = append(appendKey(note, HeaderOriginalHeaders), earlier...)
	}
	if len(note) >= MaxOriginalHeaders {
		return ""
	}
	return string(append(note, '}'))
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

// appendKey appends a member's name to an object that was opened.
func appendKey(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(jsonappend.Valid(dst, name), ':')
}

// appendPlain appends v as a person would write it in JSON; archive has the form that keeps types.
func appendPlain(dst []byte, v any) []byte {
	switch x := v.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, x)
	case string:
		return jsonappend.Valid(dst, x)
	case []byte:
		return jsonappend.Valid(dst, string(x))
	case time.Time:
		return strconv.AppendInt(dst, x.Unix(), 10)
	case float32:
		return appendFloat(dst, float64(x), 32)
	case float64:
		return appendFloat(dst, x, 64)
	case []any:
		return appendPlainArray(dst, x)
	}
	if n, ok := AsInt(v); ok {
		return strconv.AppendInt(dst, n, 10)
	}
	if t, ok := AsTable(v); ok {
		return appendPlainTable(dst, t)
	}
	if d, ok := AsDecimal(v); ok {
		return appendFloat(dst, d.Float(), 64)
	}
	return append(dst, "null"...)
}

func appendPlainArray(dst []byte, a []any) []byte {
	dst = append(dst, '[')
	for i, v := range a {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendPlain(dst, v)
	}
	return append(dst, ']')
}

func appendPlainTable(dst []byte, t map[string]any) []byte {
	dst = append(dst, '{')
	var names [16]string
	for _, name := range sortedKeys(names[:0], t) {
		dst = appendPlain(appendKey(dst, name), t[name])
	}
	return append(dst, '}')
}

// sortedKeys appends to a buffer of the caller's, which spares an allocation a table.
func sortedKeys(buf []string, t map[string]any) []string {
	for name := range t {
		buf = append(buf, name)
	}
	slices.Sort(buf)
	return buf
}

func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, f, 'g', -1, bits)
}
