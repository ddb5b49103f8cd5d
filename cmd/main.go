// Package cmd is the command line of msgctl: one file per command, with its options, its flags and its run function.
// deps.go wires what commands need, exit.go maps errors to exit codes. What commands do lives in pkg/, what they show in
// internal/view.
package cmd

import (
	"context"
	_ "embed" // for overview.txt
	"os"
	"os/signal"
	"slices"
	"syscall"
)

// Main runs msgctl with the process's streams and environment and returns the exit code.
//
// The first SIGINT or SIGTERM ends the command's context, so that work in hand is settled; the second kills the process.
func Main(build Build, args []string) int {
	if asksForOverview(args) {
		_, _ = os.Stdout.WriteString(overview)
		return exitOK
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := systemDeps(build)
	d.onStart = func() { cancelOnSignal(cancel) }
	return run(ctx, d, args)
}

// cancelOnSignal is called when a command begins: --help, which is to be quick, needs no signal handler.
func cancelOnSignal(cancel context.CancelFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // from now on a signal does what it does by default
		cancel()
	}()
}

// overview is the help of msgctl itself, written down by `make generate`: what people type first is to answer at once, and
// to build all commands and their flags would take a third of the time. A test holds it against the commands.
//
//go:embed overview.txt
var overview string

// asksForOverview tells whether a command line can only lead to the help of msgctl itself.
func asksForOverview(args []string) bool {
	return len(args) == 0 || len(args) == 1 && slices.Contains([]string{"--help", "-h", "help"}, args[0])
}

// run executes one command line. Everything it needs comes in, so that tests can run it.
func run(ctx context.Context, d *deps, args []string) int {
	root := newRootCmd(d)
	root.SetArgs(args)
	root.SetIn(d.streams.In)
	root.SetOut(d.streams.Out)
	root.SetErr(d.streams.Err)
	return d.report(ctx, root.ExecuteContext(ctx))
}
