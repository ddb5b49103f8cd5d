package cmd

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd/cmdutil"
)

// helpWidth is the number of columns at which help texts are wrapped.
const helpWidth = 80

// usageTemplate is cobra's template with the connection flags listed separately.
const usageTemplate = `Usage:
  {{if .HasAvailableSubCommands}}{{.CommandPath}} COMMAND{{else}}{{.UseLine}}{{end}}{{if gt (len .Aliases) 0}}

Aliases:
  {{.NameAndAliases}}{{end}}{{if .HasExample}}

Examples:
{{.Example}}{{end}}{{if .HasAvailableSubCommands}}{{$commands := .Commands}}{{if eq (len .Groups) 0}}

Commands:{{range $commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{else}}{{range $group := .Groups}}

{{.Title}}{{range $commands}}{{if and (eq .GroupID $group.ID) (or .IsAvailableCommand (eq .Name "help"))}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{end}}{{end}}{{if .HasHelpSubCommands}}

Topics (msgctl help TOPIC):{{range .Commands}}{{if .IsAdditionalHelpTopicCommand}}
  {{rpad .Name .NamePadding}}  {{.Short}}{{end}}{{end}}{{end}}{{with flagUsages .}}

Flags:
{{.}}{{end}}{{with connectionUsages .}}

Connection (precedence: msgctl help environment):
{{.}}{{end}}{{if .HasAvailableInheritedFlags}}

Global flags:
{{globalUsages . | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableSubCommands}}

Use "{{.CommandPath}} COMMAND --help" for more about a command.{{end}}
`

// helpTemplate is cobra's without a blank line at the end of a topic.
const helpTemplate = `{{with or .Long .Short}}{{. | trimTrailingWhitespaces}}
{{end}}{{if or .Runnable .HasSubCommands}}
{{.UsageString}}{{end}}`

func setUsageTemplate(root *cobra.Command) {
	cobra.AddTemplateFuncs(map[string]any{
		"flagUsages":       func(c *cobra.Command) string { return usagesOf(c, false) },
		"globalUsages":     func(c *cobra.Command) string { return c.InheritedFlags().FlagUsagesWrapped(helpWidth) },
		"connectionUsages": func(c *cobra.Command) string { return usagesOf(c, true) },
	})
	root.SetUsageTemplate(usageTemplate)
	root.SetHelpTemplate(helpTemplate)
}

// usagesOf describes either the connection flags of a command, in the order of registration, or its
// other flags.
func usagesOf(c *cobra.Command, connection bool) string {
	set := pflag.NewFlagSet("", pflag.ContinueOnError)
	set.SortFlags = !connection && c.Flags().SortFlags
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if (f.Annotations[cmdutil.FlagGroup] != nil) == connection {
			set.AddFlag(f)
		}
	})
	return strings.TrimRight(set.FlagUsagesWrapped(helpWidth), "\n")
}
