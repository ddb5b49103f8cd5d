package cmd

import (
	"os"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/terminal"
)

// deps is what commands need. Everything costly is made when it is first asked for, so that `msgctl
// --help` reads no file and dials nothing.
type deps struct {
	streams *terminal.Streams
	env     profile.LookupEnv
	build   Build
	colour  terminal.ColourMode // --color
	onStart func()              // called when a command begins, not for help; may be nil
	// onMessages is called before a command works with messages, onDeadLetters before it works with
	// dead letters. Both may be nil.
	onMessages, onDeadLetters func()
}

func systemDeps(build Build) *deps {
	return &deps{
		streams: terminal.System(os.LookupEnv), env: os.LookupEnv,
		build: build, colour: terminal.ColourAuto,
	}
}

// contexts reads the context file; one that does not exist is empty.
func (d *deps) contexts() (*profile.File, error) {
	f, err := profile.Load(profile.DefaultPath(d.env), d.env)
	return f, wrongSetting(err)
}

// connection decides which broker to use and shows the warnings about it. Nothing is dialled.
func (d *deps) connection(flags *profile.Flags) (*profile.Connection, error) {
	file, err := d.contexts()
	if err != nil {
		return nil, err
	}
	c, err := profile.Resolve(flags, d.env, file)
	if err != nil {
		return nil, wrongSetting(err)
	}
	d.warn(file.Warnings...)
	d.warn(c.Warnings...)
	return c, nil
}
