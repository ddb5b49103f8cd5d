package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
)

// newHelpCmd is cobra's help command, but an unknown topic is an error.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND|TOPIC]",
		Short:   "Tell more about a command or a topic",
		GroupID: cmdutil.GroupSettings,
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			return subcommands(cmd.Root(), args), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			target, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return cmdutil.UnknownCommand(target, rest[0])
			}
			target.InitDefaultHelpFlag()
			return target.Help()
		},
	}
}

func subcommands(root *cobra.Command, args []string) []cobra.Completion {
	target, _, err := root.Find(args)
	if err != nil {
		return nil
	}
	var names []cobra.Completion
	for _, c := range target.Commands() {
		if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
		}
	}
	return names
}

// newExitCodesTopic is `msgctl help exit-codes`.
func newExitCodesTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString("Exit codes of every command:\n\n")
	for _, c := range cmdutil.ExitCodes() {
		fmt.Fprintf(&b, "  %3d  %s\n", c.Code, c.Meaning)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: b.String()}
}

const environmentIntro = `Which broker to use, as whom and how, is decided in this order:

  1. flags
  2. the context named by --context
  3. the MSGCTL_ variables below
  4. the context named by MSGCTL_CONTEXT
  5. RABBITMQ_HOST, RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_PASS, RABBITMQ_VHOST
  6. the current context (msgctl context use)
  7. defaults: amqp://guest:guest@localhost:5672, vhost /

What names a broker that a stronger source overrules contributes nothing about brokers: the password of one broker is
never sent to another. ` + "`msgctl context show`" + ` says what is in force and where it comes from.

`

const tracingVariables = `
publish, consume, dlq replay, dlq move and dlq import send spans to an
OpenTelemetry receiver when one is named (docs/tracing.md):

  OTEL_EXPORTER_OTLP_ENDPOINT     its address: http://localhost:4318
  OTEL_EXPORTER_OTLP_PROTOCOL     http/protobuf (default), http/json or grpc
  OTEL_EXPORTER_OTLP_HEADERS      NAME=VALUE,… for each request; also _TIMEOUT
                                  (ms), _COMPRESSION (gzip), _CERTIFICATE, and
                                  OTEL_EXPORTER_OTLP_TRACES_… for each of them
  OTEL_TRACES_EXPORTER            otlp, or none
  OTEL_SDK_DISABLED               true: no spans
  OTEL_SERVICE_NAME               who sends them, msgctl by default; also OTEL_RESOURCE_ATTRIBUTES
  OTEL_TRACES_SAMPLER             which are sent: traceidratio with OTEL_TRACES_SAMPLER_ARG=0.01 keeps one of a hundred
  OTEL_PROPAGATORS                tracecontext, or none: messages carry no trace
  OTEL_BSP_MAX_QUEUE_SIZE         how many may wait, 2048 by default; also the other OTEL_BSP_ and OTEL_SPAN_ variables
  TRACEPARENT, TRACESTATE         the caller's span, which what is published belongs under
`

// newEnvironmentTopic is `msgctl help environment`.
func newEnvironmentTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString(environmentIntro)
	for _, v := range append(profile.Variables(),
		profile.Variable{Name: "NO_COLOR", Usage: "no colour (no-color.org); CLICOLOR_FORCE=1 for colour always"},
	) {
		fmt.Fprintf(&b, "  %-26s  %s\n", v.Name, v.Usage)
	}
	b.WriteString(tracingVariables)
	return &cobra.Command{Use: "environment", Short: "Environment variables, and what overrules what", Long: b.String()}
}
