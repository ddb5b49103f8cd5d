package archive

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/msgctl/msgctl/pkg/message"
)

// lineV1 is a line, for both reading and writing.
type lineV1 struct {
	V           *int           `json:"v"`
	Seen        *int64         `json:"seen,omitempty"`
	Queue       text           `json:"queue,omitempty"`
	Exchange    text           `json:"exchange,omitempty"`
	RoutingKey  text           `json:"routingKey,omitempty"`
	Redelivered bool           `json:"redelivered,omitempty"`
	Properties  propertiesV1   `json:"properties,omitzero"`
	Headers     map[string]any `json:"headers,omitempty"`
	Body        *string        `json:"body,omitempty"`
	BodyBase64  *[]byte        `json:"bodyBase64,omitempty"`
}

// propertiesV1 has nil for absent properties.
type propertiesV1 struct {
	ContentType     *text  `json:"contentType,omitempty"`
	ContentEncoding *text  `json:"contentEncoding,omitempty"`
	DeliveryMode    *uint8 `json:"deliveryMode,omitempty"`
	Priority        *uint8 `json:"priority,omitempty"`
	CorrelationID   *text  `json:"correlationId,omitempty"`
	ReplyTo         *text  `json:"replyTo,omitempty"`
	Expiration      *text  `json:"expiration,omitempty"`
	MessageID       *text  `json:"messageId,omitempty"`
	Timestamp       *int64 `json:"timestamp,omitempty"`
	Type            *text  `json:"type,omitempty"`
	UserID          *text  `json:"userId,omitempty"`
	AppID           *text  `json:"appId,omitempty"`
	ClusterID       *text  `json:"clusterId,omitempty"`
}

// rawPrefix starts a JSON string that holds the base64 of a string that is not valid UTF-8.
const rawPrefix = "\x00base64:"

// text is a string that may not be valid UTF-8.
type text string

// MarshalText returns the string in a form that JSON can hold.
func (t text) MarshalText() ([]byte, error) { return []byte(encodeText(string(t))), nil }

func encodeText(s string) string {
	if !utf8.ValidString(s) || strings.HasPrefix(s, "\x00") {
		return rawPrefix + base64.StdEncoding.EncodeToString([]byte(s))
	}
	return s
}

// UnmarshalText reverses MarshalText.
func (t *text) UnmarshalText(s []byte) error {
	decoded, err := rawString(string(s))
	*t = text(decoded)
	return err
}

func rawString(s string) (string, error) {
	encoded, ok := strings.CutPrefix(s, rawPrefix)
	if !ok {
		return s, nil
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	return string(raw), err
}

// ParseLine returns the message in a line, with or without its newline. The error says what is
// wrong with the line. The message shares no memory with the line.
func ParseLine(line []byte) (*message.Message, error) {
	m, _, err := parseLine(line)
	return m, err
}

// parseLine also returns when the message was seen; zero if the line does not say.
func parseLine(line []byte) (m *message.Message, seen time.Time, err error) {
	if !utf8.Valid(line) {
		return nil, seen, errors.New("it is not valid UTF-8")
	}
	var v lineV1
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return nil, seen, explainJSON(line, err)
	}
	if rest := bytes.TrimSpace(line[d.InputOffset():]); len(rest) > 0 {
		return nil, seen, fmt.Errorf("more than one JSON value: %.20q after the message", rest)
	}
	if err := v.check(); err != nil {
		return nil, seen, err
	}
	if v.Seen != nil {
		seen = time.UnixMilli(*v.Seen).UTC()
	}
	m, err = v.message()
	return m, seen, err
}

// explainJSON reports first that the line has a later version, because that explains unknown
// members.
func explainJSON(line []byte, err error) error {
	var v struct{ V *int }
	if json.Unmarshal(line, &v) == nil && v.V != nil && *v.V != version {
		return unknownVersion(*v.V)
	}
	return fmt.Errorf("not a message: %s", strings.TrimPrefix(err.Error(), "json: "))
}

func unknownVersion(v int) error {
	return fmt.Errorf("it has archive version %d; this msgctl reads version %d: use a newer msgctl", v, version)
}

func (v *lineV1) check() error {
	switch {
	case v.V == nil:
		return errors.New(`not a message of an archive: it has no "v"`)
	case *v.V != version:
		return unknownVersion(*v.V)
	case v.Body == nil && v.BodyBase64 == nil:
		return errors.New(`it has neither "body" nor "bodyBase64"`)
	case v.Body != nil && v.BodyBase64 != nil:
		return errors.New(`it has both "body" and "bodyBase64"`)
	}
	return nil
}

func (v *lineV1) message() (*message.Message, error) {
	m := &message.Message{
		Properties: v.Properties.read(),
		Exchange:   string(v.Exchange), RoutingKey: string(v.RoutingKey), Redelivered: v.Redelivered, Queue: string(v.Queue),
	}
	if v.Body != nil {
		m.Body = []byte(*v.Body)
	} else {
		m.Body = *v.BodyBase64
	}
	if len(v.Headers) == 0 {
		return m, nil
	}
	var err error
	m.Headers, err = decodeTable(v.Headers)
	return m, err
}
