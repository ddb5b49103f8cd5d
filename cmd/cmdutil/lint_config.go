package cmdutil

import (
	"context"
	"errors"
	"os"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// ReadLintConfig reads the configuration of lint; errors in it are usage errors.
func (d *Process) ReadLintConfig(name string) (lint.Config, error) {
	config, err := subject.ReadConfig(name, d.Open)
	var wrong *subject.ConfigError
	if errors.Is(err, context.Canceled) {
		return config, err
	}
	if errors.As(err, &wrong) {
		advice := "see: msgctl lint --help; msgctl lint --rules lists all rules"
		if wrong.Unread {
			advice = ""
		}
		return config, UsageError(advice, "%w", err)
	}
	return config, err
}

// ErrNoFiles is wrapped by the error of LoadSubject if no topology file is named and the default
// does not exist.
var ErrNoFiles = errors.New("no topology files")

// noFilesError adds ErrNoFiles to err and keeps its text and hint.
type noFilesError struct{ err error }

func (e *noFilesError) Error() string { return e.err.Error() }

func (e *noFilesError) Unwrap() error { return e.err }

func (*noFilesError) Is(target error) bool { return target == ErrNoFiles }

// LoadSubject reads topology files for lint. The error wraps ErrNoFiles if no file is named and the
// default does not exist.
func LoadSubject(d *Process, s *subject.Subject, files *FileFlag, vhost VHostChoice) error {
	names, err := files.Names(d, "")
	if err != nil {
		if files.None(d) {
			return &noFilesError{err}
		}
		return err
	}
	inputs, err := d.topologyFiles(names)
	if err != nil {
		return err
	}
	s.Load(inputs, specOptions(d, vhost))
	knowSecrets(s.State)
	return vhost.check(s.State)
}

// specOptions returns the options for reading topology files.
func specOptions(d *Process, vhost VHostChoice) spec.Options {
	return spec.Options{
		Env: d.variable, Forbidden: profile.CredentialVariables(), Secret: knowSecret, Leaks: leaks,
		DefaultVHost: vhost.fallback, VHost: vhost.override,
		Exists: func(path string) bool { _, err := os.Stat(path); return err == nil },
	}
}
