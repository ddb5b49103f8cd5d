// Package cmd is the command line of msgctl: one file per command, with its options, its flags and
// its run function. deps.go wires what commands need, exit.go maps errors to exit codes. What
// commands do lives in pkg/, what they show in internal/render.
package cmd

import (
	"context"
	_ "embed" // for overview.txt
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"syscall"
)

// Main runs msgctl with the process's streams and environment and returns the exit code.
//
// The first SIGINT or SIGTERM ends the command's context, so that work in hand is settled; the
// second kills the process.
func Main(build Build, args []string) int {
	if asksForOverview(args) {
		_, _ = os.Stdout.WriteString(overview)
		return exitOK
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	d := systemDeps(build)
	d.onStart, d.onMessages, d.onDeadLetters = func() { cancelOnSignal(cancel) }, leaveProcessors, leaveMemory
	return run(ctx, d, args)
}

// cancelOnSignal is called when a command begins: --help, which is to be quick, needs no signal
// handler.
func cancelOnSignal(cancel context.CancelFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // from now on a signal does what it does by default
		cancel()
	}()
}

// leaveProcessors lets msgctl run on half of the processors, unless GOMAXPROCS says how many.
// Messages go from one goroutine to the next, each of which does little: to wake another processor
// for it costs more than it brings, and where few of them are shared with the broker it takes them
// from it. On two, replays are 8 to 28 % faster on one of them (`make bench`, three release lines;
// docs/decisions/0011).
func leaveProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
	}
}

// leaveMemory collects garbage when there is half as much of it as of what is in use, unless GOGC
// says how much. A window of messages is nearly all that is in use, and there is little in it to
// look at: a fourth of the memory for a hundredth of the rate.
func leaveMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// overview is the help of msgctl itself, written down by `go run ./dev gen`: what people type first is
// to answer at once, and to build all commands and their flags would take a third of the time. A
// test holds it against the commands.
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
