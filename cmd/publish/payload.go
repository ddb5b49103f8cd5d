package publish

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/tidwall/sjson"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/pkg/event"
)

// payloadOptions are the sources of one payload.
type payloadOptions struct {
	data   string
	sets   []string
	sample bool
}

func (o *payloadOptions) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&o.data, "data", "d", "", "payload: JSON or text, @FILE, or - for stdin (default: stdin)")
	flags.StringArrayVar(&o.sets, "set", nil,
		"set a field of the payload, PATH=VALUE: customer.country=DE, items.0.price=19.9; VALUE is JSON, or else a string; "+
			"may be repeated")
	flags.BoolVar(&o.sample, "sample", false,
		"publish a valid example: one of the catalogue's, or one generated from the schema")
}

func (o *payloadOptions) any() bool { return o.data != "" || len(o.sets) > 0 || o.sample }

// given is a text with the name that errors use for it; "" if it was not read from a file.
type given struct {
	name string
	text []byte
}

// payload returns the payload of one event.
func (r *publishing) payload() (given, error) {
	s, err := r.text()
	if err != nil {
		return s, err
	}
	for _, set := range r.publishOptions.payload.sets {
		if s.text, err = setPath(s.text, set); err != nil {
			return s, cmdutil.UsageError("write --set customer.country=DE", "%sflag --set: %v", cmdutil.Where(r.cmd), err)
		}
		s.name = "" // its lines are no longer those of the file
	}
	return s, nil
}

func (r *publishing) text() (given, error) {
	o := &r.publishOptions.payload
	switch {
	case o.sample && o.data != "":
		return given{}, cmdutil.UsageError("use one of the two", "%s--data and --sample exclude each other",
			cmdutil.Where(r.cmd))
	case o.sample && r.typ == "":
		return given{}, cmdutil.UsageError("name a TYPE", "%s--sample needs an event of the catalogue", cmdutil.Where(r.cmd))
	case o.sample:
		text, err := r.declared.Catalogue.Sample(r.typ)
		return given{text: text}, err
	case strings.HasPrefix(o.data, "@"):
		return r.readSource(o.data[1:])
	case o.data != "" && o.data != "-":
		return given{text: []byte(o.data)}, nil
	case o.data == "" && len(o.sets) > 0:
		return given{text: []byte("{}")}, nil
	case o.data == "" && r.cmd.Flags().Changed("data"): // a message with an empty body
		return given{}, nil
	case o.data == "" && r.proc.Streams.InTTY:
		return given{}, r.needs()
	}
	return readFrom("<stdin>", r.proc.Stdin())
}

func (r *publishing) readSource(name string) (given, error) {
	f, err := r.proc.Open(name)
	if err != nil {
		return given{}, cmdutil.CannotRead("the payload", err)
	}
	defer func() { _ = f.Close() }() // opened only for reading
	return readFrom(name, f)
}

func readFrom(name string, r io.Reader) (given, error) {
	text, err := io.ReadAll(io.LimitReader(r, event.MaxBytes+1))
	if err == nil && len(text) > event.MaxBytes {
		err = fmt.Errorf("it is longer than %d bytes", event.MaxBytes)
	}
	if err != nil {
		return given{}, fmt.Errorf("read the payload from %s: %w", name, err)
	}
	return given{name, text}, nil
}

// needs explains on a terminal what the event needs, instead of waiting for input.
func (r *publishing) needs() error {
	if r.typ == "" {
		return cmdutil.UsageError("--data 'TEXT', --data @FILE, or < FILE", "%sthere is no payload",
			cmdutil.Where(r.cmd))
	}
	fields, err := r.declared.Catalogue.Fields(r.typ)
	if err != nil {
		return err
	}
	s := r.proc.Streams
	fmt.Fprintf(s.Err, "%s needs a payload", r.typ)
	if len(fields) > 0 {
		fmt.Fprintln(s.Err, " with:")
		if err := events.Fields(s.Err, fields, s.ErrStyler(r.proc.Colour), s.ErrWidth()); err != nil {
			return err
		}
	} else {
		fmt.Fprintln(s.Err, ".")
	}
	hints := [][2]string{{"msgctl publish " + r.typ + " < payload.json", ""},
		{"msgctl publish " + r.typ + " --sample", "a valid example"},
		{"msgctl events sample " + r.typ + " > payload.json", "the same as a file, to edit"}}
	var lines []string
	for _, h := range hints {
		lines = append(lines, strings.TrimRight(fmt.Sprintf("%-*s  %s", len(hints[2][0]), h[0], h[1]), " "))
	}
	return cmdutil.UsageError(strings.Join(lines, "\n"), "%sthere is no payload", cmdutil.Where(r.cmd))
}

// setPath sets one field of a JSON text.
func setPath(text []byte, set string) ([]byte, error) {
	path, value, ok := strings.Cut(set, "=")
	if !ok || path == "" {
		return nil, fmt.Errorf("%q is not PATH=VALUE", set)
	}
	if !json.Valid(text) {
		return nil, errors.New("the payload is not JSON, so no field can be set")
	}
	if strings.ContainsAny(path, "*?#@|!{}[]()") {
		return nil, fmt.Errorf("path %q contains an unsupported character; write it like items.0.price", path)
	}
	raw := []byte(value)
	if !json.Valid(raw) {
		quoted, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		raw = quoted
	}
	out, err := sjson.SetRawBytes(text, path, raw)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if !json.Valid(out) {
		return nil, fmt.Errorf("%s cannot be set there", path)
	}
	return out, nil
}
