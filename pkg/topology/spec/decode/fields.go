package decode

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// fieldCache holds the fields of the types of this package, which never change.
var fieldCache sync.Map // reflect.Type -> []Field

// FieldsOf returns the fields of a struct as the file names them, those of embedded structs
// included.
func FieldsOf(t reflect.Type) []Field {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.([]Field)
	}
	var list []Field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		switch {
		case sf.Anonymous && name == "":
			for _, inner := range FieldsOf(sf.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				list = append(list, inner)
			}
		case name != "" && name != "-" && sf.IsExported():
			list = append(list, newField(sf, name))
		}
	}
	fieldCache.Store(t, list)
	return list
}

func newField(sf reflect.StructField, name string) Field {
	f := Field{Name: name, object: sf.Tag.Get("object"), Example: sf.Tag.Get("example"), Index: sf.Index}
	for rule := range strings.SplitSeq(sf.Tag.Get("jsonschema"), ",") {
		key, value, _ := strings.Cut(rule, "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "required":
			f.Required = true
		case "enum":
			f.Enum = append(f.Enum, value)
		case "minimum":
			f.min = &number
		case "maximum":
			f.max = &number
		case "minLength":
			f.minLength = int(number)
		case "minItems":
			f.MinItems = int(number)
		case "pattern":
			f.Pattern = value
		}
	}
	return f
}
