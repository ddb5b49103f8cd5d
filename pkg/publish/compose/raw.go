package compose

import (
	"cmp"
	"encoding/json"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
)

// Raw is a Composer that publishes bytes unchanged.
type Raw struct {
	Target publish.Target
	// ID is the message id of all messages; "" means the id passed to Compose.
	ID string
	// ContentType is the content type; "" means application/json if the bytes are JSON, otherwise
	// none.
	ContentType string
	AppID       string
	Decoration  Decoration
	// Begin starts a span for each message; nil for none.
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
