package cmdutil

import (
	"cmp"
	"errors"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// FileFlag is the flag -f of the topology commands.
type FileFlag struct {
	Patterns []string
	vars     []string
	varFiles []string
}

// defaultFile is read when no file is named.
const defaultFile = "topology.yaml"

// Register adds -f to a command.
func (o *FileFlag) Register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.Patterns, "file", "f", nil,
		"`FILE` with a topology or definitions, a directory, a glob, or - for stdin; may be repeated, later files override "+
			"earlier ones (default: MSGCTL_FILE, the context's, or "+defaultFile+")")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml", "json")
	cmd.Flags().StringArrayVar(&o.vars, "var", nil,
		"set a variable of the files, `NAME=VALUE`; may be repeated, wins over --var-file and the environment")
	cmd.Flags().StringArrayVar(&o.varFiles, "var-file", nil,
		"`FILE` with variables, NAME=VALUE on each line; may be repeated, later files win")
	_ = cmd.MarkFlagFilename("var-file")
}

// Names returns the files to read: those of the flag, the environment, the context, or the default.
func (o *FileFlag) Names(d *Process, ofContext string) ([]string, error) {
	if err := o.readVariables(d); err != nil {
		return nil, err
	}
	if len(o.Patterns) > 0 {
		return o.Patterns, nil
	}
	fromEnv, _ := d.Env("MSGCTL_FILE")
	if name := cmp.Or(fromEnv, ofContext); name != "" {
		return []string{name}, nil
	}
	if _, err := os.Stat(defaultFile); errors.Is(err, fs.ErrNotExist) {
		return nil, UsageError("name one with -f FILE (- is stdin) or MSGCTL_FILE; msgctl export writes one from a live "+
			"broker",
			"no topology file: %s does not exist in this directory", defaultFile)
	}
	return []string{defaultFile}, nil
}

// ReadState reads topology files. Problems in them are not returned as an error; the state is nil
// if a file could not be parsed at all. Secrets may be unset unless the files are to be applied.
func (d *Process) ReadState(names []string, vhost VHostChoice, toApply bool) (*topology.State, diag.Diagnostics,
	error) {
	_, state, problems, err := d.readSpec(names, vhost, toApply)
	return state, problems, err
}

// readSpec is ReadState that also returns the events and tests of the files.
func (d *Process) readSpec(names []string, vhost VHostChoice, toApply bool) (*spec.Spec, *topology.State,
	diag.Diagnostics, error) {
	inputs, err := d.topologyFiles(names)
	if err != nil {
		return nil, nil, nil, err
	}
	options := specOptions(d, vhost)
	options.NeedSecrets = toApply
	declared, state, problems := spec.Read(inputs, options)
	knowSecrets(state)
	return declared, state, problems, vhost.check(state)
}

// ReadSound is readSpec for commands that need files without errors. It shows the problems.
func (d *Process) ReadSound(names []string, vhost VHostChoice) (*spec.Spec, *topology.State, error) {
	declared, state, problems, err := d.readSpec(names, vhost, false)
	if err != nil {
		return nil, nil, err
	}
	if problems.HasErrors() {
		if err := render.Diagnostics(d.Streams.Err, problems, d.Streams.ErrStyler(d.Colour),
			d.Streams.ErrWidth()); err != nil {
			return nil, nil, err
		}
		return nil, nil, errors.New("fix the errors above first")
	}
	return declared, state, nil
}

// None reports whether no file is named and the default file does not exist.
func (o *FileFlag) None(d *Process) bool {
	if name, _ := d.Env("MSGCTL_FILE"); len(o.Patterns) > 0 || name != "" {
		return false
	}
	_, err := os.Stat(defaultFile)
	return errors.Is(err, fs.ErrNotExist)
}
