package filter

import (
	"encoding/json"
	"strconv"

	"github.com/tidwall/gjson"

	"github.com/msgctl/msgctl/pkg/message/body"
)

// maxMaterialised limits a JSON object or array that is converted to Go values. Looking up a field
// needs no such copy, whatever the size of the body: gjson finds it in the text.
const maxMaterialised = 1 << 20

// stepBytes is how many bytes of a body are searched in one step.
const stepBytes = 4 << 10

// plain returns the decompressed body. A body that cannot be read within its limit ends the
// evaluation: nothing is known about it, not even what it lacks.
func (e *env) plain() ([]byte, error) {
	if e.m.Unread != nil {
		return nil, e.unsure(false, NotComparable{Reason: "the body was not read: " + e.m.Unread.Why})
	}
	plain, _, err := body.Decode(e.m.Body, e.m.ContentEncoding, e.opts.MaxBody)
	if err == nil && len(plain) > e.opts.MaxBody {
		err = body.ErrTooLarge
	}
	if err != nil {
		return nil, e.unsure(false, NotComparable{Reason: "the body cannot be read: " + err.Error()})
	}
	return plain, nil
}

// body returns the value at a path in the body, or nil if there is none. For an empty path it
// returns the body itself, which is a string if it is not JSON.
func (e *env) body(path []any) (any, error) {
	if !e.isRead {
		plain, err := e.plain()
		if err != nil {
			return nil, err
		}
		e.text, e.isJSON, e.isRead = string(plain), json.Valid(plain), true
	}
	e.steps += len(e.text) / stepBytes
	switch {
	case e.isJSON:
		return lookUp(gjson.Parse(e.text), path), nil
	case e.text == "" || len(path) > 0:
		return nil, nil
	}
	return e.text, nil
}

func lookUp(r gjson.Result, path []any) any {
	for _, key := range path {
		var ok bool
		if r, ok = member(r, key); !ok {
			return nil
		}
	}
	return goValue(r)
}

// member returns a field of an object, the first of that name, or an element of an array. A
// negative index counts from the end.
func member(r gjson.Result, key any) (found gjson.Result, ok bool) {
	name, isName := key.(string)
	at, isIndex := key.(int)
	if isName != r.IsObject() || isIndex != r.IsArray() {
		return found, false
	}
	if at < 0 {
		at += int(r.Get("#").Int())
	}
	i := 0
	r.ForEach(func(k, value gjson.Result) bool {
		if ok = isName && k.Str == name || isIndex && i == at; ok {
			found = value
		}
		i++
		return !ok
	})
	return found, ok
}

// goValue returns the Go value. It returns nil for null, and for an object or array of more than
// maxMaterialised bytes. A number is an int if it is written as one that fits, so that large ids
// compare exactly.
func goValue(r gjson.Result) any {
	switch {
	case r.Type == gjson.Number:
		if n, err := strconv.Atoi(r.Raw); err == nil {
			return n
		}
	case r.Type != gjson.JSON:
	case len(r.Raw) > maxMaterialised:
		return nil
	case r.IsObject():
		t := map[string]any{}
		r.ForEach(func(key, value gjson.Result) bool { t[key.Str] = goValue(value); return true })
		return t
	default:
		list := []any{}
		r.ForEach(func(_, value gjson.Result) bool { list = append(list, goValue(value)); return true })
		return list
	}
	return r.Value()
}
