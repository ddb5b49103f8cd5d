package cmd

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/terminal"
)

// arguments are what a command needs besides connection flags until it asks for a broker.
func arguments() map[string]string {
	return map[string]string{
		"apply": "--yes", "destroy": "--yes", "lint": "--live", "graph": "--live", "route": "--live --exchange x --key k",
		"publish": "--exchange x --key k --data 1", "consume": "q --print", "exporter": "--once",
		"dlq inspect": "q", "dlq purge": "q", "dlq export": "q --archive new.ndjson", "dlq import": "a.ndjson",
		"dlq move": "q --to queue:r", "queue convert": "q --to quorum", "queue rename": "q r",
		"queue jobs show": "id", "queue jobs resume": "id", "queue jobs abort": "id",
	}
}

// connectionValues are right values of the flags, by name.
func connectionValues(dir string) map[string]string {
	return map[string]string{
		"url": "amqp://localhost:1/v", "api": "http://localhost:1", "vhost": "v", "user": "u", "context": "other",
		"password-file": filepath.Join(dir, "password"), "tls-ca": filepath.Join(dir, "ca.pem"),
		"tls-cert": filepath.Join(dir, "cert.pem"), "tls-key": filepath.Join(dir, "key.pem"), "tls-server-name": "h",
		"insecure": "true", "timeout": "1s", "heartbeat": "1s", "reconnect-delay": "1s", "reconnect-attempts": "1",
		"max-message-size": "1MB",
	}
}

// TestConnectionFlags: every command takes every two connection flags that it takes alone.
func TestConnectionFlags(t *testing.T) {
	dir := usageDir(t)
	values, found := connectionValues(dir), 0
	eachCommand(Reference(), func(c *cobra.Command) {
		var names []string
		c.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Annotations[cmdutil.FlagGroup] != nil {
				names = append(names, f.Name)
			}
		})
		if len(names) == 0 {
			return
		}
		found++
		_, path, _ := strings.Cut(c.CommandPath(), " ")
		line := append(strings.Fields(path), strings.Fields(arguments()[path])...)
		alone := map[string]bool{}
		for _, a := range names {
			if values[a] == "" {
				t.Fatalf("the test has no value of --%s", a)
			}
			alone[a] = takes(t, dir, append(line, "--"+a+"="+values[a]))
		}
		if !alone["url"] || !alone["vhost"] || !alone["api"] {
			t.Errorf("%s refuses --url, --vhost or --api alone", path)
		}
		for i, a := range names {
			for _, b := range names[i+1:] {
				if a == "context" && b == "url" {
					continue // both name a broker: which one is meant is not known
				}
				if alone[a] && alone[b] && !takes(t, dir, append(line, "--"+a+"="+values[a], "--"+b+"="+values[b])) {
					t.Errorf("%s refuses --%s with --%s", path, a, b)
				}
			}
		}
	})
	if found < 20 {
		t.Errorf("only %d commands have connection flags", found)
	}
}

func eachCommand(c *cobra.Command, f func(*cobra.Command)) {
	f(c)
	for _, sub := range c.Commands() {
		eachCommand(sub, f)
	}
}

// takes reports whether a command line is no wrong usage. Where it asks for a broker it ends.
func takes(t *testing.T, dir string, args []string) bool {
	t.Helper()
	code, stderr := codeOf(t, dir, args)
	if code != cmdutil.ExitUsage && code != cmdutil.ExitOK && !strings.Contains(stderr, "no broker here") {
		t.Errorf("%v: exit code %d: %s", args, code, stderr)
	}
	_ = os.Remove("new.ndjson")
	return code != cmdutil.ExitUsage
}

// codeOf runs a command line to its end, or to where it asks for a broker.
func codeOf(t *testing.T, dir string, args []string) (code int, stderr string) {
	t.Helper()
	return runUntil(t.Context(), dir, args)
}

// runUntil is codeOf until the context ends.
func runUntil(ctx context.Context, dir string, args []string) (code int, stderr string) {
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"HOME": dir, "MSGCTL_CONFIG": filepath.Join(dir, "config.yaml")}[name]
		return v, ok
	}
	var said strings.Builder
	p := &app{
		proc: &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), io.Discard, &said, nil), Env: env,
			Colour: terminal.ColourNever},
		onStart: func() {},
		brokers: brokers{beforeDeadLetters: func() {},
			connect: func(broker.Options) (*broker.Client, error) { return nil, errors.New("no broker here") }},
	}
	code = p.run(ctx, args)
	return code, said.String()
}
