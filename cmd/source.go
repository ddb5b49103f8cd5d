package cmd

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// sourceOptions say what to look at: files, a broker, or files and a broker.
type sourceOptions struct {
	files  fileOptions
	live   bool
	broker brokerVersion
	// both says that the command compares files with the broker; otherwise it takes one of the two.
	both bool
}

func (o *sourceOptions) register(cmd *cobra.Command, live string) {
	o.files.register(cmd)
	cmd.Flags().BoolVar(&o.live, "live", false, live)
	o.broker.register(cmd)
}

// check refuses files and a broker where the command takes one of the two.
func (o *sourceOptions) check(command string) error {
	if o.live && !o.both && len(o.files.patterns) > 0 {
		return usageError("leave one of them out", "%s: -f and --live exclude each other", command)
	}
	return nil
}

// brokerVersion is the flag --broker.
type brokerVersion struct{ value string }

func (b *brokerVersion) register(cmd *cobra.Command) {
	cmd.Flags().Var(b, "broker", "the RabbitMQ version to simulate: 3.10, 4.0, 4.3 or a full one (default the newest, "+
		"with --live the broker's)")
}

// String, Set and Type make it a flag's value.
func (b *brokerVersion) String() string { return b.value }

// Set takes a version that begins with two numbers.
func (b *brokerVersion) Set(v string) error {
	var major, minor int
	if _, err := fmt.Sscanf(v, "%d.%d", &major, &minor); err != nil {
		return errors.New("want a version such as 4.3")
	}
	b.value = v
	return nil
}

// Type names the value in help.
func (b *brokerVersion) Type() string { return "version" }
