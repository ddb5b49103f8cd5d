package filter

import (
	"errors"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm/runtime"
)

// maxSteps limits the operations on headers and body in one evaluation. Other operations are
// limited by the memory of the lists they loop over.
const maxSteps = 200_000

// errSteps ends an evaluation that takes too many steps.
var errSteps = errors.New("it takes too many steps")

// errUnknown ends an evaluation; the environment has the reason.
var errUnknown = errors.New("not comparable")

// functions are the functions that the visitors call. The first parameter of each is the
// environment.
func functions() []expr.Option {
	return []expr.Option{
		expr.Function(fnBody, step(func(e *env, path []any) (any, error) { return e.body(path) }), new(func(...any) any)),
		expr.Function(fnText, step(func(e *env, _ []any) (any, error) {
			plain, err := e.plain()
			return string(plain), err
		}), new(func(any) string)),
		expr.Function(fnAge, step(func(e *env, _ []any) (any, error) { return e.age(), nil }), new(func(any) any)),
		expr.Function(fnStamp, step(func(e *env, _ []any) (any, error) { return e.timestamp(), nil }), new(func(any) any)),
		expr.Function(fnGet, step(func(_ *env, p []any) (any, error) { return get(p[0], p[1]), nil }),
			new(func(any, any, any) any)),
		expr.Function(fnList, step(list), new(func(any, any, bool, bool) []any)),
		expr.Function(fnCmp, step(compared), new(func(any, string, any, any, bool, bool, bool) bool)),
	}
}

// step counts the call and converts the environment to its type.
func step(f func(e *env, params []any) (any, error)) func(...any) (any, error) {
	return func(params ...any) (any, error) {
		e := params[0].(*env)
		if e.steps++; e.steps > maxSteps {
			return nil, errSteps
		}
		return f(e, params[1:])
	}
}

func compared(e *env, p []any) (any, error) {
	operator := p[0].(string)
	if holds, known := compare(operator, p[1], p[2]); known {
		return holds, nil
	}
	absent := p[1] == nil && p[3].(bool) || p[2] == nil && p[4].(bool)
	return false, e.unsure(p[5].(bool), NotComparable{Operator: operator, Left: typeName(p[1]), Right: typeName(p[2]),
		AbsentHeader: absent})
}

func list(e *env, p []any) (any, error) {
	if l, ok := p[0].([]any); ok {
		return l, nil
	}
	return []any{}, e.unsure(p[2].(bool), NotComparable{Reason: typeName(p[0]) + " where a list is needed",
		AbsentHeader: p[0] == nil && p[1].(bool)})
}

// unsure records why a comparison could not be made. It ends the evaluation unless assumeFalse is
// set.
func (e *env) unsure(assumeFalse bool, why NotComparable) error {
	if !e.anyUnknown || !why.AbsentHeader { // an expected mismatch does not hide an unexpected one
		e.anyUnknown, e.unknown = true, why
	}
	if assumeFalse {
		return nil
	}
	return errUnknown
}

// get returns a field or an element, or nil if there is none.
func get(base, key any) any {
	switch b := base.(type) {
	case map[string]any:
		name, _ := key.(string)
		return b[name]
	case []any:
		if i, ok := index(key, len(b)); ok {
			return b[i]
		}
	}
	return nil
}

// index returns the position of a list element. A negative index counts from the end.
func index(key any, length int) (int, bool) {
	i, ok := key.(int)
	if i < 0 {
		i += length
	}
	return i, ok && i >= 0 && i < length
}

// compare returns whether "left operator right" holds, and whether that is known. It is known for
// values of one kind, for an RFC 3339 string and a time, and for an element and a list or table.
func compare(operator string, left, right any) (holds, known bool) {
	switch operator {
	case "in":
		return isIn(left, right)
	case "matches":
		s, isText := left.(string)
		pattern, ok := right.(*regexp.Regexp)
		return isText && ok && pattern.MatchString(s), isText && ok
	}
	left, right = asTime(left, right), asTime(right, left)
	if left == nil || typeName(left) != typeName(right) {
		return false, false
	}
	switch operator {
	case "==":
		return runtime.Equal(left, right), true
	case "!=":
		return !runtime.Equal(left, right), true
	case "contains", "startsWith", "endsWith":
		a, isText := left.(string)
		b, _ := right.(string)
		return isText && compareText(operator, a, b), isText
	}
	switch typeName(left) {
	case aBool, aList, anObject:
		return false, false
	}
	return compareOrder(operator, left, right), true
}

func compareText(operator, a, b string) bool {
	switch operator {
	case "contains":
		return strings.Contains(a, b)
	case "startsWith":
		return strings.HasPrefix(a, b)
	}
	return strings.HasSuffix(a, b)
}

func compareOrder(operator string, left, right any) bool {
	switch operator {
	case "<":
		return runtime.Less(left, right)
	case "<=":
		return runtime.LessOrEqual(left, right)
	case ">":
		return runtime.More(left, right)
	}
	return runtime.MoreOrEqual(left, right)
}

// asTime converts an RFC 3339 string to a time if it is compared with a time.
func asTime(v, other any) any {
	text, isText := v.(string)
	if _, isTime := other.(time.Time); isText && isTime {
		if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return t
		}
	}
	return v
}

// isIn looks for an element in a list or a name in a table.
func isIn(left, right any) (holds, known bool) {
	switch typeName(right) {
	case aList:
		return left != nil && runtime.In(left, right), left != nil
	case anObject:
		name, isText := left.(string)
		return isText && runtime.In(name, right), isText
	}
	return false, false
}

// The types of values, as people call them.
const (
	aBool    = "true or false"
	aNumber  = "a number"
	aString  = "a string"
	aList    = "a list"
	anObject = "an object"
)

func typeName(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	case *regexp.Regexp:
		return "a pattern"
	}
	switch k := reflect.TypeOf(v).Kind(); {
	case k == reflect.Bool:
		return aBool
	case k == reflect.String:
		return aString
	case k >= reflect.Int && k <= reflect.Float64:
		return aNumber
	case k == reflect.Slice:
		return aList
	}
	return anObject
}
