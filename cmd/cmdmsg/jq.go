package cmdmsg

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/jsonline"
	"github.com/msgctl/msgctl/internal/terminal"
)

// JQ is a compiled jq program that turns documents into lines.
type JQ struct {
	code *gojq.Code
}

// CompileJQ compiles a program; it returns nil for the empty string.
func CompileJQ(cmd *cobra.Command, program string) (*JQ, error) {
	if program == "" {
		return nil, nil
	}
	query, err := gojq.Parse(program)
	if err != nil {
		var at *gojq.ParseError
		if errors.As(err, &at) {
			return nil, cmdutil.UsageError("see: https://jqlang.org/manual/", "%sflag --jq: unexpected %q at byte %d of %q",
				cmdutil.Where(cmd),
				at.Token, at.Offset, program)
		}
		return nil, cmdutil.UsageError("see: https://jqlang.org/manual/", "%sflag --jq: %v", cmdutil.Where(cmd), err)
	}
	code, err := gojq.Compile(query, gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return nil, cmdutil.UsageError("see: https://jqlang.org/manual/", "%sflag --jq: %v", cmdutil.Where(cmd), err)
	}
	return &JQ{code}, nil
}

// Write writes each result for a document on its own line: strings as they are, everything else as
// JSON.
func (p *JQ) Write(ctx context.Context, w io.Writer, doc any, tty bool) error {
	text, err := json.Marshal(doc)
	if err != nil {
		return fmt.Errorf("jq: %w", err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var in any
	if err := d.Decode(&in); err != nil {
		return fmt.Errorf("jq: %w", err)
	}
	results := p.code.RunWithContext(ctx, in)
	for {
		out, ok := results.Next()
		if !ok {
			return nil
		}
		if err, failed := out.(error); failed {
			return fmt.Errorf("jq: %w", err)
		}
		line, err := jqLine(out)
		if err != nil {
			return err
		}
		if tty {
			line = terminal.NeutraliseBlock(line)
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
}

func jqLine(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	text, err := gojq.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("jq: %w", err)
	}
	return string(jsonline.Escape(text)), nil
}
