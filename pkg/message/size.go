package message

import "time"

// HeadersSize returns the size in bytes of the table in a content header frame, including its
// length prefix. A message whose properties and headers exceed the connection's frame_max (131072
// by default) cannot be published: the client library closes the connection with "frame size
// exceeds negotiated frame_max". Check the size before publishing with additional headers, and
// leave about 4 KiB for the other properties.
func HeadersSize(t Table) int { return tableSize(t) }

func tableSize(t map[string]any) int {
	n := 4
	for k, v := range t {
		n += 1 + len(k) + fieldSize(v)
	}
	return n
}

// fieldSize counts the type octet and the value.
func fieldSize(v any) int {
	switch x := v.(type) {
	case nil:
		return 1
	case bool, int8, uint8:
		return 2
	case int16, uint16:
		return 3
	case int32, uint32, float32:
		return 5
	case int, int64, float64, time.Time:
		return 9
	case string:
		return 5 + len(x)
	case []byte:
		return 5 + len(x)
	case []any:
		n := 5
		for _, e := range x {
			n += fieldSize(e)
		}
		return n
	}
	if t, ok := AsTable(v); ok {
		return 1 + tableSize(t)
	}
	return 6 // a decimal
}
