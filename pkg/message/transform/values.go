package transform

import (
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// plainTable returns headers as JSON values: timestamps as seconds, byte arrays as strings, and
// values without a JSON form as null.
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

// amqpValue converts a JSON value to an AMQP type.
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
