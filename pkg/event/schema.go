package event

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// schemaRoot is the address under which the loader finds the files beside a topology file.
const schemaRoot = "topology:///"

// maxSchemaBytes bounds one schema file.
const maxSchemaBytes = 4 << 20

func (e *entry) compile() error {
	e.once.Do(func() {
		e.schema, e.problem = e.Type.compile()
	})
	return e.problem
}

// compile compiles the type's schema; nil when it has none. Formats are checked, not only noted.
func (t *Type) compile() (*jsonschema.Schema, error) {
	if t.Schema == nil && t.SchemaFile == "" {
		return nil, nil
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(schemaLoader{t.Files})
	where := schemaRoot + (&url.URL{Path: t.SchemaFile}).EscapedPath()
	if t.Schema != nil {
		where = schemaRoot + "inline.schema.json"
		doc, err := decodeJSON(t.Schema)
		if err != nil {
			return nil, fmt.Errorf("schema of event %s: %w", t.Name, err)
		}
		if err := c.AddResource(where, doc); err != nil {
			return nil, fmt.Errorf("schema of event %s: %w", t.Name, err)
		}
	}
	s, err := c.Compile(where)
	if err != nil {
		return nil, fmt.Errorf("schema of event %s: %w", t.Name, plainSchemaError(err))
	}
	return s, nil
}

// plainSchemaError leaves out the addresses that only this package knows.
func plainSchemaError(err error) error {
	var load *jsonschema.LoadURLError
	if errors.As(err, &load) {
		return load.Err
	}
	var invalid *jsonschema.SchemaValidationError
	if errors.As(err, &invalid) {
		if v := violationsOf(invalid.Err); len(v) > 0 {
			return fmt.Errorf("%s is no JSON Schema: %s", strings.TrimSuffix(strings.TrimPrefix(invalid.URL, schemaRoot), "#"),
				v[0])
		}
	}
	return errors.New(strings.ReplaceAll(err.Error(), schemaRoot, ""))
}

// schemaLoader reads the files of a folder, and nothing else: no network, and nothing outside of
// the folder.
type schemaLoader struct{ files fs.FS }

// Load implements jsonschema.URLLoader.
func (l schemaLoader) Load(address string) (any, error) {
	rest, ok := strings.CutPrefix(address, schemaRoot)
	if !ok {
		return nil, fmt.Errorf("%s is not read: schemas are files in the folder of the topology file or below it, and are "+
			"never fetched", clip(address))
	}
	name, err := url.PathUnescape(rest)
	if err != nil {
		return nil, fmt.Errorf("%s is not the name of a file", clip(rest))
	}
	name = path.Clean(name)
	if l.files == nil || !fs.ValidPath(name) {
		return nil, fmt.Errorf("%s is not read: schemas are files in the folder of the topology file or below it", clip(name))
	}
	text, err := readBounded(l.files, name)
	if err != nil {
		return nil, err
	}
	doc, err := decodeJSON(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return doc, nil
}

func readBounded(files fs.FS, name string) ([]byte, error) {
	info, err := fs.Stat(files, name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read schema %s: %w", name, plainCause(err))
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("read schema %s: it is no regular file", name)
	case info.Size() > maxSchemaBytes:
		return nil, fmt.Errorf("read schema %s: %d bytes are more than a schema may have (%d)", name, info.Size(),
			maxSchemaBytes)
	}
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read schema %s: %w", name, plainCause(err))
	}
	return text, nil
}

func plainCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// decodeJSON decodes one JSON value as the validator wants it: numbers stay exact.
func decodeJSON(text []byte) (any, error) {
	if err := checkJSON(text); err != nil {
		return nil, err
	}
	return jsonschema.UnmarshalJSON(bytes.NewReader(text))
}
