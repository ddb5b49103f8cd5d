package management

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"reflect"
	"strconv"
	"strings"
)

// decode decodes one JSON value leniently. Brokers keep what they were given in an import, and show
// it forever: a boolean as text, an integer as 5.5, "undefined" for what was left out (fact
// odd-values). They work with such values, and so does msgctl: it interprets what it can, and
// leaves values without meaning at zero. What has no place at all, such as an object for a name, is
// an error.
func decode(text []byte, out any) error {
	err := decoder(bytes.NewReader(text)).Decode(out)
	var kind *json.UnmarshalTypeError
	if !errors.As(err, &kind) || kind.Field == "" {
		return err
	}
	var value any
	if decoder(bytes.NewReader(text)).Decode(&value) != nil {
		return err
	}
	into := reflect.ValueOf(out).Elem()
	corrected, _ := fitting(value, into.Type())
	text, marshalErr := json.Marshal(corrected)
	if marshalErr != nil {
		return err
	}
	into.SetZero()
	err = decoder(bytes.NewReader(text)).Decode(out)
	if errors.As(err, &kind) {
		return &unreadable{object: title(value), kind: kind}
	}
	return err
}

// unreadable is a field of an answer whose value does not fit the type that is read.
type unreadable struct {
	object string // the object that has the field, "" if unknown
	kind   *json.UnmarshalTypeError
}

func (e *unreadable) Error() string {
	article := "a"
	if strings.HasPrefix(e.kind.Value, "o") || strings.HasPrefix(e.kind.Value, "a") {
		article = "an"
	}
	return fmt.Sprintf("the field %s%s is %s %s, which no known RabbitMQ sends", e.kind.Field, e.object, article,
		e.kind.Value)
}

func (e *unreadable) Unwrap() error { return e.kind }

// decodeFrom is decode for a value that is read from r.
func decodeFrom(r io.Reader, out any) error {
	var text json.RawMessage
	if err := decoder(r).Decode(&text); err != nil {
		return err
	}
	if string(text) == "[]" && reflect.TypeOf(out).Elem().Kind() == reflect.Struct {
		return nil // an object that has none of the columns asked for
	}
	return decode(text, out)
}

// title names the object that a value describes, as far as it says who it is: ` of "orders"`.
func title(value any) string {
	fields, _ := value.(map[string]any)
	for _, key := range []string{"name", "user", "source"} {
		if name, ok := fields[key].(string); ok {
			return fmt.Sprintf(" of %q", name)
		}
	}
	return ""
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// fitting returns a value as near as possible to one that decodes into a type. A value without
// meaning stays zero.
func fitting(value any, t reflect.Type) (fit any, meaningful bool) {
	if t.Kind() == reflect.Pointer {
		return fitting(value, t.Elem())
	}
	if t.Kind() == reflect.Interface || reflect.PointerTo(t).Implements(unmarshaler) {
		return value, true
	}
	if isVoid(value, t.Kind()) {
		return nil, false
	}
	switch t.Kind() {
	case reflect.Struct:
		return fittingFields(value, t), true
	case reflect.Map:
		return fittingMap(value, t.Elem()), true
	case reflect.Slice:
		return fittingList(value, t.Elem()), true
	}
	return scalar(value, t.Kind()), true
}

// isVoid reports whether the broker means nothing by a value in the place of a kind.
func isVoid(value any, kind reflect.Kind) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return kind != reflect.String && (v == "" || v == "undefined" || v == "none")
	case []any:
		return len(v) == 0 && kind != reflect.Slice
	case map[string]any:
		return len(v) == 0 && kind == reflect.Slice
	}
	return false
}

func fittingFields(value any, t reflect.Type) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			value = fittingFields(object, f.Type)
			continue
		}
		key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if key == "" {
			key = strings.ToLower(f.Name)
		}
		if v, ok := object[key]; ok {
			if object[key], ok = fitting(v, f.Type); !ok {
				delete(object, key)
			}
		}
	}
	return value
}

// fittingMap leaves out what has no meaning.
func fittingMap(value any, elem reflect.Type) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	for key, v := range object {
		if object[key], ok = fitting(v, elem); !ok {
			delete(object, key)
		}
	}
	return object
}

func fittingList(value any, elem reflect.Type) any {
	list, ok := value.([]any)
	if !ok {
		return []any{scalar(value, elem.Kind())}
	}
	kept := list[:0]
	for _, v := range list {
		if v, ok := fitting(v, elem); ok {
			kept = append(kept, v)
		}
	}
	return kept
}

// scalar reads a text for a boolean or a number, and a number or a boolean for a text.
func scalar(value any, kind reflect.Kind) any {
	switch {
	case kind == reflect.Bool:
		return boolean(value)
	case kind == reflect.String:
		switch v := value.(type) {
		case bool:
			return strconv.FormatBool(v)
		case json.Number:
			return v.String()
		}
	case kind >= reflect.Int && kind <= reflect.Uint64:
		return integer(value)
	case kind == reflect.Float64:
		if text, ok := value.(string); ok {
			if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
				return n
			}
		}
	}
	return value
}

// boolean takes a text for what its author meant. The broker itself takes it for neither.
func boolean(value any) any {
	switch v := value.(type) {
	case string:
		return strings.EqualFold(strings.TrimSpace(v), "true")
	case json.Number:
		return v.String() != "0"
	}
	return value
}

// integer cuts off the fraction.
func integer(value any) any {
	var text string
	switch v := value.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
	case bool:
		return value
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > -1<<62 && n < 1<<62 {
		whole, _ := big.NewFloat(n).Int64()
		return whole
	}
	return value
}
