// Package cmd is the command line of msgctl. root.go lists the commands, which live in a package
// per group below; brokers.go hands each what it uses of a live broker; cmdutil has flags, exit
// codes and reading of files, cmdmsg what commands that work with messages share. What commands do
// lives in pkg/, what they show in internal/render.
package cmd

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
)

// Main runs msgctl with the process's streams and environment and returns the exit code.
//
// The first SIGINT or SIGTERM ends the command's context, so that work in hand is settled; the
// second kills the process.
func Main(build cmdutil.Build, args []string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	profile.KnowCredentials(os.LookupEnv)
	p := &app{
		proc: cmdutil.System(build), onStart: func() { cancelOnSignal(cancel) },
		brokers: liveBrokers(halveProcessors),
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

// halveProcessors lets the dlq commands run on half of the processors, unless GOMAXPROCS says how
// many. Messages go from one goroutine to the next, each of which does little: to wake another
// processor for it costs more than it brings. Replays gain more than 10 %, other commands do not
// (decision 11).
func halveProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, runtime.GOMAXPROCS(0)/2))
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
