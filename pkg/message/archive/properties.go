package archive

import (
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// texts pairs the string properties of a line with those of a message.
func (v *propertiesV1) texts(m *message.Properties) []textPair {
	return []textPair{
		{message.ContentTypeProperty, &v.ContentType, &m.ContentType},
		{message.ContentEncodingProperty, &v.ContentEncoding, &m.ContentEncoding},
		{message.CorrelationIDProperty, &v.CorrelationID, &m.CorrelationID},
		{message.ReplyToProperty, &v.ReplyTo, &m.ReplyTo},
		{message.ExpirationProperty, &v.Expiration, &m.Expiration},
		{message.MessageIDProperty, &v.MessageID, &m.MessageID},
		{message.TypeProperty, &v.Type, &m.Type},
		{message.UserIDProperty, &v.UserID, &m.UserID},
		{message.AppIDProperty, &v.AppID, &m.AppID},
		{message.ClusterIDProperty, &v.ClusterID, &m.ClusterID},
	}
}

type textPair struct {
	property message.PropertySet
	line     **text
	message  *string
}

func propertiesOf(m *message.Properties) (v propertiesV1) {
	for _, p := range v.texts(m) {
		if m.Present(p.property) {
			t := text(*p.message)
			*p.line = &t
		}
	}
	if m.Present(message.DeliveryModeProperty) {
		v.DeliveryMode = &m.DeliveryMode
	}
	if m.Present(message.PriorityProperty) {
		v.Priority = &m.Priority
	}
	if m.Present(message.TimestampProperty) {
		seconds := m.Timestamp.Unix()
		v.Timestamp = &seconds
	}
	return v
}

func (v *propertiesV1) read() (m message.Properties) {
	for _, p := range v.texts(&m) {
		if *p.line == nil {
			continue
		}
		if *p.message = string(**p.line); **p.line == "" {
			m.Explicit |= p.property
		}
	}
	if v.DeliveryMode != nil {
		if m.DeliveryMode = *v.DeliveryMode; m.DeliveryMode == 0 {
			m.Explicit |= message.DeliveryModeProperty
		}
	}
	if v.Priority != nil {
		if m.Priority = *v.Priority; m.Priority == 0 {
			m.Explicit |= message.PriorityProperty
		}
	}
	if v.Timestamp != nil {
		if m.Timestamp = time.Unix(*v.Timestamp, 0).UTC(); m.Timestamp.IsZero() {
			m.Explicit |= message.TimestampProperty
		}
	}
	return m
}
