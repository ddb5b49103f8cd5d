package yamltext

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"gopkg.in/yaml.v3"
)

var (
	unknownField = regexp.MustCompile(`field (.+) not found in type \S+`)
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
		return errors.New(strings.Join(list, "; "))
	case err != nil:
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	return nil
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
