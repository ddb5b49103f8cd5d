package cmdutil

import (
	"errors"
	"os"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// ReadLintConfig reads the configuration of lint; what is wrong with it is wrong usage.
func ReadLintConfig(name string) (lint.Config, error) {
	config, err := subject.ReadConfig(name)
	var wrong *subject.ConfigError
	if errors.As(err, &wrong) {
		advice := "see: msgctl lint --help; msgctl lint --rules lists all rules"
		if wrong.Unread {
			advice = ""
		}
		return config, UsageError(advice, "lint: %w", err)
	}
	return config, err
}

// ErrNoFiles is what an error of LoadSubject is when nobody names a topology file and there is none
// here.
var ErrNoFiles = errors.New("no topology files")

// noFilesError is ErrNoFiles with the text and the hint of err.
type noFilesError struct{ err error }

func (e *noFilesError) Error() string { return e.err.Error() }

func (e *noFilesError) Unwrap() error { return e.err }

func (*noFilesError) Is(target error) bool { return target == ErrNoFiles }

// LoadSubject reads topology files for lint. The error is ErrNoFiles when nobody names one and there
// is none.
func LoadSubject(d *Process, s *subject.Subject, files *FileFlag, vhost VHostChoice) error {
	names, err := files.Names(d, "")
	if err != nil {
		if files.None(d) {
			return &noFilesError{err}
		}
		return err
	}
	inputs, err := source.Files(names, source.FileSystem{Stdin: d.Streams.In})
	if err != nil {
		return &ExitError{Code: ExitUsage, Err: err}
	}
	s.Load(inputs, specOptions(d, vhost))
	knowSecrets(s.State)
	return vhost.check(s.State)
}

// specOptions say how topology files are read.
func specOptions(d *Process, vhost VHostChoice) spec.Options {
	return spec.Options{
		Env: d.variable, Forbidden: profile.CredentialVariables(), Secret: knowSecret, Leaks: leaks,
		DefaultVHost: vhost.fallback, VHost: vhost.override,
		Exists: func(path string) bool { _, err := os.Stat(path); return err == nil },
	}
}
