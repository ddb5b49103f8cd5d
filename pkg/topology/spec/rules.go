package spec

import (
	"embed"
	"io/fs"
	"reflect"

	"github.com/msgctl/msgctl/internal/units"
)

// typeSources are the files whose comments become the descriptions that editors show.
//
//go:embed types.go types_queue.go types_event.go types_alert.go
var typeSources embed.FS

// Rules are what the parser reads files by, for the JSON Schema that package schema makes of them.
// That package is apart so that programs that only read files do not link a schema generator.
type Rules struct {
	// Sources holds the Go files that declare the types of the file, with the comments that
	// describe them.
	Sources fs.FS
	// Patterns are regular expressions of texts: durations, sizes, the two forms of ages, shares,
	// passwords, and keys that are not read.
	Duration, Size, Age, AgeDuration, Percent, Share, Password, Extension string
}

// FieldRules are the bounds of one field of a struct. Zero values bound nothing.
type FieldRules struct {
	// Name is that in the file, and Index that of reflect.Type.FieldByIndex.
	Name  string
	Index []int
	// Enum lists the words that the field can have, and Pattern is a regular expression of them.
	Enum    []string
	Pattern string
	// MinItems is the least length of a list.
	MinItems int
	// Required fields cannot be left out.
	Required bool
}

// SchemaRules returns the rules.
func SchemaRules() Rules {
	return Rules{
		Sources: typeSources, Duration: units.DurationPattern, Size: units.SizePattern, Age: agePattern,
		AgeDuration: ageDurationPattern, Percent: percentPattern, Share: sharePattern,
		Password: passwordPattern, Extension: extensionPattern,
	}
}

// Fields returns the fields of a struct of this package as the file names them, those of embedded
// structs included.
func (Rules) Fields(t reflect.Type) []FieldRules {
	var list []FieldRules
	for _, f := range fieldsOf(t) {
		list = append(list, FieldRules{
			Name: f.name, Index: f.index, Enum: f.enum, Pattern: f.pattern, MinItems: f.minItems, Required: f.required,
		})
	}
	return list
}
