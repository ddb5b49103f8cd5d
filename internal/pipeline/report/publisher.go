package report

import (
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// PublisherNotice passes a publisher's notice to the observer. It is a Notify function for a
// publisher.
func (m *Meter) PublisherNotice(n publish.Notice) { m.Notice(publisherNotice(n)) }

func publisherNotice(n publish.Notice) (NoticeKind, string) {
	switch n.Kind {
	case publish.NoticeBlocked:
		return NoticePaused, fmt.Sprintf("paused: %v", n.Err)
	case publish.NoticeUnblocked:
		return NoticeResumed, "the broker takes messages again"
	case publish.NoticeRestored:
		return NoticeReconnected, "connected again to publish"
	case publish.NoticeRetry:
		return NoticeReconnecting, fmt.Sprintf("connecting to publish, attempt %d in %s: %v", n.Attempt, n.Wait, n.Err)
	}
	return NoticeReconnecting, fmt.Sprintf("the connection that publishes was lost: %v", n.Err)
}

// ReasonOf returns the reason, and the text of err, why a message stays after the given outcome of
// its publication. It returns "" for Confirmed.
func ReasonOf(kind publish.OutcomeKind, err error) (reason Reason, detail string) {
	if err != nil {
		detail = err.Error()
	}
	switch kind {
	case publish.Confirmed:
		return "", ""
	case publish.Returned:
		return ReasonUnroutable, detail
	case publish.Nacked:
		return ReasonNacked, detail
	case publish.Refused:
		if errors.Is(err, topology.ErrNotPermitted) {
			return ReasonPermission, detail
		}
		return ReasonRefused, detail
	case publish.Unsent:
		return ReasonInterrupted, detail
	}
	return ReasonUnknown, detail
}
