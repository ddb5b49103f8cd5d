package handle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// exitTempFail is EX_TEMPFAIL of sysexits.h: try again later.
const exitTempFail = 75

// Exit codes of a shell that could not start a command: it is not executable, or does not exist.
const (
	exitNotExecutable = 126
	exitNotFound      = 127
)

// brokenError ends the run.
type brokenError struct{ why string }

func (e *brokenError) Error() string { return e.why }

// notStarted maps an error from starting a program to a result. A program that does not exist or is
// not executable fails for every message, so it ends the run. Other errors, such as a lack of
// memory or processes, may be temporary.
func notStarted(err error) Result {
	var broken *brokenError
	if errors.As(err, &broken) || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) ||
		errors.Is(err, exec.ErrNotFound) || errors.Is(err, syscall.ENOEXEC) {
		return Broken(fmt.Errorf("the handler cannot be started: %w", err))
	}
	return Again(ErrorStart, err.Error()) // the machine's fault, not the message's
}

// Exec runs a command for each message. The command reads the body from stdin and the other message
// data from the environment (MESSAGE_ID, MESSAGE_TYPE, MESSAGE_ROUTING_KEY, …). Exit code 0 means
// that the message was handled, 75 that it should be retried, and any other code that it is
// refused. Codes 126 and 127 are exceptions: a shell reports with them that the command cannot be
// started, and they end the run. The last line that the command writes is reported as the reason.
type Exec struct {
	// Argv is the program and its arguments.
	Argv []string
	// Env is the base environment; the variables of the message are added to it.
	Env []string
	// JSON passes the message with all its properties on stdin, as one line of JSON, instead of the
	// body.
	JSON bool
	// Timeout limits the time for one message; 0 means no limit. When it expires, the process and
	// everything it started are killed, and the message is retried.
	Timeout time.Duration
	// Label names the command. If it is "", the program's name is used.
	Label string
}

// Handle implements Handler.
func (e *Exec) Handle(ctx context.Context, a *Attempt) Result {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if e.Timeout > 0 {
		limited, cancel = context.WithTimeout(ctx, e.Timeout)
	}
	defer cancel()
	cmd := exec.CommandContext(limited, e.Argv[0], e.Argv[1:]...)
	ownGroup(cmd)
	cmd.Cancel = func() error { return terminate(cmd) }
	cmd.WaitDelay = 2 * killAfter // something it started may hold its output open
	cmd.Env = append(append([]string(nil), e.Env...), environment(a)...)
	cmd.Stdin = bytes.NewReader(e.input(a))
	var stdout, stderr output
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		if ctx.Err() != nil {
			return Stopped()
		}
		return notStarted(err)
	}
	err := cmd.Wait()
	if err != nil {
		killGroup(cmd)
	}
	said := stderr.last()
	if said == "" {
		said = stdout.last()
	}
	return e.judge(ctx, limited, err, said)
}

func (e *Exec) input(a *Attempt) []byte {
	if e.JSON {
		return append(AppendJSON(make([]byte, 0, len(a.Message.Body)+1024), 0, a), '\n')
	}
	return a.Message.Body
}

func (e *Exec) judge(ctx, limited context.Context, err error, said string) Result {
	var exit *exec.ExitError
	switch {
	case err == nil || errors.Is(err, exec.ErrWaitDelay): // it ended with 0
		return Done()
	case ctx.Err() != nil:
		return Stopped()
	case limited.Err() != nil:
		return Again(ErrorTimeout, fmt.Sprintf("%s did not end in %s%s", e.Name(), e.Timeout, also(said)))
	case !errors.As(err, &exit):
		return notStarted(err)
	}
	if by := endedBySignal(exit); by != "" {
		return Never(ErrorSignal, fmt.Sprintf("%s was ended by a signal: %s%s", e.Name(), by, also(said)))
	}
	code := exit.ExitCode()
	if code == exitNotExecutable || code == exitNotFound {
		return Broken(fmt.Errorf("%s cannot be started: it ended with %d%s", e.Name(), code, also(said)))
	}
	if said == "" {
		said = fmt.Sprintf("%s ended with %d", e.Name(), code)
	}
	if code == exitTempFail {
		return Again(ErrorTemp, said)
	}
	return Never(fmt.Sprintf("%s %d", ErrorExit, code), said)
}

func also(said string) string {
	if said == "" {
		return ""
	}
	return ": " + said
}

// Name implements Handler. It omits the arguments because they may contain secrets.
func (e *Exec) Name() string { return orElse(e.Label, "exec "+filepath.Base(e.Argv[0])) }

// Close implements Handler. It never fails.
func (*Exec) Close(context.Context) error { return nil }
