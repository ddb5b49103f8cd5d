package events

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/render"
	"github.com/msgctl/msgctl/internal/render/messages"
	"github.com/msgctl/msgctl/internal/terminal"
)

// WriteDetails writes everything about one message.
func (t *TailLines) WriteDetails(s *TailMessage) error {
	t.gaps(s)
	d := messages.NewDetailsWriter(t.w, t.style, t.width)
	title := render.OrDash(s.Type())
	if s.Type() == "" {
		title = "Message with key " + render.OrDash(s.Message.RoutingKey)
	}
	d.Title(title + "  " + s.ID())
	d.Field("seen", clock(s.At, s.At, false))
	t.eventDetails(d, s)
	doc := messages.NewMessageDocument(&s.Message, messages.Options{Now: s.At, Full: true})
	d.Field("exchange", render.ExchangeName(doc.Exchange))
	d.Field("routing key", doc.RoutingKey)
	d.Field("queue", doc.Source)
	if doc.Offset != nil {
		d.Field("offset", fmt.Sprint(*doc.Offset))
	}
	d.History(doc)
	d.Section("Properties", doc.Properties)
	d.Section("Headers", doc.Headers)
	d.Body(doc)
	fmt.Fprintln(t.w)
	return nil
}

func (t *TailLines) eventDetails(d messages.DetailsWriter, s *TailMessage) {
	if tr := s.Trace; tr != nil {
		d.Field("trace", action(s)+" by user "+tr.User+" over "+tr.Connection)
		d.Field("routed to", strings.Join(tr.Routed, ", "))
	}
	if e := s.Event; e != nil {
		d.Field("aggregate", aggregate(s))
		d.Field("format", fmt.Sprintf("%s, version %d", s.Format, e.Version))
		if !e.Timestamp.IsZero() {
			d.Field("happened", clock(e.Timestamp, s.At, false))
		}
	}
	d.Field("correlation", s.Correlation())
	d.Field("cause", s.Cause())
	switch s.Validity {
	case Valid:
		d.Field("schema", "valid")
	case Invalid:
		d.Field("schema", "invalid")
		for _, p := range s.Problems {
			fmt.Fprintln(t.w, "  "+t.style.Red("- "+terminal.Neutralise(p.String())))
		}
	}
	d.Field("not checked", s.Note)
}
