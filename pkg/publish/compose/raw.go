package compose

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Raw composes messages of bytes as they are.
type Raw struct {
	Target publish.Target
	// ID is the message id of all messages; "" for the one that Compose is given.
	ID string
	// ContentType is "" for application/json where the bytes are JSON, and none elsewhere.
	ContentType string
	AppID       string
	Decoration  Decoration
	// Begin begins a span for each message; nil for none.
	Begin Begin
}

// Compose implements Composer. It never fails.
func (r *Raw) Compose(text []byte, id string, now time.Time) (Message, error) {
	contentType := r.ContentType
	if contentType == "" && json.Valid(text) {
		contentType = "application/json"
	}
	m := &message.Message{Body: text, Properties: message.Properties{
		ContentType: contentType, DeliveryMode: message.Persistent, MessageID: cmp.Or(r.ID, id),
		Timestamp: now.Truncate(time.Second), AppID: r.AppID,
	}}
	r.Decoration.apply(m)
	span := r.Begin.begin(r.Target, nil, nil)
	attach(span, m)
	return Message{Target: r.Target, Message: m, Span: span}, nil
}
