package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// fileOptions is the flag -f of the topology commands.
type fileOptions struct{ patterns []string }

// defaultFile is what is read when nobody names a file.
const defaultFile = "topology.yaml"

func (o *fileOptions) register(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&o.patterns, "file", "f", nil,
		"topology or definitions file, directory, glob, or - for stdin; may be repeated, later ones win (default "+
			"MSGCTL_FILE, the context's, or "+defaultFile+")")
	_ = cmd.MarkFlagFilename("file", "yaml", "yml", "json")
}

// names returns what to read: the flag's, the environment's, the context's, or the default.
func (o *fileOptions) names(d *deps, ofContext string) ([]string, error) {
	if len(o.patterns) > 0 {
		return o.patterns, nil
	}
	fromEnv, _ := d.env("MSGCTL_FILE")
	if name := cmp.Or(fromEnv, ofContext); name != "" {
		return []string{name}, nil
	}
	if _, err := os.Stat(defaultFile); errors.Is(err, fs.ErrNotExist) {
		return nil, usageError("name it with -f FILE, or set MSGCTL_FILE; - reads stdin; msgctl export writes one from a "+
			"live broker",
			"no topology file: there is no %s here", defaultFile)
	}
	return []string{defaultFile}, nil
}

// readState reads topology files. Problems in them are not an error; the state is nil when a text
// could not be read at all.
func (d *deps) readState(names []string, vhost vhostChoice) (*topology.State, diag.Diagnostics, error) {
	_, state, problems, err := d.readSpec(names, vhost)
	return state, problems, err
}

// readSpec is readState with what the files say beside objects: events and tests.
func (d *deps) readSpec(names []string, vhost vhostChoice) (*spec.Spec, *topology.State, diag.Diagnostics, error) {
	inputs, err := spec.Files(names, spec.FileSystem{Stdin: d.streams.In})
	if err != nil {
		return nil, nil, nil, &exitError{code: exitUsage, err: err}
	}
	declared, state, problems := spec.Read(inputs, spec.Options{
		Env: source.Lookup(d.env), DefaultVHost: vhost.fallback, VHost: vhost.override,
		Exists: func(path string) bool { _, err := os.Stat(path); return err == nil },
	})
	return declared, state, problems, nil
}

// readSound is readSpec for commands that work only with files without errors: problems are shown.
func (d *deps) readSound(names []string, vhost vhostChoice) (*spec.Spec, *topology.State, error) {
	declared, state, problems, err := d.readSpec(names, vhost)
	if err != nil {
		return nil, nil, err
	}
	if problems.HasErrors() {
		if err := render.Diagnostics(d.streams.Err, problems, d.streams.ErrStyler(d.colour), d.streams.ErrWidth()); err != nil {
			return nil, nil, err
		}
		return nil, nil, errors.New("mend the errors above first")
	}
	return declared, state, nil
}

// none reports that nobody names a file and there is none here.
func (o *fileOptions) none(d *deps) bool {
	if name, _ := d.env("MSGCTL_FILE"); len(o.patterns) > 0 || name != "" {
		return false
	}
	_, err := os.Stat(defaultFile)
	return errors.Is(err, fs.ErrNotExist)
}

// vhostChoice says which vhost files that name none, or that are to be retargeted, are about.
type vhostChoice struct{ fallback, override string }

// chooseVHost lets only --vhost overrule a file: a file that names its vhost means it.
func chooseVHost(conn *profile.Connection) vhostChoice {
	choice := vhostChoice{fallback: conn.VHost}
	if conn.Sources["vhost"] == "flag --vhost" {
		choice.override = conn.VHost
	}
	return choice
}

// missing is the error for vhosts that were asked for by name and do not exist.
func missing(live *topology.Live) error {
	if len(live.MissingVHosts) == 0 {
		return nil
	}
	return fmt.Errorf("vhost %q does not exist, or this login may not see it", live.MissingVHosts[0])
}
