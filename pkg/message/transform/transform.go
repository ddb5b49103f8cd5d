// Package transform changes the bodies and headers of messages by a jq program.
//
// A program sees a body decompressed according to content_encoding, and parsed if it is JSON,
// otherwise as a string. A changed body is compressed again in the same way. A body that the
// program cannot read is never replaced by the program's result for null: see ErrUnreadable.
package transform

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/msgctl/msgctl/pkg/message"
)

// timeout ends a program that does not terminate.
const timeout = 2 * time.Second

// ErrUnreadable is wrapped by the error for a message whose body the program reads or changes but
// cannot see. Such a body is not UTF-8 (binary, UTF-16, msgpack), is damaged, has a compression
// that msgctl does not know, or is too large.
var ErrUnreadable = errors.New("the body cannot be seen")

// Transform is a jq program that changes bodies and headers. It is compiled once and safe for
// concurrent use.
//
// Its input is an object with body (parsed if it is JSON, otherwise a string) and headers, and with
// routingKey, queue and messageId for reading only. Its single output must be an object with body
// and headers in which nothing else was changed. A header that the program does not change keeps
// its AMQP type, and a body that it does not change keeps its bytes. A new header value becomes a
// string, a boolean, an int64, a float64, an array or a table. Numbers keep all their digits.
//
// A program that does not mention body also leaves unreadable bodies unchanged.
type Transform struct {
	program string
	code    *gojq.Code
	// names reports whether the program mentions body, and so may read it.
	names bool
}

// New compiles a program. The error says where it is wrong.
func New(program string) (*Transform, error) {
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
	return &Transform{program, code, strings.Contains(program, "body")}, nil
}

// Apply returns m as changed by the program. m itself is not changed; the result shares with it
// what the program did not change. The program is stopped when ctx ends, or after two seconds. The
// error, for users, wraps ErrUnreadable if the program needs a body that cannot be read, and
// otherwise says what the program did wrong.
func (t *Transform) Apply(ctx context.Context, m *message.Message) (*message.Message, error) {
	v := viewOf(m)
	if t.names && v.problem != nil {
		return nil, v.problem
	}
	in := map[string]any{
		"body": v.value, "headers": plainTable(m.Headers),
		"routingKey": m.RoutingKey, "queue": m.Queue, "messageId": m.MessageID,
	}
	given := maps.Clone(in)
	out, err := t.run(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("jq program: %w", err)
	}
	result, ok := out.(map[string]any)
	if !ok {
		return nil, fmt.Errorf(`jq program: it must return an object with "body" and "headers" and returned %s: write .body |= (…) to change the body`,
			gojq.Preview(out))
	}
	if err := onlyAssignable(given, result); err != nil {
		return nil, err
	}
	newHeaders, ok := result["headers"].(map[string]any)
	if !ok {
		return nil, errors.New(`jq program: what it returned has no object "headers"`)
	}
	c := *m
	if c.Body, err = v.changed(m, result["body"]); err != nil {
		return nil, err
	}
	c.Headers = changedHeaders(m.Headers, given["headers"].(map[string]any), newHeaders)
	return &c, nil
}

// onlyAssignable refuses an assignment to anything but body and headers, which would be lost
// silently.
func onlyAssignable(given, result map[string]any) error {
	if _, ok := result["body"]; !ok {
		return errors.New(`jq program: what it returned has no "body"`)
	}
	for _, name := range slices.Sorted(maps.Keys(result)) {
		if name == "body" || name == "headers" {
			continue
		}
		if old, ok := given[name]; !ok || !same(old, result[name]) {
			return fmt.Errorf("jq program: %q cannot be assigned to, only body and headers can", name)
		}
	}
	return nil
}

// run returns the single output. gojq may change its input, so what is compared later is kept
// separately. It never changes given values in place, except to normalise numbers, which same does
// too.
func (t *Transform) run(ctx context.Context, in map[string]any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
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

// same compares as jq does, so that 1.0 equals 1: gojq changes the number types of values that it
// passes through.
func same(a, b any) bool {
	return reflect.DeepEqual(a, b) || gojq.Compare(a, b) == 0
}
