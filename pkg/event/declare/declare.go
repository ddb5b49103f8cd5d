// Package declare makes event types from the events declared in topology files.
//
// It reads schemas, and the files they refer to, only in the folder of the topology file and below
// it. It fetches nothing.
package declare

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

	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// Types returns the event types that topology files declare. Those of the vhost main come first.
// The error joins those of all types that cannot be used, each with its position.
func Types(s *spec.Spec, main string) ([]event.Type, error) {
	types, err := typesOf(main, s.Events)
	for _, vhost := range slices.Sorted(maps.Keys(s.VHosts)) {
		more, err2 := typesOf(vhost, s.VHosts[vhost].Events)
		types, err = append(types, more...), errors.Join(err, err2)
	}
	return types, err
}

func typesOf(vhost string, events map[string]*spec.Event) ([]event.Type, error) {
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

// eventType converts a declaration whose fields package spec has checked.
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

// schemaFile returns the folder of the topology file and the name of the schema within it.
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

// plainJSON is json.Marshal without HTML escaping.
func plainJSON(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSpace(b.Bytes()), nil
}

// Folder is a file system of one folder. Neither .. nor a symbolic link leads out of it.
type Folder string

// Stat implements fs.StatFS. Unlike the Stat of a file, it opens nothing: opening a FIFO may wait
// forever.
func (f Folder) Stat(name string) (fs.FileInfo, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrInvalid}
	}
	root, err := os.OpenRoot(cmp.Or(string(f), "."))
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }() // nothing was written
	return root.Stat(filepath.FromSlash(name))
}

// Open implements fs.FS.
func (f Folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	return os.OpenInRoot(cmp.Or(string(f), "."), filepath.FromSlash(name))
}
