package spec

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// fieldCache holds the fields of the types of this package, which never change.
var fieldCache sync.Map // reflect.Type -> []field

// fieldsOf returns the fields of a struct as the file names them, those of embedded structs
// included.
func fieldsOf(t reflect.Type) []field {
	if cached, ok := fieldCache.Load(t); ok {
		return cached.([]field)
	}
	var list []field
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		switch {
		case sf.Anonymous && name == "":
			for _, inner := range fieldsOf(sf.Type) {
				inner.index = append([]int{i}, inner.index...)
				list = append(list, inner)
			}
		case name != "" && name != "-" && sf.IsExported():
			list = append(list, newField(sf, name))
		}
	}
	fieldCache.Store(t, list)
	return list
}

func newField(sf reflect.StructField, name string) field {
	f := field{name: name, object: sf.Tag.Get("object"), example: sf.Tag.Get("example"), index: sf.Index}
	for rule := range strings.SplitSeq(sf.Tag.Get("jsonschema"), ",") {
		key, value, _ := strings.Cut(rule, "=")
		number, _ := strconv.ParseInt(value, 10, 64)
		switch key {
		case "required":
			f.required = true
		case "enum":
			f.enum = append(f.enum, value)
		case "minimum":
			f.min = &number
		case "maximum":
			f.max = &number
		case "minLength":
			f.minLength = int(number)
		case "minItems":
			f.minItems = int(number)
		case "pattern":
			f.pattern = value
		}
	}
	return f
}
