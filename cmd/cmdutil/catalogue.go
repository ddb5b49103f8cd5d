package cmdutil

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// Declared is what topology files say about events: the catalogue, and the objects around it.
type Declared struct {
	Catalogue *event.Catalogue
	State     *topology.State
	// name of the topology, "" when it has none.
	Name string
}

// Catalogue reads the events of topology files. Problems of the files end the command; warnings are
// left to msgctl validate.
func (d *Process) Catalogue(names []string, vhost VHostChoice) (*Declared, error) {
	inputs, err := source.Files(names, source.FileSystem{Stdin: d.Streams.In})
	if err != nil {
		return nil, &ExitError{Code: ExitUsage, Err: err}
	}
	s, state, problems := spec.Read(inputs, specOptions(d, vhost))
	if problems.HasErrors() {
		if err := render.Diagnostics(d.Streams.Err, problems, d.Streams.ErrStyler(d.Colour), d.Streams.ErrWidth()); err != nil {
			return nil, err
		}
		return nil, errors.New("the catalogue of events cannot be read: mend the errors above first")
	}
	if err := vhost.check(state); err != nil {
		return nil, err
	}
	types, err := eventTypes(s, state.Home)
	if err != nil {
		return nil, err
	}
	return &Declared{Catalogue: event.NewCatalogue(types), State: state, Name: s.Name}, nil
}

// CatalogueIfAny reads the topology file, nil when there is none. One that nobody named and that
// cannot be read is not in the way.
func (d *Process) CatalogueIfAny(files *FileFlag, conn *profile.Connection) (*Declared, error) {
	names, err := files.Names(d, conn.File)
	if err != nil {
		return nil, nil //nolint:nilerr // there is no file; everything but validity can be had
	}
	known, err := d.Catalogue(names, ChooseVHost(conn))
	var usage *ExitError
	if err != nil && len(files.Patterns) == 0 && !(errors.As(err, &usage) && usage.Code == ExitUsage) {
		d.Warn(fmt.Sprintf("events are not checked: %v", err))
		return nil, nil
	}
	return known, err
}

// eventTypes makes the types of a catalogue: those of the main vhost first.
func eventTypes(s *spec.Spec, main string) ([]event.Type, error) {
	types, err := eventTypesOf(main, s.Events)
	for _, vhost := range slices.Sorted(maps.Keys(s.VHosts)) {
		more, err2 := eventTypesOf(vhost, s.VHosts[vhost].Events)
		types, err = append(types, more...), errors.Join(err, err2)
	}
	return types, err
}

func eventTypesOf(vhost string, events map[string]*spec.Event) ([]event.Type, error) {
	var types []event.Type
	for _, name := range slices.Sorted(maps.Keys(events)) {
		t, err := eventType(vhost, name, events[name])
		if err != nil {
			return nil, fmt.Errorf("%s: event %q: %w", events[name].Position(), name, err)
		}
		types = append(types, t)
	}
	return types, nil
}

// eventType translates the declaration, whose fields spec has checked.
func eventType(vhost, name string, e *spec.Event) (event.Type, error) {
	t := event.Type{Name: name, Description: e.Description, VHost: vhost, Exchange: e.Exchange,
		Format: event.Format(e.Format), At: e.Position().String()}
	if e.Version != nil {
		t.Version = *e.Version
	}
	if e.Aggregate != nil {
		t.AggregateType, t.AggregateID = e.Aggregate.Type, e.Aggregate.ID
	}
	var err error
	if e.Key != nil {
		if t.Key, err = event.ParseKey(*e.Key); err != nil {
			return t, err
		}
	}
	for _, x := range e.Examples {
		text, err := plainJSON(x.Value)
		if err != nil {
			return t, err
		}
		t.Examples = append(t.Examples, text)
	}
	switch {
	case e.Schema == nil:
	case e.Schema.File != "":
		t.Files, t.SchemaFile, err = schemaFile(e.Schema)
	default:
		t.Files = Folder(e.Schema.Folder())
		t.Schema, err = plainJSON(e.Schema.Inline)
	}
	return t, err
}

// schemaFile returns the folder of the topology file, and the name of the schema in it.
func schemaFile(s *spec.EventSchema) (fs.FS, string, error) {
	name := s.File
	if filepath.IsAbs(name) {
		dir, err := filepath.Abs(s.Folder())
		if err != nil {
			return nil, "", err
		}
		if name, err = filepath.Rel(dir, name); err != nil {
			return nil, "", err
		}
	}
	return Folder(s.Folder()), filepath.ToSlash(filepath.Clean(name)), nil
}

// plainJSON is json.Marshal without escaping what only HTML needs escaped.
func plainJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// Folder is a folder that nothing leads out of: neither .. nor a symbolic link.
type Folder string

// Open implements fs.FS.
func (f Folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return os.OpenInRoot(cmp.Or(string(f), "."), filepath.FromSlash(name))
}

// UnknownType is wrong usage that says which types there are.
func UnknownType(err error, command string) error {
	var unknown *event.UnknownTypeError
	if !errors.As(err, &unknown) {
		return err
	}
	hint := "msgctl events ls shows what there is"
	switch {
	case unknown.Nearest != "":
		hint = command + " " + unknown.Nearest
	case len(unknown.Known) == 0:
		hint = "declare it under events: in the topology file"
	case len(unknown.Known) <= 10:
		hint = "there is " + strings.Join(unknown.Known, ", ")
	}
	return UsageError(hint, "%w", err)
}

// CompleteEvents completes the types of the catalogue.
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
