package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/terminal"
)

// jqProgram is a compiled jq program that turns documents into lines.
type jqProgram struct {
	code *gojq.Code
}

// compileJQ compiles a program; nil for none.
func compileJQ(cmd *cobra.Command, program string) (*jqProgram, error) {
	if program == "" {
		return nil, nil
	}
	query, err := gojq.Parse(program)
	if err != nil {
		var at *gojq.ParseError
		if errors.As(err, &at) {
			return nil, usageError("see: https://jqlang.org/manual/", "%sflag --jq: unexpected %q at byte %d of %q", where(cmd),
				at.Token, at.Offset, program)
		}
		return nil, usageError("see: https://jqlang.org/manual/", "%sflag --jq: %v", where(cmd), err)
	}
	code, err := gojq.Compile(query, gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return nil, usageError("see: https://jqlang.org/manual/", "%sflag --jq: %v", where(cmd), err)
	}
	return &jqProgram{code}, nil
}

// write writes every result for one document on a line of its own: texts as they are, all else as
// JSON.
func (p *jqProgram) write(ctx context.Context, w io.Writer, doc any, tty bool) error {
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
	return string(text), nil
}
