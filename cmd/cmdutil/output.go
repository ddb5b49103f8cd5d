package cmdutil

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/render"
)

// OutputFlag is the flag -o/--output: one of the formats that a command offers, the first by
// default. The default is table for commands that list things of one kind, else text; a command
// whose result is a file defaults to the file's format. Every command that shows data offers json.
type OutputFlag struct {
	Value   string
	offered []string
}

// Register adds -o to a command.
func (f *OutputFlag) Register(cmd *cobra.Command, offered ...string) {
	f.RegisterAs(cmd, "output", "o", offered...)
}

// RegisterAs adds the flag under another name.
func (f *OutputFlag) RegisterAs(cmd *cobra.Command, name, short string, offered ...string) {
	f.Value, f.offered = offered[0], offered
	cmd.Flags().VarP(f, name, short, name+": "+strings.Join(offered, ", "))
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp))
}

// String, Set and Type make it a flag's value.
func (f *OutputFlag) String() string { return f.Value }

// Set accepts one of the offered formats.
func (f *OutputFlag) Set(v string) error {
	if !slices.Contains(f.offered, v) {
		return fmt.Errorf("want %s", strings.Join(f.offered, ", "))
	}
	f.Value = v
	return nil
}

// Type names the value in help.
func (f *OutputFlag) Type() string { return "format" }

// Encode writes v if the format is json or yaml, and reports whether it did.
func (f *OutputFlag) Encode(w io.Writer, v any) (bool, error) {
	switch f.Value {
	case "json":
		return true, render.JSON(w, v)
	case "yaml":
		return true, render.YAML(w, v)
	}
	return false, nil
}

// Offered returns the formats that the command offers, the default first.
func (f *OutputFlag) Offered() []string { return f.offered }
