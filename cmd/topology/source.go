package topology

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology/capability"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

// sourceOptions select what to read: files, a broker, or both.
type sourceOptions struct {
	files  cmdutil.FileFlag
	live   bool
	broker brokerVersion
	// both allows files together with a broker, which are compared; otherwise they exclude each
	// other.
	both bool
}

func (o *sourceOptions) register(cmd *cobra.Command, live string) {
	o.files.Register(cmd)
	cmd.Flags().BoolVar(&o.live, "live", false, live)
	o.broker.register(cmd)
}

// check refuses files together with a broker if the command takes only one of them.
func (o *sourceOptions) check(command string) error {
	if o.live && !o.both && len(o.files.Patterns) > 0 {
		return cmdutil.UsageError("leave one of them out", "%s: -f and --live exclude each other", command)
	}
	return nil
}

// brokerVersion is the flag --broker.
type brokerVersion struct{ value string }

func (b *brokerVersion) register(cmd *cobra.Command) {
	cmd.Flags().Var(b, "broker", "RabbitMQ version to check against: 3.10, 4.0, 4.3 or a full version (default: the "+
		"newest, with --live the broker's)")
}

// String, Set and Type make it a flag's value.
func (b *brokerVersion) String() string { return b.value }

// Set accepts a version that begins with two numbers.
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

// read reads the files, the broker, or both.
func (o *sourceOptions) read(ctx context.Context, d *cmdutil.Process, open OpenReader, command string,
	flags *profile.Flags) (*subject.Subject, error) {
	if err := o.check(command); err != nil {
		return nil, err
	}
	s := &subject.Subject{Version: o.broker.value}
	if !o.live {
		s.Version = cmp.Or(o.broker.value, capability.NewestLine)
		return s, cmdutil.LoadSubject(d, s, &o.files, cmdutil.VHostChoice{})
	}
	conn, err := d.Connection(flags)
	if err != nil {
		return nil, err
	}
	if o.both {
		err := cmdutil.LoadSubject(d, s, &o.files, cmdutil.ChooseVHost(conn))
		if err != nil && !errors.Is(err, cmdutil.ErrNoFiles) {
			return nil, err
		}
	}
	b, err := open(ctx, conn, command)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return s, s.Read(ctx, b, conn.VHost)
}
