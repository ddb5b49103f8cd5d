package filter

import (
	"cmp"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/tidwall/gjson"

	"github.com/msgctl/msgctl/pkg/message"
)

// simplify brings a value to one of: nil, bool, int64, float64, string, time.Time, time.Duration,
// or something else.
func simplify(v any) any {
	switch x := v.(type) {
	case nil, bool, int64, float64, string, time.Time, time.Duration:
		return v
	case int:
		return int64(x)
	case float32:
		return float64(x)
	case []byte:
		return string(x)
	case gjson.Result:
		return simplify(goValue(x))
	}
	if n, ok := message.AsInt(v); ok {
		return n
	}
	if d, ok := message.AsDecimal(v); ok {
		return d.Float()
	}
	return v
}

func asFloat(v any) (float64, bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// compare returns whether left operator right holds, and whether that can be said.
func compare(operator string, left, right any) (holds, ok bool) {
	l := simplify(left)
	if l == nil {
		return false, false
	}
	switch operator {
	case "in":
		return isIn(l, right)
	case "matches":
		s, ok1 := l.(string)
		pattern, ok2 := right.(*regexp.Regexp)
		return ok1 && ok2 && pattern.MatchString(s), ok1 && ok2
	}
	r := simplify(right)
	if r == nil {
		return false, false
	}
	switch operator {
	case "==", "!=":
		equal, ok := equal(l, r)
		return ok && equal == (operator == "=="), ok
	case "contains", "startsWith", "endsWith":
		return compareText(operator, l, r)
	}
	c, ok := order(l, r)
	if !ok {
		return false, false
	}
	switch operator {
	case "<":
		return c < 0, true
	case "<=":
		return c <= 0, true
	case ">":
		return c > 0, true
	}
	return c >= 0, true
}

func compareText(operator string, l, r any) (holds, ok bool) {
	a, ok1 := l.(string)
	b, ok2 := r.(string)
	if !ok1 || !ok2 {
		return false, false
	}
	switch operator {
	case "contains":
		return strings.Contains(a, b), true
	case "startsWith":
		return strings.HasPrefix(a, b), true
	}
	return strings.HasSuffix(a, b), true
}

func equal(l, r any) (holds, ok bool) {
	if a, isBool := l.(bool); isBool {
		b, ok := r.(bool)
		return ok && a == b, ok
	}
	if c, ok := order(l, r); ok {
		return c == 0, true
	}
	if f, isFloat := asFloat(l); isFloat && f != f { // NaN is a number that equals nothing
		_, ok := asFloat(r)
		return false, ok
	}
	if isScalar(l) || isScalar(r) {
		return false, false
	}
	return reflect.DeepEqual(l, r), true
}

func isScalar(v any) bool {
	switch v.(type) {
	case bool, int64, float64, string, time.Time, time.Duration:
		return true
	}
	return false
}

// order compares numbers with numbers, texts with texts, durations with durations, and times with
// times or with texts that are times in RFC 3339.
func order(l, r any) (int, bool) {
	switch a := l.(type) {
	case int64:
		if b, ok := r.(int64); ok {
			return cmp.Compare(a, b), true
		}
	case string:
		if b, ok := r.(string); ok {
			return strings.Compare(a, b), true
		}
		if b, ok := r.(time.Time); ok {
			t, err := time.Parse(time.RFC3339Nano, a)
			return t.Compare(b), err == nil
		}
	case time.Duration:
		b, ok := r.(time.Duration)
		return cmp.Compare(a, b), ok
	case time.Time:
		switch b := r.(type) {
		case time.Time:
			return a.Compare(b), true
		case string:
			t, err := time.Parse(time.RFC3339Nano, b)
			return a.Compare(t), err == nil
		}
	}
	a, ok1 := asFloat(l)
	b, ok2 := asFloat(r)
	if !ok1 || !ok2 || a != a || b != b {
		return 0, false
	}
	return cmp.Compare(a, b), true
}

// isIn looks for an element of a list or a name in a table.
func isIn(l, right any) (holds, ok bool) {
	if r, isJSON := right.(gjson.Result); isJSON {
		right = goValue(r)
	}
	if t, isTable := message.AsTable(right); isTable {
		name, ok := l.(string)
		_, there := t[name]
		return there && ok, ok
	}
	list := reflect.ValueOf(right)
	if list.Kind() != reflect.Slice {
		return false, false
	}
	for i := range list.Len() {
		if same, ok := equal(l, simplify(list.Index(i).Interface())); ok && same {
			return true, true
		}
	}
	return false, true
}

// kind names the type of a value for people.
func kind(v any) string {
	switch simplify(v).(type) {
	case nil:
		return "nothing"
	case bool:
		return "true or false"
	case int64, float64:
		return "a number"
	case string:
		return "a string"
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	case []any, []string, []int:
		return "a list"
	case *regexp.Regexp:
		return "a pattern"
	}
	return "an object"
}
