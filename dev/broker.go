package main

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// brokersEnv is the name of the environment variable that lists the brokers to test against.
// Package rabbittest reads it.
const brokersEnv = "MSGCTL_TEST_BROKERS"

// withBroker calls f with the environment variables that name a broker. If MSGCTL_TEST_BROKERS is
// set, the caller's environment already names the brokers and env is nil. Otherwise withBroker
// finds or starts one and removes it after f if it is private.
func withBroker(ctx context.Context, f func(env []string) error) error {
	if os.Getenv(brokersEnv) != "" {
		return f(nil)
	}
	n, err := node.Find(ctx, node.Options{Note: os.Stderr})
	if err != nil {
		return err
	}
	defer func() { _ = n.Close() }() // its guard removes what could not be removed here
	return f([]string{brokersEnv + "=" + n.Line() + "," + n.URL + "," + n.API})
}

// command runs a program with additional environment variables. Ctrl-C reaches the program because
// it is in the same process group. SIGTERM is passed on to it. In both cases command waits until
// the program ends, so the broker stays up until then.
func command(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
