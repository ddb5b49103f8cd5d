package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"reflect"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/itchyny/gojq"

	"github.com/msgctl/msgctl/internal/jsonnumber"
	"github.com/msgctl/msgctl/pkg/message"
)

// transformTimeout ends a program that does not end by itself.
const transformTimeout = 2 * time.Second

// Transform is a jq program that changes bodies and headers. It is compiled once; it is safe for
// concurrent use.
//
// Its input is an object with body (parsed when it is JSON, else a string; null when it is neither
// JSON nor UTF-8), headers and routingKey, queue and messageId to look at. Its one output must be
// an object; body and headers are taken from it. A header that the program left alone keeps its
// AMQP type, and a body that it left alone its bytes. A header's new value becomes a string, a
// boolean, an int64, a float64, an array or a table. Numbers keep all their digits.
type Transform struct {
	program string
	code    *gojq.Code
}

// NewTransform compiles a program. The error says where it is wrong.
func NewTransform(program string) (*Transform, error) {
	query, err := gojq.Parse(program)
	if err != nil {
		var at *gojq.ParseError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("jq program: unexpected %q at byte %d of %q", at.Token, at.Offset, program)
		}
		return nil, fmt.Errorf("jq program %q: %w", program, err)
	}
	code, err := gojq.Compile(query, gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return nil, fmt.Errorf("jq program %q: %w", program, err)
	}
	return &Transform{program, code}, nil
}

// String returns the program.
func (t *Transform) String() string { return t.program }

// Apply returns m as the program changes it. m is not changed, and shares with the result what the
// program left alone.
func (t *Transform) Apply(m *message.Message) (*message.Message, error) {
	c := *m
	if err := t.apply(&c); err != nil {
		return nil, err
	}
	return &c, nil
}

func (t *Transform) apply(m *message.Message) error {
	body, isJSON := bodyValue(m.Body)
	headers := plainTable(m.Headers)
	out, err := t.run(map[string]any{
		"body": body, "headers": headers, "routingKey": m.RoutingKey, "queue": m.Queue, "messageId": m.MessageID,
	})
	if err != nil {
		return fmt.Errorf("jq program: %w", err)
	}
	result, ok := out.(map[string]any)
	if !ok {
		return fmt.Errorf(`jq program: it must return an object with "body" and "headers" and returned %s: write .body |= (…) to change the body`, gojq.Preview(out))
	}
	newBody, ok := result["body"]
	if !ok {
		return errors.New(`jq program: what it returned has no "body"`)
	}
	newHeaders, ok := result["headers"].(map[string]any)
	if !ok {
		return errors.New(`jq program: what it returned has no object "headers"`)
	}
	if m.Body, err = changedBody(m.Body, body, newBody, isJSON); err != nil {
		return err
	}
	m.Headers = changedHeaders(m.Headers, headers, newHeaders)
	return nil
}

// run returns the one output. gojq may change its input, so what is compared later is kept apart:
// it never changes values in place that it was given, except to normalise numbers, which equal does
// too.
func (t *Transform) run(in map[string]any) (any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), transformTimeout)
	defer cancel()
	iter := t.code.RunWithContext(ctx, in)
	out, ok := iter.Next()
	if !ok {
		return nil, errors.New("it returned nothing: select(…) cannot leave messages out, a filter does")
	}
	if err, failed := out.(error); failed {
		return nil, err
	}
	if _, more := iter.Next(); more {
		return nil, errors.New("it returned more than one value")
	}
	return out, nil
}

// bodyValue returns what the program sees of a body, and whether that is JSON.
func bodyValue(body []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	// Nobody computes with numbers that are out of bounds: the program sees a text.
	if jsonnumber.Check(body) == nil && d.Decode(&v) == nil {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return v, true
		}
	}
	if utf8.Valid(body) {
		return string(body), false
	}
	return nil, false
}

func changedBody(raw []byte, before, after any, isJSON bool) ([]byte, error) {
	if same(before, after) {
		return raw, nil
	}
	if s, ok := after.(string); ok && !isJSON {
		return []byte(s), nil
	}
	out, err := gojq.Marshal(after)
	if err != nil {
		return nil, fmt.Errorf("jq program: body: %w", err)
	}
	return out, nil
}

func changedHeaders(raw message.Table, before, after map[string]any) message.Table {
	out := make(message.Table, len(after))
	for name, v := range after {
		if old, ok := before[name]; ok && same(old, v) {
			out[name] = raw[name]
		} else {
			out[name] = amqpValue(v)
		}
	}
	return out
}

// same compares as jq does, so that 1.0 is 1: gojq makes other number types of what it passes
// through.
func same(a, b any) bool {
	return reflect.DeepEqual(a, b) || gojq.Compare(a, b) == 0
}

// plainTable returns headers as JSON values: timestamps as seconds, byte arrays as text, what has
// no form as null.
func plainTable(t map[string]any) map[string]any {
	out := make(map[string]any, len(t))
	for name, v := range t {
		out[name] = plainValue(v)
	}
	return out
}

func plainValue(v any) any {
	switch x := v.(type) {
	case nil, bool, string:
		return v
	case []byte:
		return strings.ToValidUTF8(string(x), "\uFFFD")
	case time.Time:
		return int(x.Unix())
	case float32:
		return float64(x)
	case float64:
		return x
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = plainValue(e)
		}
		return out
	}
	if n, ok := message.AsInt(v); ok {
		return int(n)
	}
	if t, ok := message.AsTable(v); ok {
		return plainTable(t)
	}
	if d, ok := message.AsDecimal(v); ok {
		return d.Float()
	}
	return nil
}

// amqpValue gives a JSON value an AMQP type.
func amqpValue(v any) any {
	switch x := v.(type) {
	case int:
		return int64(x)
	case float64:
		if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
			return int64(x)
		}
	case *big.Int:
		if x.IsInt64() {
			return x.Int64()
		}
		return x.String()
	case json.Number:
		if n, err := x.Int64(); err == nil {
			return n
		}
		f, err := x.Float64()
		if err != nil {
			return x.String()
		}
		return f
	case []any:
		out := make([]any, len(x))
		for i, e := range x {
			out[i] = amqpValue(e)
		}
		return out
	case map[string]any:
		out := make(message.Table, len(x))
		for k, e := range x {
			out[k] = amqpValue(e)
		}
		return out
	}
	return v
}
