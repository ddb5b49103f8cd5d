package cmd

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/render"
)

// outputFormat is the flag -o/--output: one of the formats that a command offers, the first by
// default.
type outputFormat struct {
	value   string
	offered []string
}

// register adds -o to a command.
func (f *outputFormat) register(cmd *cobra.Command, offered ...string) {
	f.registerAs(cmd, "output", "o", offered...)
}

// registerAs adds the flag under another name.
func (f *outputFormat) registerAs(cmd *cobra.Command, name, short string, offered ...string) {
	f.value, f.offered = offered[0], offered
	cmd.Flags().VarP(f, name, short, name+": "+strings.Join(offered, ", "))
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(offered, cobra.ShellCompDirectiveNoFileComp))
}

// String, Set and Type make it a flag's value.
func (f *outputFormat) String() string { return f.value }

// Set takes one of the offered formats.
func (f *outputFormat) Set(v string) error {
	if !slices.Contains(f.offered, v) {
		return fmt.Errorf("want %s", strings.Join(f.offered, ", "))
	}
	f.value = v
	return nil
}

// Type names the value in help.
func (f *outputFormat) Type() string { return "format" }

// encode writes v where the format is json or yaml, and says whether it was.
func (f *outputFormat) encode(w io.Writer, v any) (bool, error) {
	switch f.value {
	case "json":
		return true, render.JSON(w, v)
	case "yaml":
		return true, render.YAML(w, v)
	}
	return false, nil
}
