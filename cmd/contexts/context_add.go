package contexts

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
)

type contextAddOptions struct {
	named   contextNameOptions
	context profile.Context
	tls     profile.TLS
	command string
	timeout time.Duration
	replace bool
	use     bool
}

const contextAddExample = `  msgctl context add dev --url amqp://guest@localhost:5672
  msgctl context add prod --url amqps://deploy@mq.example.com/orders --password-command 'pass show mq/prod' --protected`

func newContextAddCmd(d *cmdutil.Process) *cobra.Command {
	opts := &contextAddOptions{named: contextNameOptions{proc: d}}
	cmd := &cobra.Command{
		Use:   "add NAME --url URL",
		Short: "Add a context, or replace one with --replace",
		Long: "Add a context to the context file. Passwords are not stored there: name the file\nthat contains the " +
			"password, or the command that prints it.",
		Example: contextAddExample,
		Args:    cmdutil.Args("NAME"),
		RunE: func(cmd *cobra.Command, a []string) error {
			opts.named.name = a[0]
			if err := opts.complete(cmd.Flags()); err != nil {
				return err
			}
			return runContextAdd(opts)
		},
	}
	opts.flags(cmd.Flags())
	return cmd
}

func (opts *contextAddOptions) flags(fs *pflag.FlagSet) {
	c, t := &opts.context, &opts.tls
	fs.StringVar(&c.URL, "url", "", "broker, amqp[s]://[USER@]HOST[:PORT][/VHOST], without a password")
	fs.StringVar(&c.API, "api", "", "management API (default: the host of --url, port 15672 or with TLS 15671)")
	fs.StringVar(&c.VHost, "vhost", "", "virtual host, instead of the URL's")
	fs.StringVar(&opts.command, "password-command", "", "shell command that prints the password")
	fs.StringVar(&c.PasswordFile, "password-file", "", "file whose first line is the password")
	fs.StringVarP(&c.File, "file", "f", "", "topology file to use without -f")
	fs.BoolVar(&c.Protected, "protected", false, "require the vhost's name before destructive changes")
	fs.StringVar(&t.CA, "tls-ca", "", "PEM file of the CA certificates to trust, instead of the system's")
	fs.StringVar(&t.Cert, "tls-cert", "", "PEM file of the client certificate")
	fs.StringVar(&t.Key, "tls-key", "", "PEM file of the client certificate's key")
	fs.StringVar(&t.ServerName, "tls-server-name", "", "name to expect in the broker's certificate")
	fs.BoolVar(&t.Insecure, "insecure", false, "do not verify the broker's certificate")
	fs.DurationVar(&opts.timeout, "timeout", 0,
		"timeout for connecting, each request, and confirms of messages (default 30s)")
	fs.BoolVar(&opts.replace, "replace", false, "replace the context of this name if it exists")
	fs.BoolVar(&opts.use, "use", false, "make it the current context")
}

// complete applies the flags that were given to the context. Paths are made absolute.
func (opts *contextAddOptions) complete(fs *pflag.FlagSet) error {
	for _, path := range []*string{&opts.context.PasswordFile, &opts.tls.CA, &opts.tls.Cert, &opts.tls.Key} {
		if *path == "" || strings.HasPrefix(*path, "~/") {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return fmt.Errorf("find %s: %w", *path, err)
		}
		*path = abs
	}
	if opts.command != "" {
		opts.context.PasswordCommand = profile.Command{opts.command}
	}
	if opts.tls != (profile.TLS{}) {
		opts.context.TLS = &opts.tls
	}
	if fs.Changed("timeout") {
		opts.context.Timeout = &opts.timeout
	}
	return nil
}

func runContextAdd(opts *contextAddOptions) error {
	return opts.named.change(func(f *profile.File) error {
		if err := f.Add(opts.named.name, opts.context, opts.replace); err != nil {
			return fmt.Errorf("add context: %w", err)
		}
		if opts.use {
			return f.Use(opts.named.name)
		}
		return nil
	}, "added context %s")
}
