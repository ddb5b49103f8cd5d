package message_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
)

// Headers generates tables of every AMQP type, nested.
func Headers() *rapid.Generator[message.Table] { return table(2) }

func table(depth int) *rapid.Generator[message.Table] {
	return rapid.Custom(func(t *rapid.T) message.Table {
		return rapid.MapOfN(rapid.StringN(0, 20, 60), value(depth), 0, 6).Draw(t, "table")
	})
}

func value(depth int) *rapid.Generator[any] {
	kinds := []*rapid.Generator[any]{
		rapid.Just[any](nil), rapid.Bool().AsAny(), rapid.Int8().AsAny(), rapid.Uint8().AsAny(), rapid.Int16().AsAny(),
		rapid.Uint16().AsAny(), rapid.Int32().AsAny(), rapid.Uint32().AsAny(), rapid.Int64().AsAny(),
		rapid.Float32().AsAny(), rapid.Float64().AsAny(), rapid.String().AsAny(), rapid.SliceOf(rapid.Byte()).AsAny(),
		rapid.Custom(func(t *rapid.T) any { return time.Unix(rapid.Int64Range(0, 1<<40).Draw(t, "s"), 0) }),
		rapid.Custom(func(t *rapid.T) any {
			return message.Decimal{Scale: rapid.Uint8().Draw(t, "scale"), Value: rapid.Int32().Draw(t, "value")}
		}),
	}
	if depth > 0 {
		kinds = append(kinds,
			rapid.SliceOfN(value(depth-1), 0, 4).AsAny(),
			rapid.Custom(func(t *rapid.T) any { return table(depth-1).Draw(t, "nested") }))
	}
	return rapid.OneOf(kinds...)
}

func TestShapes(t *testing.T) {
	for _, v := range []any{message.Table{"a": 1}, map[string]any{"a": 1}, clientTable{"a": 1}} {
		if got, ok := message.AsTable(v); !ok || got["a"] != 1 {
			t.Errorf("%T: %v %v", v, got, ok)
		}
	}
	for _, v := range []any{nil, 1, "x", map[string]string{}, map[int]any{}, clientDecimal{}, struct{}{}} {
		if _, ok := message.AsTable(v); ok {
			t.Errorf("%T is taken for a table", v)
		}
	}
	for _, v := range []any{message.Decimal{Scale: 1, Value: 25}, clientDecimal{1, 25}} {
		if got, ok := message.AsDecimal(v); !ok || got.Float() != 2.5 {
			t.Errorf("%T: %v %v", v, got, ok)
		}
	}
	if _, ok := message.AsDecimal(struct{ A, B int }{}); ok {
		t.Error("any struct is taken for a decimal")
	}
	h := clientTable{"x-death": []any{clientTable{"queue": "q"}}}
	if n := testing.AllocsPerRun(100, func() { message.AsTable(h) }); n > 1 {
		t.Errorf("%v allocations to look into a client's table", n)
	}
}

func TestOffset(t *testing.T) {
	m := message.Message{Headers: message.Table{"x-stream-offset": int64(42)}}
	if got, ok := m.Offset(); !ok || got != 42 {
		t.Errorf("offset %d %v", got, ok)
	}
	if _, ok := (&message.Message{}).Offset(); ok {
		t.Error("an offset without a stream")
	}
}
