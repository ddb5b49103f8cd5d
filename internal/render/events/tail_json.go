package events

import (
	"strconv"
	"time"

	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/message/plainjson"
)

// Append appends the message as one JSON object, without a newline.
func (s *TailMessage) Append(dst []byte) []byte {
	dst = plainjson.Time(append(dst, `{"at":`...), s.At.Truncate(time.Millisecond))
	if s.Dropped > 0 {
		dst = strconv.AppendInt(append(dst, `,"droppedBefore":`...), s.Dropped, 10)
	}
	if s.Gap {
		dst = append(dst, `,"gapBefore":true`...)
	}
	if t := s.Trace; t != nil {
		dst = s.trace(dst, t)
	}
	dst = s.event(append(dst, ','))
	dst = plainjson.Append(dst, &s.Message)
	return append(dst, '}')
}

func (s *TailMessage) trace(dst []byte, t *tail.Trace) []byte {
	dst = append(dst, `,"trace":{"action":"`...)
	dst = append(dst, map[bool]string{true: "delivered", false: "published"}[t.Delivered]...)
	dst = plainjson.String(append(dst, `","user":`...), t.User)
	dst = plainjson.String(append(dst, `,"connection":`...), t.Connection)
	dst = plainjson.String(append(dst, `,"node":`...), t.Node)
	if !t.Delivered {
		dst = append(dst, `,"routed":[`...)
		for i, q := range t.Routed {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = plainjson.String(dst, q)
		}
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

// event appends what is known of the event, with a comma behind.
func (s *TailMessage) event(dst []byte) []byte {
	text := func(name, value string) {
		if value != "" {
			dst = append(append(append(dst, '"'), name...), `":`...)
			dst = append(plainjson.String(dst, value), ',')
		}
	}
	text("type", s.Type())
	text("id", s.ID())
	if e := s.Event; e != nil {
		text("format", string(s.Format))
		text("aggregateType", e.AggregateType)
		text("aggregateId", e.AggregateID)
		if e.Version != 0 {
			dst = append(strconv.AppendInt(append(dst, `"version":`...), e.Version, 10), ',')
		}
		if !e.Timestamp.IsZero() {
			dst = append(plainjson.Time(append(dst, `"timestamp":`...), e.Timestamp), ',')
		}
	}
	text("correlationId", s.Correlation())
	text("causationId", s.Cause())
	text("validity", string(s.Validity))
	for i, p := range s.Problems {
		dst = append(dst, map[bool]string{true: `"problems":[`, false: `,`}[i == 0]...)
		dst = plainjson.String(append(dst, `{"pointer":`...), p.Pointer)
		dst = plainjson.String(append(dst, `,"keyword":`...), p.Keyword)
		dst = append(plainjson.String(append(dst, `,"message":`...), p.Message), '}')
	}
	if len(s.Problems) > 0 {
		dst = append(dst, `],`...)
	}
	return dst
}
