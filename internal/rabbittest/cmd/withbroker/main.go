// Command withbroker runs a command with a broker for its tests:
//
//	go run ./internal/rabbittest/cmd/withbroker -- go test ./...
//
// If MSGCTL_TEST_BROKERS names brokers, they are used. Otherwise one private RabbitMQ is found or
// started (see package node), named in that variable for the command, and removed afterwards. The
// exit status is the command's.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: withbroker -- COMMAND [ARGUMENT...]")
		os.Exit(64)
	}
	status, err := run(args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "withbroker:", err)
	}
	os.Exit(status)
}

// run returns the exit status, and an error for what is not the command's own failure.
func run(args []string) (status int, err error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	env := os.Environ()
	if os.Getenv(rabbittest.BrokersEnv) == "" {
		n, err := node.Find(ctx, node.Options{Note: os.Stderr})
		if err != nil {
			return 1, err
		}
		defer func() { _ = n.Close() }() // its guard removes what could not be removed here
		env = append(env, rabbittest.BrokersEnv+"="+rabbittest.Of(n).String())
	}
	// Ctrl-C reaches the command too, as it is in the same process group; SIGTERM is passed on.
	// Either way the command decides when it ends, and the broker stays until then.
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, os.Stdin, os.Stdout, os.Stderr
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}
