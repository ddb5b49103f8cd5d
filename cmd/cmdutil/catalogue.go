package cmdutil

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/event/declare"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// Declared is what topology files declare about events: the catalogue, and the objects around it.
type Declared struct {
	Catalogue *event.Catalogue
	State     *topology.State
	// name of the topology, "" if it has none.
	Name string
}

// Catalogue reads the events of topology files. Errors in the files end the command; warnings are
// left to msgctl validate.
func (d *Process) Catalogue(names []string, vhost VHostChoice) (*Declared, error) {
	inputs, err := d.topologyFiles(names)
	if err != nil {
		return nil, err
	}
	s, state, problems := spec.Read(inputs, specOptions(d, vhost))
	knowSecrets(state)
	if problems.HasErrors() {
		if err := render.Diagnostics(d.Streams.Err, problems, d.Streams.ErrStyler(d.Colour),
			d.Streams.ErrWidth()); err != nil {
			return nil, err
		}
		return nil, errors.New("the catalogue of events cannot be read: fix the errors above first")
	}
	if err := vhost.check(state); err != nil {
		return nil, err
	}
	types, err := declare.Types(s, state.Home)
	if err != nil {
		return nil, err
	}
	return &Declared{Catalogue: event.NewCatalogue(types), State: state, Name: s.Name}, nil
}

// CatalogueIfAny reads the topology file; it returns nil if there is none. The default file is
// optional: if it cannot be read, a warning says so.
func (d *Process) CatalogueIfAny(files *FileFlag, conn *profile.Connection) (*Declared, error) {
	names, err := files.Names(d, conn.File)
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, nil //nolint:nilerr // there is no file; everything but validity can be had
	}
	known, err := d.Catalogue(names, ChooseVHost(conn))
	if err != nil && len(files.Patterns) == 0 && !errors.Is(err, errOtherVHost) && !errors.Is(err, context.Canceled) {
		d.Warn(fmt.Sprintf("events are not checked: %v", err))
		return nil, nil
	}
	return known, err
}

// UnknownType returns a usage error that lists the declared types.
func UnknownType(err error, command string) error {
	var unknown *event.UnknownTypeError
	if !errors.As(err, &unknown) {
		return err
	}
	hint := "msgctl events ls lists the events"
	switch {
	case unknown.Nearest != "":
		hint = command + " " + unknown.Nearest
	case len(unknown.Known) == 0:
		hint = "declare it under events: in the topology file"
	case len(unknown.Known) <= 10:
		hint = "declared events: " + strings.Join(unknown.Known, ", ")
	}
	return UsageError(hint, "%w", err)
}

// CompleteEvents completes event types from the catalogue.
func CompleteEvents(d *Process, files *FileFlag) cobra.CompletionFunc {
	return func(_ *cobra.Command, given []string, start string) ([]cobra.Completion, cobra.ShellCompDirective) {
		names, err := files.Names(d, "")
		if err != nil || len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		c, err := d.Catalogue(names, VHostChoice{})
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var list []cobra.Completion
		for _, name := range c.Catalogue.Names() {
			if t, err := c.Catalogue.Type(name); err == nil && strings.HasPrefix(name, start) {
				list = append(list, cobra.CompletionWithDesc(name, t.Description))
			}
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}
