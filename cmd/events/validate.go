package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message/archive"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

const eventsValidateLong = `Validate events against the catalogue. FILE is NDJSON with one event, or one
message of an archive (msgctl tail --save, msgctl dlq export), per line, or a
file with a single event; .gz and .zst are decompressed. With --type, FILE
contains payloads of that event.

Exit code 0: all events are valid. 1: some are not; each is reported with its
line and a JSON Pointer to the fault.`

type eventsValidateOptions struct {
	common eventsOptions
	file   string
	typ    string
}

// validateEventsDocument is what `events validate -o json` prints.
type validateEventsDocument struct {
	FormatVersion string                `json:"format_version"`
	Valid         int64                 `json:"valid"`
	Invalid       int64                 `json:"invalid"`
	Problems      []cmdmsg.EventProblem `json:"problems"`

	tailed bool // a line that is not an event looks like output of `tail -o ndjson`
}

// maxProblems limits how many problems are listed.
const maxProblems = 1000

func newEventsValidateCmd(d *cmdutil.Process) *cobra.Command {
	opts := &eventsValidateOptions{common: eventsOptions{proc: d}}
	cmd := &cobra.Command{
		Use:   "validate FILE",
		Short: "Validate events against the catalogue",
		Long:  eventsValidateLong,
		Example: "  msgctl events validate events.ndjson\n  msgctl events validate --type order.created payload.json\n  " +
			"cat events.ndjson | msgctl events validate - -o json",
		Args: cmdutil.Args("FILE"),
		RunE: func(_ *cobra.Command, names []string) error {
			opts.file = names[0]
			return runEventsValidate(opts)
		},
	}
	opts.common.files.Register(cmd)
	cmd.Flags().StringVar(&opts.typ, "type", "", "FILE contains payloads of this event `TYPE`")
	_ = cmd.RegisterFlagCompletionFunc("type", cmdutil.CompleteEvents(d, &opts.common.files))
	opts.common.output.Register(cmd, "text", "json", "yaml")
	return cmd
}

func runEventsValidate(opts *eventsValidateOptions) error {
	d, err := opts.common.read()
	if err != nil {
		return err
	}
	if opts.typ != "" {
		if _, err := d.Catalogue.Type(opts.typ); err != nil {
			return cmdutil.UnknownType(err, "msgctl events validate --type")
		}
	}
	in := opts.common.proc.Stdin()
	if opts.file != "-" {
		f, err := opts.common.proc.Open(opts.file)
		if err != nil {
			return cmdutil.CannotRead("the events", err)
		}
		defer func() { _ = f.Close() }() // it is only read
		in = f
	}
	in, release, err := archive.Plain(in)
	if err != nil {
		return fmt.Errorf("read %s: %w", opts.file, err)
	}
	defer release()
	doc := validateEventsDocument{FormatVersion: events.PublishFormatVersion, Problems: []cmdmsg.EventProblem{}}
	if err := opts.each(in, func(text []byte, line int64, whole bool) error {
		return opts.check(&doc, d.Catalogue, text, line, whole)
	}); err != nil {
		return err
	}
	return opts.show(doc)
}

// each calls f with every line, or with the whole text if the first line is only the beginning of a
// value.
func (o *eventsValidateOptions) each(in io.Reader, f func(text []byte, line int64, whole bool) error) error {
	lines := bulk.NewLines(in, 0, 0)
	for first := true; ; first = false {
		text, err := lines.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if first && opens(text) {
			text = append([]byte(nil), text...)
			rest, err := lines.Rest(event.MaxBytes)
			if err != nil {
				return err
			}
			// Count the empty lines before it.
			return f(append(append(bytes.Repeat([]byte("\n"), int(min(lines.Line(), 1000))-1), append(text, '\n')...), rest...),
				1, true)
		}
		if err := f(text, lines.Line(), false); err != nil {
			return err
		}
	}
}

// opens reports whether a line begins a JSON value that ends on a later line.
func opens(line []byte) bool {
	d := json.NewDecoder(bytes.NewReader(line))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return !json.Valid(line)
		}
		if err != nil {
			return errors.Is(err, io.ErrUnexpectedEOF)
		}
	}
}

// check validates one event and records its violations.
func (o *eventsValidateOptions) check(doc *validateEventsDocument, c *event.Catalogue, text []byte, line int64,
	whole bool) error {
	violations, err := o.violations(c, text)
	if err != nil {
		return err
	}
	if len(violations) == 0 {
		doc.Valid++
		return nil
	}
	doc.Invalid++
	doc.tailed = doc.tailed || tailed(text)
	for _, p := range cmdmsg.Located(text, violations) {
		if !whole {
			p.Line, p.Column = line, 0
		}
		if len(doc.Problems) < maxProblems {
			doc.Problems = append(doc.Problems, p)
		}
	}
	return nil
}

func (o *eventsValidateOptions) violations(c *event.Catalogue, text []byte) ([]event.Violation, error) {
	if o.typ != "" {
		return c.Validate(o.typ, text)
	}
	e, err := readEvent(text)
	if err != nil {
		return []event.Violation{formViolation(err)}, nil
	}
	violations, err := c.Check(e)
	var unknown *event.UnknownTypeError
	if errors.As(err, &unknown) {
		return []event.Violation{{Pointer: "/eventType", Keyword: "type", Message: err.Error()}}, nil
	}
	return violations, err
}

// tailed reports whether a text is a message as `tail -o ndjson` prints it, with its event inside.
func tailed(text []byte) bool {
	var m struct {
		Exchange   *string         `json:"exchange"`
		RoutingKey *string         `json:"routingKey"`
		Body       json.RawMessage `json:"body"`
	}
	return json.Unmarshal(text, &m) == nil && m.Exchange != nil && m.RoutingKey != nil && m.Body != nil
}

// formViolation is the violation of a text that is not an event.
func formViolation(err error) event.Violation {
	var form *event.FormatError
	if errors.As(err, &form) {
		return event.Violation{Pointer: form.Pointer, Keyword: "json", Message: form.Problem}
	}
	return event.Violation{Keyword: "json", Message: err.Error()}
}

// readEvent parses an event, or the event of a message in an archive.
func readEvent(text []byte) (*event.Envelope, error) {
	if !event.IsEnvelope(text) || bytes.Contains(text[:min(len(text), 64)], []byte(`"v":`)) {
		if m, err := archive.ParseLine(text); err == nil {
			e, _, err := event.FromMessage(m)
			return e, err
		}
	}
	return event.Parse(text)
}

func (o *eventsValidateOptions) show(doc validateEventsDocument) error {
	streams := o.common.proc.Streams
	done, err := o.common.output.Encode(streams.Out, doc)
	if !done {
		err = o.text(doc)
	}
	switch {
	case err != nil:
		return err
	case doc.Valid+doc.Invalid == 0:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("no events in %s", o.name())}
	case doc.Invalid == 0:
		return nil
	case doc.tailed:
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err:    fmt.Errorf("%s contains messages as msgctl tail prints them, with the event in \"body\"", o.name()),
			Advice: "jq -c .body " + shell.Quote(o.file) + " | msgctl events validate -"}
	}
	if o.typ == "" && doc.Valid == 0 && doc.Problems[0].Pointer == "/eventType" && doc.Problems[0].Keyword == "json" {
		return &cmdutil.ExitError{Code: cmdutil.ExitFailed, Err: fmt.Errorf("%s contains no events", o.file),
			Advice: "if it contains payloads, name their event: msgctl events validate --type TYPE " + shell.Quote(o.file)}
	}
	return cmdutil.ExitWith(cmdutil.ExitFailed)
}

// name is the input's name in messages.
func (o *eventsValidateOptions) name() string {
	if o.file == "-" {
		return "<stdin>"
	}
	return o.file
}

func (o *eventsValidateOptions) text(doc validateEventsDocument) error {
	streams := o.common.proc.Streams
	style := streams.OutStyler(o.common.proc.Colour)
	for _, p := range doc.Problems {
		at := fmt.Sprintf("%s:%d:", o.name(), p.Line)
		if p.Column > 0 {
			at += fmt.Sprintf("%d:", p.Column)
		}
		if _, err := fmt.Fprintf(streams.Out, "%s %s\n", terminal.Neutralise(at),
			terminal.Neutralise(p.String())); err != nil {
			return err
		}
	}
	if doc.Valid+doc.Invalid == 0 {
		return nil
	}
	text := terminal.FormatPlural(doc.Valid, "event is valid", "events are valid")
	if doc.Invalid == 0 {
		_, err := fmt.Fprintln(streams.Out, style.Green(text))
		return err
	}
	_, err := fmt.Fprintf(streams.Out, "%s, %s\n", text, style.Red(terminal.FormatCount(doc.Invalid)+" not"))
	return err
}
