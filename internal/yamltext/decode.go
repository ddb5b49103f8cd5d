package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
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
			list[i] = inWords(p)
		}
		return errors.New(strings.Join(list, between))
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return nil
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

func inWords(problem string) string {
	problem = unknownField.ReplaceAllString(problem, "unknown field $1")
	return wrongKind.ReplaceAllStringFunc(problem, func(text string) string {
		m := wrongKind.FindStringSubmatch(text)
		found := map[string]string{"seq": "a list", "map": "a mapping"}[m[1]]
		if found == "" {
			found = strings.Trim(m[2], " `")
		}
		want := "a mapping"
		switch {
		case m[3] == "string":
			want = "a text"
		case m[3] == "bool":
			want = "true or false"
		case strings.HasPrefix(m[3], "[]"):
			want = "a list"
		case strings.HasPrefix(m[3], "int"), strings.HasPrefix(m[3], "float"):
			want = "a number"
		}
		return fmt.Sprintf("want %s, got %s", want, found)
	})
}
