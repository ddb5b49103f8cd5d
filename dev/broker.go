package main

import (
	"context"
	"os"
	"os/exec"
	"syscall"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// brokersEnv names the variable that lists the brokers to test against, as package rabbittest reads
// it.
const brokersEnv = "MSGCTL_TEST_BROKERS"

// withBroker calls f with the variables that name a broker. The brokers of MSGCTL_TEST_BROKERS are
// used where it is set; otherwise one is found or started, and removed afterwards.
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

// command runs a program with further variables. Ctrl-C reaches it too, as it is in the same
// process group; SIGTERM is passed on. Either way the program decides when it ends, and the broker
// stays until then.
func command(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env = append(os.Environ(), env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}
