// Command dev runs the tasks of a developer. It needs Go and git. It finds RabbitMQ or starts a
// private node (see package node), and removes that node at the end.
//
//	go run ./dev demo                    msgctl at work on a real broker, in a minute
//	go run ./dev test [FLAG|PACKAGE...]  go test on a real broker, with go test's own flags
//	go run ./dev soak [FLAG|PACKAGE...]  the same, long and with fresh random cases: for the night
//	go run ./dev fuzz [DURATION]         every fuzz target, 10 s each
//	go run ./dev bench [FLAG...]         msgctl beside reference points measured in the same run
//	go run ./dev gen [-check]            what is made from the code: command reference, JSON Schema, ...
//
// Demo and test are part of this program, so that they start quickly on a machine without a build
// cache. Bench and gen import half of the module, so they are separate programs that this one runs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/msgctl/msgctl/dev/demo"
)

const usage = `usage: go run ./dev COMMAND

  demo                     see msgctl at work on a real RabbitMQ, in a minute
  test [FLAG|PACKAGE...]   run the tests: go run ./dev test -race -run Replay ./pkg/dlq/...
  soak [FLAG|PACKAGE...]   run them long, and with fresh random cases
  fuzz [DURATION]          run every fuzz target, 10 s each
  bench [FLAG...]          measure; -h lists the flags
  gen [-check]             write what is made from the code; -check fails when that changes a file

Tests, demo and benchmarks use the RabbitMQ that MSGCTL_URL names, or else a private one that they find
(rabbitmq-server, Docker, or the distribution's package), start and remove.
MSGCTL_TEST_BROKERS tests on several: see CONTRIBUTING.md.
`

func main() {
	// SIGPIPE is handled too: `go run ./dev demo | head` must leave nothing behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE)
	err := run(ctx, os.Args[1:])
	stop()
	os.Exit(exitStatus(err))
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		args = []string{"help"}
	}
	switch name, args := args[0], args[1:]; name {
	case "demo":
		return demo.Run(ctx, os.Stdout)
	case "test":
		return test(ctx, args)
	case "soak":
		return soak(ctx, args)
	case "fuzz":
		return fuzz(ctx, args)
	case "bench":
		return bench(ctx, args)
	case "gen":
		return command(ctx, nil, "go", append([]string{"run", "./dev/gen"}, args...)...)
	case "exec":
		return execute(ctx, args)
	case "help", "-h", "--help":
		fmt.Print(usage)
		return nil
	default:
		return fmt.Errorf("there is no command %q\n%s", name, usage)
	}
}

// exitStatus returns the exit status for err. It prints err unless it comes from a command that has
// already printed its own error.
func exitStatus(err error) int {
	if err == nil {
		return 0
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return max(exit.ExitCode(), 1)
	}
	fmt.Fprintln(os.Stderr, "dev:", err)
	return 1
}

func bench(ctx context.Context, args []string) error {
	return withBroker(ctx, func(env []string) error {
		if err := command(ctx, env, "go", append([]string{"run", "./dev/bench"}, args...)...); err != nil || len(args) > 0 {
			return err
		}
		return command(ctx, env, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "./pkg/...")
	})
}
