package publish

import (
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/internal/telemetry/tracing"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
	"github.com/msgctl/msgctl/pkg/publish/compose"
)

// beginSpan is a compose.Begin.
func (r *publishing) beginSpan(to publish.Target, key *event.KeyTemplate, metadata *event.Metadata) compose.Span {
	if r.traces == nil {
		return nil
	}
	template := ""
	if key != nil {
		if _, fixed := key.Fixed(); !fixed {
			template = key.String()
		}
	}
	return r.traces.BeginSend(to, template, metadata, r.header)
}

// endSpan ends the span of an item.
func endSpan(x bulk.Result) {
	s, ok := x.With.(*tracing.Send)
	if !ok {
		return
	}
	if x.Err == nil {
		s.End("", nil)
		return
	}
	s.End(string(x.Outcome), x.Err)
}

// sendError returns the error.type of a message's outcome and the reason; "" if it arrived.
func (r *publishing) sendError(o publish.Outcome[struct{}], err error) (string, error) {
	switch {
	case err != nil && o.Kind != publish.Confirmed:
		return string(bulk.Unsent), err
	case o.Kind == publish.Confirmed, o.Kind == publish.Returned && (r.props.delay > 0 || r.props.unroutable):
		return "", nil
	case o.Kind == publish.Returned:
		return string(bulk.Returned), errors.New("it reached no queue")
	case o.Kind == publish.Nacked, o.Kind == publish.Refused:
		return string(bulk.Rejected), o.Err
	case o.Kind == publish.Unknown:
		return string(bulk.Unknown), o.Err
	}
	return string(bulk.Unsent), fmt.Errorf("it was not sent: %w", o.Err)
}
