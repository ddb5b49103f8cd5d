package transform

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/msgctl/msgctl/internal/jsonnumber"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
)

// maxBody limits the size of a decompressed body. It is the limit of dlq inspect.
const maxBody = 16 << 20

// view is a body as a program sees it.
type view struct {
	value any // nil when there is a problem
	json  bool
	// problem wraps ErrUnreadable.
	problem error
}

func viewOf(m *message.Message) view {
	plain, _, err := body.Decode(m.Body, m.ContentEncoding, maxBody)
	switch {
	case m.Unread != nil:
		return unreadable("%v", m.Unread)
	case errors.Is(err, body.ErrTooLarge):
		return unreadable("it has more than %s when it is decompressed", units.RoundSize(maxBody))
	case err != nil:
		return unreadable("%v", err)
	case !body.IsText(plain):
		if m.ContentEncoding != "" {
			return unreadable("it is neither JSON nor text in UTF-8 (content_encoding %q)", m.ContentEncoding)
		}
		return unreadable("it is neither JSON nor text in UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(plain))
	d.UseNumber()
	var v any
	// Numbers beyond the limits are not computed with: the program sees a string.
	if jsonnumber.Check(plain) == nil && d.Decode(&v) == nil {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			if halfCharacter(plain) {
				return unreadable("it has half a character (a lone surrogate) that would be lost")
			}
			return view{value: v, json: true}
		}
	}
	return view{value: string(plain)}
}

func unreadable(format string, args ...any) view {
	return view{problem: fmt.Errorf("%w: "+format, append([]any{ErrUnreadable}, args...)...)}
}

// changed returns the body to publish: the message's own bytes if the program did not change it,
// otherwise the new body, compressed in the same way.
func (v view) changed(m *message.Message, after any) ([]byte, error) {
	if same(v.value, after) {
		return m.Body, nil
	}
	if v.problem != nil {
		return nil, v.problem
	}
	plain, err := v.bytes(after)
	if err != nil {
		return nil, fmt.Errorf("jq program: body: %w", err)
	}
	out, err := body.Encode(plain, m.Body, m.ContentEncoding, maxBody)
	if err != nil {
		return nil, fmt.Errorf("compress the body again: %w", err)
	}
	return out, nil
}

func (v view) bytes(after any) ([]byte, error) {
	if text, ok := after.(string); ok && !v.json {
		return []byte(text), nil
	}
	return gojq.Marshal(after)
}

// halfCharacter reports whether JSON escapes a surrogate without its other half. No Unicode text
// can hold it, and it would become U+FFFD.
func halfCharacter(text []byte) bool {
	rest := string(text)
	for {
		at := strings.IndexByte(rest, '\\')
		if at < 0 || at+1 >= len(rest) {
			return false
		}
		rest = rest[at:]
		if rest[1] != 'u' {
			rest = rest[2:]
			continue
		}
		unit, ok := surrogate(rest)
		rest = rest[min(6, len(rest)):]
		if !ok {
			continue
		}
		low, paired := surrogate(rest)
		if unit >= 'c' || !paired || low < 'c' {
			return true
		}
		rest = rest[6:]
	}
}

// surrogate returns the third hexadecimal digit of the escaped surrogate at the start of text: 8 to
// b for the first of a pair, c to f for the second.
func surrogate(text string) (digit byte, ok bool) {
	if len(text) < 6 || text[:2] != `\u` || text[2] != 'd' && text[2] != 'D' {
		return 0, false
	}
	digit = text[3] | 0x20 // lower case; digits stay
	return digit, digit == '8' || digit == '9' || digit >= 'a' && digit <= 'f'
}
