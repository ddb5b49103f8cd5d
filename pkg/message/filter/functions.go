package filter

import (
	"errors"
	"math"
	"reflect"
	"time"

	"github.com/expr-lang/expr"
	"github.com/tidwall/gjson"

	"github.com/msgctl/msgctl/pkg/message"
)

// maxSteps bounds the operations on headers and body in one evaluation. Other operations are
// bounded by the memory that lists to loop over take.
const maxSteps = 200_000

// functions are what the rewriter calls. The first parameter of each is the environment.
func functions() []expr.Option {
	return []expr.Option{
		expr.Function(fnBody, step(func(e *env, p []any) (any, error) {
			v, err := e.body()
			return result(v, p[0].(bool)), err
		}), new(func(any, bool) any)),
		expr.Function(fnText, step(func(e *env, _ []any) (any, error) {
			plain, err := e.plain()
			return string(plain), err
		}), new(func(any) string)),
		expr.Function(fnAge, step(func(e *env, _ []any) (any, error) { return e.age(), nil }), new(func(any) any)),
		expr.Function(fnStamp, step(func(e *env, _ []any) (any, error) { return e.timestamp(), nil }), new(func(any) any)),
		expr.Function(fnGet, step(func(_ *env, p []any) (any, error) {
			return result(get(p[0], p[1]), p[2].(bool)), nil
		}), new(func(any, any, any, bool) any)),
		expr.Function(fnCmp, step(compared), new(func(any, string, any, any, int) bool)),
		expr.Function(fnTrue, step(condition), new(func(any, any, int) bool)),
		expr.Function(fnList, step(list), new(func(any, any, int) []any)),
		expr.Function(fnMath, step(func(_ *env, p []any) (any, error) {
			return arithmetic(p[0].(string), p[1], p[2]), nil
		}), new(func(any, string, any, any) any)),
	}
}

// step counts the call and gives the environment its type.
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
	if holds, ok := compare(operator, p[1], p[2]); ok {
		return holds, nil
	}
	return e.inDoubt(doubt(p[3].(int)), NotComparable{Operator: operator, Left: kind(p[1]), Right: kind(p[2])})
}

func condition(e *env, p []any) (any, error) {
	if b, ok := p[0].(bool); ok {
		return b, nil
	}
	return e.inDoubt(doubt(p[1].(int)), NotComparable{Reason: kind(p[0]) + " where true or false is needed"})
}

func list(e *env, p []any) (any, error) {
	if l, ok := p[0].([]any); ok {
		return l, nil
	}
	_, err := e.inDoubt(doubt(p[1].(int)), NotComparable{Reason: kind(p[0]) + " where a list is needed"})
	return []any{}, err
}

// errDoubt ends an evaluation; the environment has the reason.
var errDoubt = errors.New("not comparable")

// inDoubt keeps why a comparison could not be made, and returns what to take for it.
func (e *env) inDoubt(d doubt, why NotComparable) (any, error) {
	e.anyUnknown, e.unknown = true, why
	if d == fail {
		return nil, errDoubt
	}
	return d == assumeTrue, nil
}

// result leaves JSON as it is for a look-up in it. For anything else it makes Go values of it, and
// of a client library's types those that functions such as len and keys know.
func result(v any, lazy bool) any {
	switch x := v.(type) {
	case gjson.Result:
		if lazy {
			return v
		}
		return goValue(x)
	case nil, string, bool, int, int64, int32, float64, time.Time, []any, deathView:
		return v
	case []byte:
		return string(x)
	}
	if t, ok := message.AsTable(v); ok {
		return t
	}
	if d, ok := message.AsDecimal(v); ok {
		return d.Float()
	}
	return v
}

// get returns a field or an element, nil when there is none.
func get(base, key any) any {
	switch b := base.(type) {
	case nil:
		return nil
	case gjson.Result:
		if r, ok := member(b, key); ok {
			return r
		}
		return nil
	case []any:
		return at(b, key)
	case []deathView:
		return at(b, key)
	case []string:
		return at(b, key)
	case deathView:
		return fieldOf(b, key)
	}
	if t, ok := message.AsTable(base); ok {
		if name, ok := key.(string); ok {
			return t[name]
		}
	}
	return nil
}

func at[T any](list []T, key any) any {
	i, ok := key.(int)
	if i < 0 {
		i += len(list)
	}
	if !ok || i < 0 || i >= len(list) {
		return nil
	}
	return list[i]
}

// fieldOf reads a field of a struct by the name that expressions use.
func fieldOf(v, key any) any {
	name, _ := key.(string)
	t := reflect.TypeOf(v)
	for i := range t.NumField() {
		if t.Field(i).Tag.Get("expr") == name {
			return reflect.ValueOf(v).Field(i).Interface()
		}
	}
	return nil
}

// arithmetic returns nil for what cannot be computed, which no comparison accepts.
func arithmetic(operator string, left, right any) any {
	l, r := simplify(left), simplify(right)
	if ls, ok := l.(string); ok {
		if rs, ok := r.(string); ok && operator == "+" && len(ls)+len(rs) < maxMaterialised {
			return ls + rs
		}
		return nil
	}
	if lt, ok := l.(time.Time); ok {
		if rt, ok := r.(time.Time); ok && operator == "-" {
			return lt.Sub(rt)
		}
		return nil
	}
	if li, ok := l.(int64); ok {
		if ri, ok := r.(int64); ok {
			return integers(operator, li, ri)
		}
	}
	lf, ok1 := asFloat(l)
	rf, ok2 := asFloat(r)
	if !ok1 || !ok2 {
		return nil
	}
	switch operator {
	case "+":
		return lf + rf
	case "-":
		return lf - rf
	case "*":
		return lf * rf
	case "/":
		return lf / rf
	case "**", "^":
		return math.Pow(lf, rf)
	}
	return nil
}

func integers(operator string, l, r int64) any {
	switch operator {
	case "+":
		return int(l + r)
	case "-":
		return int(l - r)
	case "*":
		return int(l * r)
	case "%":
		if r != 0 {
			return int(l % r)
		}
	case "/":
		return float64(l) / float64(r)
	case "**", "^":
		return math.Pow(float64(l), float64(r))
	}
	return nil
}
