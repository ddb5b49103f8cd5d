// Package cmdutil has what all commands share: the process they run in (streams, environment), exit
// codes, usage errors, common flags, and the reading of topology files. A command gets a *Process,
// which tests build from buffers and a map, and a function that opens the broker operations it
// uses. Nothing in the package dials a broker.
package cmdutil

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/terminal"
)

// Process is what a command needs of its environment. Everything costly is created on first use, so
// that `msgctl --help` reads no file and dials nothing.
type Process struct {
	Streams *terminal.Streams
	Env     profile.LookupEnv
	Build   Build
	Colour  terminal.ColourMode // --color
	// Interrupted is closed when the command is to end; nil is never.
	Interrupted <-chan struct{}
	// HasNoAPI reports whether the running command has the flag --no-api. It is suggested only
	// then.
	HasNoAPI bool
	// vars are the variables of topology files that flags set.
	vars map[string]string
}

// System returns the real process: its streams and environment.
func System(build Build) *Process {
	streams := terminal.System(os.LookupEnv)
	streams.Err = redact.NewWriter(streams.Err)
	return &Process{
		Streams: streams, Env: os.LookupEnv,
		Build: build, Colour: terminal.ColourAuto,
	}
}

// HideSecrets masks known secrets in everything that is written to stdout from now on. It is for
// commands that produce their own output; messages and exported definitions are never changed.
func (d *Process) HideSecrets() {
	d.Streams.Out = redact.NewKnownWriter(d.Streams.Out)
}

// Flush writes what the streams hold back because it may be the beginning of a secret.
func (d *Process) Flush() {
	for _, w := range []io.Writer{d.Streams.Out, d.Streams.Err} {
		if held, ok := w.(*redact.Writer); ok {
			_ = held.Flush() // there is nobody left to tell
		}
	}
}

// Contexts reads the context file; a missing file has no contexts.
func (d *Process) Contexts() (*profile.File, error) {
	var f *profile.File
	err := d.waiting(func() (err error) {
		f, err = profile.Load(profile.DefaultPath(d.Env), d.Env)
		return err
	})
	if errors.Is(err, context.Canceled) {
		return nil, err
	}
	return f, SettingError(err)
}

// Connection resolves the connection settings and shows warnings about them. It dials nothing.
func (d *Process) Connection(flags *profile.Flags) (*profile.Connection, error) {
	file, err := d.Contexts()
	if err != nil {
		return nil, err
	}
	c, err := profile.Resolve(flags, d.Env, file)
	if err != nil {
		return nil, SettingError(err)
	}
	d.Warn(file.Warnings...)
	d.Warn(c.Warnings...)
	return c, nil
}
