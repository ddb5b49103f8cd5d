package cmd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/internal/profile"
)

// args checks positional arguments against their names: "NAME" must be there, "[NAME]" may be,
// "NAME..." may repeat.
func args(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		for i, name := range names {
			if i >= len(given) && !strings.HasPrefix(name, "[") {
				return usageError("usage: "+cmd.UseLine(), "%s%s is missing", where(cmd), strings.TrimSuffix(name, "..."))
			}
		}
		open := len(names) > 0 && strings.Contains(names[len(names)-1], "...")
		if len(given) > len(names) && !open {
			return usageError("usage: "+cmd.UseLine(), "%sunexpected argument %q", where(cmd), given[len(names)])
		}
		return nil
	}
}

// flagError says what is wrong with a flag, and which one was surely meant.
func flagError(cmd *cobra.Command, err error) error {
	var (
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
		invalid *pflag.InvalidValueError
	)
	see := "see: " + cmd.CommandPath() + " --help"
	switch {
	case errors.As(err, &unknown):
		if near := nearestFlag(cmd, unknown.GetSpecifiedName()); near != "" {
			see = "did you mean --" + near + "?"
		}
		return usageError(see, "%s%w", where(cmd), err)
	case errors.As(err, &missing) && missing.GetFlag() != nil:
		return usageError(see, "%sflag --%s needs a value", where(cmd), missing.GetFlag().Name)
	case errors.As(err, &invalid) && invalid.GetFlag() != nil:
		return usageError(flagAdvice(invalid.GetFlag(), see), "%sflag --%s: %q is not right: %v",
			where(cmd), invalid.GetFlag().Name, invalid.GetValue(), plainReason(invalid.Unwrap()))
	}
	return usageError(see, "%s%w", where(cmd), err)
}

// where begins a message with the command it is about; with nothing for msgctl itself, whose name
// is printed anyway.
func where(cmd *cobra.Command) string {
	if _, path, ok := strings.Cut(cmd.CommandPath(), " "); ok {
		return path + ": "
	}
	return ""
}

func flagAdvice(f *pflag.Flag, otherwise string) string {
	switch f.Value.Type() {
	case "duration":
		return "write a duration with its unit: 500ms, 30s, 2m"
	case "uint8":
		return "write a whole number from 0 to 255"
	}
	return otherwise
}

// plainReason leaves out which function of Go found it.
func plainReason(err error) error {
	var number *strconv.NumError
	if errors.As(err, &number) {
		return number.Err
	}
	return err
}

func nearestFlag(cmd *cobra.Command, name string) string {
	best, least := "", max(2, len(name)/3)+1
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if d := levenshtein.ComputeDistance(name, f.Name); d < least && !f.Hidden {
			best, least = f.Name, d
		}
	})
	return best
}

// connectionFlags registers the connection's flags on a command; help lists them apart.
func connectionFlags(cmd *cobra.Command) *profile.Flags {
	flags := profile.RegisterFlags(cmd.Flags())
	group := map[string][]string{flagGroup: {"connection"}} // one for all: a map for each is a good part of a start
	flags.Each(func(f *pflag.Flag) { f.Annotations = group })
	return flags
}

const flagGroup = "msgctl_group"

func writeHelp(cmd *cobra.Command, _ []string) {
	out := &bytes.Buffer{}
	text := cmd.Long
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprintln(out, strings.TrimSpace(text))
	if cmd.Runnable() || cmd.HasSubCommands() {
		fmt.Fprintln(out)
		usage(out, cmd)
	}
	_, _ = cmd.OutOrStdout().Write(out.Bytes())
}

func writeUsage(cmd *cobra.Command) error {
	usage(cmd.OutOrStderr(), cmd)
	return nil
}

func usage(out io.Writer, cmd *cobra.Command) {
	line := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		line = cmd.CommandPath() + " COMMAND"
	}
	fmt.Fprintf(out, "Usage:\n  %s\n", line)
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(out, "\nAliases:\n  %s\n", cmd.NameAndAliases())
	}
	if cmd.HasExample() {
		fmt.Fprintf(out, "\nExamples:\n%s\n", cmd.Example)
	}
	writeCommands(out, cmd)
	writeFlags(out, cmd)
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\n%s COMMAND --help tells more about a command.\n", cmd.CommandPath())
	}
}

func writeCommands(out io.Writer, cmd *cobra.Command) {
	titles := []*cobra.Group{{Title: "Commands:"}}
	for _, g := range append(titles, cmd.Groups()...) {
		first := true
		for _, c := range cmd.Commands() {
			if c.GroupID != g.ID || !c.IsAvailableCommand() && c.Name() != "help" {
				continue
			}
			if first {
				fmt.Fprintf(out, "\n%s\n", g.Title)
				first = false
			}
			fmt.Fprintf(out, "  %-*s  %s\n", cmd.NamePadding(), c.Name(), c.Short)
		}
	}
	first := true
	for _, c := range cmd.Commands() {
		if !c.IsAdditionalHelpTopicCommand() {
			continue
		}
		if first {
			fmt.Fprintln(out, "\nTopics (msgctl help TOPIC):")
			first = false
		}
		fmt.Fprintf(out, "  %-*s  %s\n", cmd.NamePadding(), c.Name(), c.Short)
	}
}

func writeFlags(out io.Writer, cmd *cobra.Command) {
	own, connection := pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	own.SortFlags, connection.SortFlags = cmd.Flags().SortFlags, false
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if f.Annotations[flagGroup] != nil {
			connection.AddFlag(f)
		} else {
			own.AddFlag(f)
		}
	})
	for _, set := range []struct {
		title string
		flags *pflag.FlagSet
	}{
		{"Flags", own},
		{"Connection (flags over environment over context over defaults; msgctl help environment)", connection},
		{"Everywhere", cmd.InheritedFlags()},
	} {
		if set.flags.HasAvailableFlags() {
			fmt.Fprintf(out, "\n%s:\n%s", set.title, set.flags.FlagUsages())
		}
	}
}
