package publish

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// maker makes a message of a text that somebody wrote.
type maker interface {
	// make returns what is to be published. id and now are for what the text itself does not tell.
	// An *invalidError says what is wrong with the text.
	make(text []byte, id string, now time.Time) (messageOf, error)
}

// messageOf is one message with what is said about it.
type messageOf struct {
	target  publish.Target
	message *message.Message
	// event is nil for bytes without a type.
	event *event.Envelope
	// span is nil without tracing.
	span *tracing.Send
}

// invalidError is a text that cannot be published.
type invalidError struct {
	typ        string
	violations []event.Violation
	// text is what the violations' pointers point into.
	text []byte
}

// Error names the first violations.
func (e *invalidError) Error() string {
	var list []string
	for i, v := range e.violations {
		if i == 3 && len(e.violations) > 4 {
			list = append(list, fmt.Sprintf("and %d more", len(e.violations)-3))
			break
		}
		list = append(list, v.String())
	}
	return strings.Join(list, "; ")
}

// eventMaker makes events of the catalogue.
type eventMaker struct {
	catalogue *event.Catalogue
	typ       *event.Type // nil when each event names its own
	vhost     string
	metadata  event.Metadata
	aggregate string
	format    event.Format
	appID     string
	decorate  func(*message.Message)
	begin     beginSpan
}

func (m *eventMaker) make(text []byte, id string, now time.Time) (messageOf, error) {
	draft, whole, err := m.draft(text)
	if err != nil {
		return messageOf{}, err
	}
	t := m.typ
	if t == nil {
		if t, err = m.catalogue.Type(draft.EventType); err != nil {
			return messageOf{}, &invalidError{draft.EventType, []event.Violation{{Pointer: "/eventType", Keyword: "type",
				Message: err.Error()}}, text}
		}
	}
	if t.VHost != m.vhost {
		return messageOf{}, &invalidError{t.Name, []event.Violation{{Pointer: "/eventType", Keyword: "type",
			Message: fmt.Sprintf("%s belongs to vhost %q, but this run publishes in vhost %q", t.Name, t.VHost,
				m.vhost)}}, text}
	}
	if err := m.check(t, draft, whole, text); err != nil {
		return messageOf{}, err
	}
	draft.AggregateID = cmp.Or(m.aggregate, draft.AggregateID)
	if err := t.Complete(draft); err != nil {
		return messageOf{}, asInvalid(t.Name, err, text, whole)
	}
	draft.EventID = cmp.Or(draft.EventID, id)
	if draft.Timestamp.IsZero() {
		draft.Timestamp = now
	}
	m.story(&draft.Metadata)
	return m.message(t, draft)
}

// draft reads a whole event, or makes one of a payload.
func (m *eventMaker) draft(text []byte) (e *event.Envelope, whole bool, err error) {
	if m.typ != nil && !event.IsEnvelope(text) {
		return &event.Envelope{EventType: m.typ.Name, Payload: bytes.TrimSpace(text)}, false, nil
	}
	e, err = event.ParseDraft(text)
	if err != nil {
		return nil, true, asInvalid("", m.hint(err), text, false)
	}
	if m.typ != nil && e.EventType != m.typ.Name {
		return nil, true, &invalidError{m.typ.Name, []event.Violation{{Pointer: "/eventType", Keyword: "type",
			Message: fmt.Sprintf("the event is %s, not %s", e.EventType, m.typ.Name)}}, text}
	}
	return e, true, nil
}

// hint tells a payload from an event that lacks its type.
func (m *eventMaker) hint(err error) error {
	var form *event.FormatError
	if m.typ == nil && errors.As(err, &form) && form.Pointer == "/eventType" {
		return &event.FormatError{Pointer: form.Pointer, Problem: form.Problem +
			"; for payloads, name their event: msgctl publish TYPE --ndjson FILE"}
	}
	return err
}

func (m *eventMaker) check(t *event.Type, e *event.Envelope, whole bool, text []byte) error {
	check := func() ([]event.Violation, error) { return m.catalogue.Validate(t.Name, e.Payload) }
	if whole {
		check = func() ([]event.Violation, error) { return m.catalogue.Check(e) }
	}
	violations, err := check()
	if err != nil {
		return err
	}
	if len(violations) > 0 {
		return &invalidError{t.Name, violations, text}
	}
	return nil
}

// story fills the metadata of the flags in.
func (m *eventMaker) story(to *event.Metadata) {
	to.CorrelationID = cmp.Or(m.metadata.CorrelationID, to.CorrelationID)
	to.CausationID = cmp.Or(m.metadata.CausationID, to.CausationID)
	to.UserID = cmp.Or(m.metadata.UserID, to.UserID)
	to.TraceID = cmp.Or(m.metadata.TraceID, to.TraceID)
	to.SpanID = cmp.Or(m.metadata.SpanID, to.SpanID)
}

func (m *eventMaker) message(t *event.Type, e *event.Envelope) (messageOf, error) {
	key, err := t.Key.Fill(e)
	if err != nil {
		return messageOf{}, err
	}
	to := publish.Target{Exchange: t.Exchange, Key: key}
	span := m.begin(to, t.Key, &e.Metadata)
	msg, err := e.Message(event.MessageOptions{Format: cmp.Or(m.format, t.Format), AppID: m.appID})
	if err != nil {
		return messageOf{}, err
	}
	out := messageOf{to, msg, e, span}
	m.decorate(out.message)
	span.Attach(out.message)
	return out, nil
}

// asInvalid makes the one violation of an error about the form of an event.
func asInvalid(typ string, err error, text []byte, whole bool) error {
	var form *event.FormatError
	if !errors.As(err, &form) {
		return err
	}
	pointer := form.Pointer
	if whole {
		pointer = "/payload" + pointer
	}
	return &invalidError{typ, []event.Violation{{Pointer: pointer, Keyword: "json", Message: form.Problem}}, text}
}

// rawMaker publishes bytes as they are.
type rawMaker struct {
	options  *propertyOptions
	decorate func(*message.Message)
	begin    beginSpan
}

func (m *rawMaker) make(text []byte, id string, now time.Time) (messageOf, error) {
	o := m.options
	contentType := o.contentType
	if contentType == "" && json.Valid(text) {
		contentType = "application/json"
	}
	out := messageOf{target: publish.Target{Exchange: o.exchange, Key: o.key},
		message: &message.Message{Body: text, Properties: message.Properties{
			ContentType: contentType, DeliveryMode: message.Persistent, MessageID: cmp.Or(o.id,
				id), Timestamp: now.Truncate(time.Second), AppID: o.appID,
		}}}
	m.decorate(out.message)
	out.span = m.begin(out.target, nil, nil)
	out.span.Attach(out.message)
	return out, nil
}

// decorator returns what adds the properties of the flags.
func (o *propertyOptions) decorator(cmd *cobra.Command) (func(*message.Message), error) {
	headers, err := parseHeaders(o.headers)
	if err != nil {
		return nil, cmdutil.UsageError("write --header NAME=VALUE", "%sflag --header: %v", cmdutil.Where(cmd), err)
	}
	if o.delay > 0 {
		headers[headerDelay] = o.delay.Milliseconds()
	}
	o.table = headers
	expiration := ""
	if o.expiration > 0 {
		expiration = strconv.FormatInt(o.expiration.Milliseconds(), 10)
	}
	return func(m *message.Message) {
		m.Priority, m.Expiration = o.priority, expiration
		if len(headers) == 0 {
			return
		}
		all := make(message.Table, len(headers)+len(m.Headers))
		maps.Copy(all, headers)
		maps.Copy(all, m.Headers) // the format's win
		m.Headers = all
	}, nil
}

// headerDelay says for how many milliseconds a delayed-message exchange keeps a message.
const headerDelay = "x-delay"

// parseHeaders reads NAME=VALUE: a whole number, true and false have their types, all else is a
// text.
func parseHeaders(list []string) (message.Table, error) {
	headers := message.Table{}
	for _, h := range list {
		name, value, ok := strings.Cut(h, "=")
		if !ok || name == "" {
			return nil, fmt.Errorf("%q is not NAME=VALUE", h)
		}
		if len(name) > 255 {
			return nil, fmt.Errorf("the header name has %d bytes: AMQP allows 255", len(name))
		}
		if message.BrokerOwned(name) && name != message.HeaderCC && name != message.HeaderBCC {
			return nil, fmt.Errorf("only the broker may set %s", name)
		}
		if name == headerDelay { // that a delayed message is returned is no failure, which only --delay tells
			return nil, fmt.Errorf("%s is set by --delay: --delay 5s", name)
		}
		if name == message.HeaderCC || name == message.HeaderBCC { // sender-selected distribution takes a list
			list, _ := headers[name].([]any)
			headers[name] = append(list, value)
			continue
		}
		headers[name] = headerValue(value)
	}
	return headers, nil
}

func headerValue(s string) any {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && strconv.FormatInt(n, 10) == s {
		return n
	}
	if s == "true" || s == "false" {
		return s == "true"
	}
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}
