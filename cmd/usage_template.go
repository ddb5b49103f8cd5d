package cmd

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

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
		if f.Annotations[cmdutil.FlagGroup] != nil {
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
