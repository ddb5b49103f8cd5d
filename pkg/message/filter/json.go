package filter

import (
	"strconv"

	"github.com/tidwall/gjson"
)

const (
	// maxDepth of a JSON body: the parser recurses, and a hostile body must not exhaust the stack.
	maxDepth = 500
	// maxMaterialised bounds a JSON value that is turned into Go values for a function such as len
	// or sum. Looking up a field needs no such copy, whatever the size of the body.
	maxMaterialised = 1 << 20
)

// shallow says that brackets outside of strings nest at most maxDepth deep.
func shallow(b []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case quoted:
			quoted = c != '"'
			if c == '\\' {
				i++
			}
		case c == '"':
			quoted = true
		case c == '{', c == '[':
			if depth++; depth > maxDepth {
				return false
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return true
}

// member returns a field of an object, the first of that name, or an element of an array, from the
// end when negative.
func member(r gjson.Result, key any) (gjson.Result, bool) {
	switch k := key.(type) {
	case string:
		if r.IsObject() {
			return field(r, k)
		}
	case int:
		if r.IsArray() {
			return element(r, k)
		}
	}
	return gjson.Result{}, false
}

func field(r gjson.Result, name string) (found gjson.Result, ok bool) {
	r.ForEach(func(key, value gjson.Result) bool {
		if key.Str != name {
			return true
		}
		found, ok = value, true
		return false
	})
	return found, ok
}

func element(r gjson.Result, index int) (found gjson.Result, ok bool) {
	if index < 0 {
		n := 0
		r.ForEach(func(_, _ gjson.Result) bool { n++; return true })
		if index += n; index < 0 {
			return found, false
		}
	}
	r.ForEach(func(_, value gjson.Result) bool {
		if index > 0 {
			index--
			return true
		}
		found, ok = value, true
		return false
	})
	return found, ok
}

// goValue returns the Go value; nil for null and for more than maxMaterialised.
func goValue(r gjson.Result) any {
	if len(r.Raw) > maxMaterialised && r.Type == gjson.JSON {
		return nil
	}
	switch {
	case r.IsObject():
		t := map[string]any{}
		r.ForEach(func(key, value gjson.Result) bool { t[key.Str] = goValue(value); return true })
		return t
	case r.IsArray():
		list := []any{}
		r.ForEach(func(_, value gjson.Result) bool { list = append(list, goValue(value)); return true })
		return list
	}
	switch r.Type {
	case gjson.String:
		return r.Str
	case gjson.Number:
		return number(r)
	case gjson.True:
		return true
	case gjson.False:
		return false
	}
	return nil
}

// number is an int where it is written as one that fits, so that large ids compare exactly.
func number(r gjson.Result) any {
	if n, err := strconv.Atoi(r.Raw); err == nil {
		return n
	}
	return r.Num
}
