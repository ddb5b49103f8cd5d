package cmdutil

import (
	"strings"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

// readVariables reads the variables of --var-file and --var. They apply to all files that the
// process reads.
func (o *FileFlag) readVariables(d *Process) error {
	if len(o.vars)+len(o.varFiles) == 0 {
		return nil
	}
	vars := map[string]string{}
	for _, name := range o.varFiles {
		if err := d.readVariableFile(vars, name); err != nil {
			return err
		}
	}
	for _, text := range o.vars {
		name, value, ok := strings.Cut(text, "=")
		if !ok || !source.IsVariable(name) {
			return UsageError("--var NAME=VALUE", "--var: want NAME=VALUE, with a name of letters, digits and _")
		}
		vars[name] = value
	}
	d.vars = vars
	return nil
}

// maxVariables bounds a file of variables, in bytes.
const maxVariables = 1 << 20

// readVariableFile reads lines of NAME=VALUE. Empty lines and lines that begin with # are skipped;
// quotes around a value are removed. Errors never quote a line, which may hold a secret.
func (d *Process) readVariableFile(vars map[string]string, file string) error {
	text, err := d.ReadFile(file, maxVariables)
	if err != nil {
		return CannotRead("the variables of --var-file", err)
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if !ok || !source.IsVariable(name) {
			return UsageError("write NAME=VALUE on each line; # begins a comment",
				"--var-file: %s:%d: want NAME=VALUE, with a name of letters, digits and _", file, number)
		}
		vars[name] = unquoted(value)
	}
	return nil
}

func unquoted(value string) string {
	if n := len(value); n > 1 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}

// variable looks up a variable of topology files: first in the flags, then in the environment.
func (d *Process) variable(name string) (string, bool) {
	if value, ok := d.vars[name]; ok {
		return value, true
	}
	if d.Env == nil {
		return "", false
	}
	return d.Env(name)
}

// knowSecrets masks the secrets of a state in all output from now on.
func knowSecrets(state *topology.State) {
	if state != nil {
		redact.Know(state.Secrets()...)
	}
}

// knowSecret masks the value of a variable that is a secret, or a URI that contains one.
func knowSecret(value string) {
	if strings.Contains(value, "://") {
		redact.Know(redact.Secrets(value)...)
		return
	}
	redact.Know(value)
}

// leaks reports whether a text contains a secret that msgctl knows, or a URI with credentials.
func leaks(value string) bool { return redact.Text(value) != value }
