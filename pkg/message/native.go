package message

// Native returns t as a client library's own table type T, with nested tables as T and decimals as
// the library's. The top level is not copied, and a nested value is copied only when it has to
// change: tables that the client itself decoded pass as they are. It is what a publisher applies to
// headers that may come from an archive.
//
// Tables that are T already are trusted to hold nothing of this package.
func Native[T ~map[string]any](t Table, decimal func(Decimal) any) T {
	out, copied := T(t), false
	for k, v := range t {
		n, changed := native[T](v, decimal)
		if !changed {
			continue
		}
		if !copied {
			out, copied = make(T, len(t)), true
			for k, v := range t {
				out[k] = v
			}
		}
		out[k] = n
	}
	return out
}

func native[T ~map[string]any](v any, decimal func(Decimal) any) (any, bool) {
	switch x := v.(type) {
	case int: // the client library would cut it to 32 bits
		return int64(x), true
	case Decimal:
		return decimal(x), true
	case T:
		return v, false
	case Table:
		return Native[T](x, decimal), true
	case map[string]any:
		return Native[T](x, decimal), true
	case []any:
		if out := nativeArray[T](x, decimal); out != nil {
			return out, true
		}
	}
	return v, false
}

// nativeArray returns a copy of a with what has to change, or nil when nothing has to.
func nativeArray[T ~map[string]any](a []any, decimal func(Decimal) any) []any {
	var out []any
	for i, v := range a {
		n, changed := native[T](v, decimal)
		if !changed {
			continue
		}
		if out == nil {
			out = append([]any(nil), a...)
		}
		out[i] = n
	}
	return out
}
