// Package cmd is the command line of msgctl. root.go lists the commands; each group has its own
// package below. brokers.go gives each command the broker operations that it uses. cmdutil has
// flags, exit codes and the reading of files; cmdmsg has what commands that work with messages
// share. The work is done in pkg/, output is formatted in internal/render.
package cmd

import (
	"context"
	"log"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/internal/profile"
)

// Main runs msgctl with the process's streams and environment and returns the exit code. The first
// SIGINT or SIGTERM cancels the command's context, so that it settles what is in flight; the second
// kills the process.
func Main(build cmdutil.Build, args []string) int {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	profile.KnowCredentials(os.LookupEnv)
	p := &app{
		proc: cmdutil.System(build), onStart: func() { cancelOnSignal(cancel) },
		brokers: liveBrokers(halveProcessors),
	}
	p.ownStderr()
	return p.run(ctx, args)
}

// ownStderr redacts and escapes what would reach stderr past the process's streams: what libraries
// log, and a panic of a goroutine. Such a panic ends the process as one of the command does. Go's
// own report remains for a panic in a goroutine that a library began.
func (p *app) ownStderr() {
	guarded.OnPanic(func(value any, stack []byte) {
		code := p.proc.ReportPanic(value, stack)
		p.proc.Flush()
		os.Exit(code)
	})
	log.SetFlags(0)
	log.SetOutput(p.proc.LibraryLog())
}

// cancelOnSignal is called when a command begins.
func cancelOnSignal(cancel context.CancelFunc) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	guarded.Go(func() {
		<-signals
		signal.Stop(signals) // from now on, signals have their default action again
		cancel()
	})
}

// halveProcessors lets the dlq commands use half of the processors, unless GOMAXPROCS is set.
// Messages pass from one goroutine to the next, each of which does little, so waking another
// processor costs more than it gains. Replays become more than 10 % faster, other commands do not
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
	onStart func() // called when a command begins, but not for help
}

// run executes one command line. A panic of a command is reported like an error: Go's own report
// may show credentials, and its exit code 2 stands for changes and findings.
func (p *app) run(ctx context.Context, args []string) (code int) {
	p.proc.Interrupted = ctx.Done()
	root := p.newRootCmd()
	root.SetArgs(args)
	root.SetIn(p.proc.Streams.In)
	root.SetOut(p.proc.Streams.Out)
	root.SetErr(p.proc.Streams.Err)
	defer p.proc.Flush()
	defer func() {
		if v := recover(); v != nil {
			code = p.proc.ReportPanic(v, debug.Stack())
		}
	}()
	return p.proc.Report(ctx, root.ExecuteContext(ctx))
}
