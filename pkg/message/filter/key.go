package filter

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
)

// maxKey limits one value of a key, in bytes: a group is shown in one line, and a million of them
// must fit into memory.
const maxKey = 200

// shortcuts are words in a list of keys that stand for other expressions.
var shortcuts = map[string]string{
	"routing-key": "routingKey",
	"type":        "properties.type",
	"error":       "error.summary",
	"app":         "properties.appId",
}

// Key groups messages by the values of one or more expressions. It is safe for concurrent use.
type Key struct {
	names []string
	parts []*program
}

// CompileKey compiles a comma-separated list of expressions: "reason,queue", "headers.tenant",
// "body.items[0].id". The words routing-key, type, error and app stand for routingKey,
// properties.type, error.summary and properties.appId. The error is a *SyntaxError.
func CompileKey(list string, o Options) (*Key, error) {
	k := &Key{}
	for _, part := range split(list) {
		name := strings.TrimSpace(part)
		if name == "" {
			return nil, &SyntaxError{Source: list, Message: "an expression is missing: write for example reason,queue"}
		}
		source := name
		if long, ok := shortcuts[name]; ok {
			source = long
		}
		p, err := compile(source, false, o)
		var wrong *SyntaxError
		if errors.As(err, &wrong) && strings.HasPrefix(wrong.Hint, allNames) {
			wrong.Hint += ", and here " + strings.Join(slices.Sorted(maps.Keys(shortcuts)), ", ")
		}
		if err != nil {
			return nil, err
		}
		k.names, k.parts = append(k.names, name), append(k.parts, p)
	}
	return k, nil
}

// Names returns the expressions as they were given.
func (k *Key) Names() []string { return k.names }

// NeedsBody reports whether any expression reads the body.
func (k *Key) NeedsBody() bool {
	for _, p := range k.parts {
		if p.NeedsBody() {
			return true
		}
	}
	return false
}

// NeedsHeaders reports whether any expression reads headers.
func (k *Key) NeedsHeaders() bool {
	for _, p := range k.parts {
		if p.NeedsHeaders() {
			return true
		}
	}
	return false
}

// AppendValues appends the message's values to dst, one for each expression. A value that is
// missing or cannot be computed is "". Values are valid UTF-8 of at most 200 bytes; a longer value
// is cut and ends in "…".
func (k *Key) AppendValues(dst []string, m *message.Message) []string {
	for _, p := range k.parts {
		out, _ := p.run(m)
		value := cutKey(keyText(out))
		if p.NeedsBody() {
			value = strings.Clone(value) // a kept key must not keep the body that it is a piece of
		}
		dst = append(dst, value)
	}
	return dst
}

func keyText(v any) string {
	switch x := v.(type) {
	case nil:
		return ""
	case string:
		return x
	case []byte:
		return string(x)
	case bool:
		return strconv.FormatBool(x)
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case time.Time:
		if x.IsZero() {
			return ""
		}
		return x.UTC().Format(time.RFC3339)
	case time.Duration:
		return x.String()
	}
	if n, ok := message.AsInt(v); ok {
		return strconv.FormatInt(n, 10)
	}
	if d, ok := message.AsDecimal(v); ok {
		return strconv.FormatFloat(d.Float(), 'g', -1, 64)
	}
	if text, err := json.Marshal(v); err == nil {
		return string(text)
	}
	return fmt.Sprint(v)
}

func cutKey(s string) string {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	if len(s) <= maxKey {
		return s
	}
	end := maxKey - len("…")
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}

// split splits at commas outside brackets and quotes.
func split(list string) []string {
	var parts []string
	depth, start := 0, 0
	var quote byte
	for i := 0; i < len(list); i++ {
		switch c := list[i]; {
		case quote != 0:
			if c == '\\' && quote != '`' {
				i++
			} else if c == quote {
				quote = 0
			}
		case c == '"', c == '\'', c == '`':
			quote = c
		case c == '(', c == '[', c == '{':
			depth++
		case c == ')', c == ']', c == '}':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, list[start:i])
			start = i + 1
		}
	}
	return append(parts, list[start:])
}
