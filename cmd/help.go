package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
)

// newHelpCmd is cobra's help command, except that an unknown topic is an error.
func newHelpCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND|TOPIC]",
		Short:   "Show the help of a command or a topic",
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
		render.Hanging(&b, fmt.Sprintf("  %3d  ", c.Code), c.Meaning, helpWidth, render.Plain)
	}
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: b.String()}
}

const environmentIntro = `The connection is taken from these sources. An earlier source overrides a later
one:

  1. flags
  2. the context named by --context
  3. the MSGCTL_ variables below
  4. the context named by MSGCTL_CONTEXT
  5. RABBITMQ_HOST, RABBITMQ_PORT, RABBITMQ_USER, RABBITMQ_PASS, RABBITMQ_VHOST
  6. the current context (msgctl context use)
  7. defaults: amqp://guest:guest@localhost:5672, vhost /

When one source names the broker, the credentials and TLS files of a source that
it overrides are ignored: the password of one broker is never sent to another.
"msgctl context show" prints each setting in effect and its source.

`

const tracingVariables = `
publish, consume, dlq replay, dlq move and dlq import export spans when an
OTLP endpoint is set (docs/tracing.md):

  OTEL_EXPORTER_OTLP_ENDPOINT     endpoint, such as http://localhost:4318
  OTEL_EXPORTER_OTLP_PROTOCOL     http/protobuf (default), http/json or grpc
  OTEL_EXPORTER_OTLP_HEADERS      NAME=VALUE,… sent with each request; also
                                  _TIMEOUT (ms), _COMPRESSION (gzip) and
                                  _CERTIFICATE; each also with the prefix
                                  OTEL_EXPORTER_OTLP_TRACES_
  OTEL_TRACES_EXPORTER            otlp or none
  OTEL_SDK_DISABLED               true: export no spans
  OTEL_SERVICE_NAME               service name (default msgctl); also
                                  OTEL_RESOURCE_ATTRIBUTES
  OTEL_TRACES_SAMPLER             sampler; traceidratio with
                                  OTEL_TRACES_SAMPLER_ARG=0.01 keeps 1 in 100
  OTEL_PROPAGATORS                tracecontext, or none to add no trace context
                                  to messages
  OTEL_BSP_MAX_QUEUE_SIZE         spans that may wait for export (default 2048);
                                  also the other OTEL_BSP_ and OTEL_SPAN_ ones
  TRACEPARENT, TRACESTATE         trace context of the caller, the parent of
                                  what is published`

// newEnvironmentTopic is `msgctl help environment`.
func newEnvironmentTopic() *cobra.Command {
	var b strings.Builder
	b.WriteString(environmentIntro)
	for _, v := range append(profile.Variables(),
		profile.Variable{Name: "MSGCTL_FILE", Usage: "topology file, for commands without -f"},
		profile.Variable{Name: "NO_COLOR", Usage: "no colour (no-color.org); CLICOLOR_FORCE=1 forces colour"},
	) {
		render.Hanging(&b, fmt.Sprintf("  %-26s  ", v.Name), v.Usage, helpWidth, render.Plain)
	}
	b.WriteString(tracingVariables)
	return &cobra.Command{Use: "environment", Short: "Environment variables and their precedence", Long: b.String()}
}
