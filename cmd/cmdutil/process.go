// Package cmdutil has what all commands share: the process they run in (streams, environment), exit
// codes and errors of usage, flags that mean the same everywhere, and the reading of topology
// files.
//
// A command gets a *Process, which tests make of buffers and a map, and a function that opens what
// it uses of a broker.
package cmdutil

import (
	"os"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/internal/terminal"
)

// Process is what commands need. Everything costly is made when it is first asked for, so that
// `msgctl --help` reads no file and dials nothing.
type Process struct {
	Streams *terminal.Streams
	Env     profile.LookupEnv
	Build   Build
	Colour  terminal.ColourMode // --color
	// HasNoAPI says that the command that runs has --no-api: only then is it advised.
	HasNoAPI bool
	// vars are the variables of topology files that flags set.
	vars map[string]string
}

// System returns the process that runs.
func System(build Build) *Process {
	streams := terminal.System(os.LookupEnv)
	streams.Err = redact.Writer(streams.Err, redact.Text)
	return &Process{
		Streams: streams, Env: os.LookupEnv,
		Build: build, Colour: terminal.ColourAuto,
	}
}

// HideSecrets masks what is known to be secret in what goes to stdout from now on. It is for commands
// whose results are of msgctl's making. Messages and exported definitions are what they are.
func (d *Process) HideSecrets() {
	d.Streams.Out = redact.Writer(d.Streams.Out, redact.Known)
}

// Contexts reads the context file; one that does not exist is empty.
func (d *Process) Contexts() (*profile.File, error) {
	f, err := profile.Load(profile.DefaultPath(d.Env), d.Env)
	return f, SettingError(err)
}

// Connection decides which broker to use and shows the warnings about it. Nothing is dialled.
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
