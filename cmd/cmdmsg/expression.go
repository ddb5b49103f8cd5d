package cmdmsg

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/pkg/message/filter"
)

// ExpressionError shows the position of a mistake in an expression.
func ExpressionError(cmd *cobra.Command, flag string, err error) error {
	var syntax *filter.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	snippet := ""
	for line := range strings.Lines(syntax.Snippet()) {
		snippet += "\n    " + strings.TrimRight(line, "\n")
	}
	place := ""
	if syntax.Line > 1 {
		place = fmt.Sprintf(" line %d", syntax.Line)
	}
	if syntax.Line > 0 {
		place += fmt.Sprintf(" column %d", syntax.Column)
	}
	return cmdutil.UsageError(syntax.Hint, "%sflag %s%s: %s%s", cmdutil.Where(cmd), flag, place, syntax.Message, snippet)
}
