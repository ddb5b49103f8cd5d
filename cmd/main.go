// Package cmd is the command line of msgctl. root.go lists the commands, which live in a package per
// group below; brokers.go hands each what it uses of a live broker; cmdutil has flags, exit codes and
// reading of files, cmdmsg what commands that work with messages share. What commands do lives in
// pkg/, what they show in internal/render.
package cmd

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/broker"
)

// Main runs msgctl with the process's streams and environment and returns the exit code.
//
// The first SIGINT or SIGTERM ends the command's context, so that work in hand is settled; the
// second kills the process.
func Main(build cmdutil.Build, args []string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	p := &app{
		proc: cmdutil.System(build), onStart: func() { cancelOnSignal(cancel) },
		brokers: brokers{beforeMessages: leaveProcessors, beforeDeadLetters: leaveMemory, connect: broker.New},
	}
	return p.run(ctx, args)
}

// cancelOnSignal is called when a command begins.
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

// app is msgctl in one process.
type app struct {
	proc    *cmdutil.Process
	brokers brokers
	onStart func() // called when a command begins, not for help
}

// run executes one command line.
func (p *app) run(ctx context.Context, args []string) int {
	root := p.newRootCmd()
	root.SetArgs(args)
	root.SetIn(p.proc.Streams.In)
	root.SetOut(p.proc.Streams.Out)
	root.SetErr(p.proc.Streams.Err)
	return p.proc.Report(ctx, root.ExecuteContext(ctx))
}
