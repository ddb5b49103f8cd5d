package spec

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
)

// pattern checks a regular expression of a policy or a permission. RabbitMQ's are Erlang's, which
// are PCRE: only what is wrong in both dialects is reported (fact wrong-patterns-refused).
func (c *checker) pattern(part, text string) {
	_, err := syntax.Parse(text, syntax.Perl)
	var wrong *syntax.Error
	if !errors.As(err, &wrong) {
		return
	}
	fix := `put a backslash before characters that stand for themselves (in YAML: '\(')`
	switch wrong.Code {
	case syntax.ErrMissingRepeatArgument:
		if strings.HasPrefix(text, "*") {
			fix = fmt.Sprintf("it is a regular expression: write %q for every name", "."+text)
		}
	case syntax.ErrMissingParen, syntax.ErrUnexpectedParen:
		if strings.Contains(text, "(?") || strings.Contains(text, "(*") {
			return // a group that Go does not know
		}
	case syntax.ErrMissingBracket, syntax.ErrTrailingBackslash:
	default:
		return
	}
	c.error(part, fmt.Sprintf("%s: %q is not a regular expression: %s", part, text, wrong.Code), "the broker refuses it",
		fix)
}
