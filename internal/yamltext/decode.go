package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// between separates the problems in an error of Decode.
const between = "; "

var (
	unknownField = regexp.MustCompile(`field (.+) not found in type \S+`)
	atLine       = regexp.MustCompile(`(?s)^line (\d+): (.*)$`)
	wrongKind    = regexp.MustCompile("(?s)cannot unmarshal !!(\\w+)( `.*`)? into (\\S+)")
)

// Decode reads one document into a value, strictly. An empty text leaves the value as it is. The
// error has all problems that the library finds, each with its line, in words of the file: the
// library names types of Go. The library is known to panic on some malformed texts, which is an
// error, too.
func Decode(text []byte, into any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("not valid YAML: %v", p)
		}
	}()
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	err = d.Decode(into)
	var problems *yaml.TypeError
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case errors.As(err, &problems):
		list := make([]string, len(problems.Errors))
		for i, p := range problems.Errors {
			list[i] = inWords(p, reflect.TypeOf(into))
		}
		return errors.New(strings.Join(list, between))
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return nothingMore(d)
}

// nothingMore reports a second document, which nobody would read.
func nothingMore(d *yaml.Decoder) error {
	for {
		var more yaml.Node
		switch err := d.Decode(&more); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
		case len(more.Content) > 0 && more.Content[0].Tag != "!!null":
			return fmt.Errorf("line %d: a second document begins, and only the first would count: put all into one, without ---",
				more.Content[0].Line)
		}
	}
}

// DecodeFile is Decode for the text of a file. Each problem is a line of the error: FILE:LINE: what
// is wrong.
func DecodeFile(name string, text []byte, into any) error {
	err := Decode(text, into)
	if err == nil {
		return nil
	}
	problems := strings.Split(err.Error(), between)
	for i, p := range problems {
		line := atLine.FindStringSubmatch(p)
		if line == nil {
			problems[i] = name + ": " + p
		} else {
			problems[i] = name + ":" + line[1] + ": " + line[2]
		}
	}
	return errors.New(strings.Join(problems, "\n"))
}

// Line returns the line in which a value of a text that Decode takes stands. path has the keys of
// mappings, and the numbers from 0 of what is in lists. Where the path ends early, it is the line
// of the last part that is there.
func Line(text []byte, path ...string) int {
	var document yaml.Node
	if err := yaml.Unmarshal(text, &document); err != nil || len(document.Content) == 0 {
		return 1
	}
	at, line := document.Content[0], 1
	for _, part := range path {
		var found *yaml.Node
		for i, c := range at.Content {
			switch {
			case at.Kind == yaml.MappingNode && i%2 == 0 && c.Value == part:
				line, found = c.Line, at.Content[i+1]
			case at.Kind == yaml.SequenceNode && strconv.Itoa(i) == part:
				line, found = c.Line, c
			}
		}
		if found == nil {
			break
		}
		at = found
	}
	return line
}

// inWords words a problem of the library. It names types of Go; in is the type that has them.
func inWords(problem string, in reflect.Type) string {
	problem = unknownField.ReplaceAllString(problem, "unknown field $1")
	return wrongKind.ReplaceAllStringFunc(problem, func(text string) string {
		m := wrongKind.FindStringSubmatch(text)
		found := map[string]string{"seq": "a list", "map": "a mapping"}[m[1]]
		if found == "" {
			found = strings.Trim(m[2], " `")
		}
		want := "a mapping"
		switch kind := kindOf(m[3], in, map[reflect.Type]bool{}); {
		case kind == reflect.String:
			want = "a text"
		case kind == reflect.Bool:
			want = "true or false"
		case kind == reflect.Slice:
			want = "a list"
		case kind >= reflect.Int && kind <= reflect.Float64:
			want = "a number"
		}
		return fmt.Sprintf("want %s, got %s", want, found)
	})
}

// kindOf returns the kind of the type with that name, which in is or has within, and
// reflect.Invalid if there is none.
func kindOf(name string, in reflect.Type, seen map[reflect.Type]bool) reflect.Kind {
	if in.String() == name {
		return in.Kind()
	}
	if seen[in] {
		return reflect.Invalid
	}
	seen[in] = true
	var within []reflect.Type
	switch in.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		within = []reflect.Type{in.Elem()}
	case reflect.Struct:
		for i := range in.NumField() {
			within = append(within, in.Field(i).Type)
		}
	}
	for _, t := range within {
		if kind := kindOf(name, t, seen); kind != reflect.Invalid {
			return kind
		}
	}
	return reflect.Invalid
}
