package runner

import (
	"fmt"

	"github.com/msgctl/msgctl/internal/pipeline/dispatch"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/publish"
)

func (r *run) publisherOptions() publish.PublisherOptions {
	return publish.PublisherOptions{
		Window: max(r.Prefetch, publish.DefaultWindow), Republish: true, ReconnectDelay: r.ReconnectDelay,
		ReconnectAttempts: r.ReconnectAttempts, ConfirmTimeout: r.ConfirmTimeout,
		Notify: func(n publish.Notice) { r.publisherNotice(n) },
	}
}

func (r *run) publisherNotice(n publish.Notice) {
	kind, text := NoticeReconnecting, fmt.Sprintf("the connection that publishes was lost: %v", n.Err)
	switch n.Kind {
	case publish.NoticeBlocked:
		kind, text = NoticePaused, fmt.Sprintf("retries and dead letters wait: %v", n.Err)
	case publish.NoticeUnblocked:
		kind, text = NoticeResumed, "the broker takes messages again"
	case publish.NoticeRestored:
		kind, text = NoticeConnected, "connected again to publish"
	case publish.NoticeRetry:
		text = fmt.Sprintf("connecting to publish, attempt %d in %s: %v", n.Attempt, n.Wait, n.Err)
	}
	r.Observer.Notice(Notice{Kind: kind, Text: text, Publishing: true})
}

// connectionNotice reports what happens to the connection that receives.
func (r *run) connectionNotice(n dispatch.Notice) {
	switch n.Kind {
	case dispatch.Connected:
		r.notice(NoticeConnected, "consuming from queue %s", r.Retry.Queue)
	case dispatch.Lost:
		r.notice(NoticeReconnecting, "%v; what was in hand comes again", n.Err)
	case dispatch.Failed:
		r.notice(NoticeReconnecting, "connecting, attempt %d in %s: %v", n.Attempt, n.Wait, n.Err)
	case dispatch.Draining:
		r.notice(NoticeDraining, "stopping: what is being handled has %s to end", r.Grace)
	case dispatch.Undelivered:
		r.mu.Lock()
		r.report.Undelivered = true
		r.mu.Unlock()
		r.notice(NoticeUndelivered, "nothing came for %s, %s", 3*r.Idle, r.undelivered(n.Ready))
	case dispatch.LostAtEnd:
		r.notice(NoticeReconnecting, "the connection was lost at the end: some of what was acknowledged may come again")
	}
}

// undelivered says what the broker answered when it was asked for the count of the queue.
func (r *run) undelivered(ready int) string {
	if ready < 0 {
		return fmt.Sprintf("and the leader of queue %s does not answer: whether it has messages is unknown", r.Retry.Queue)
	}
	return fmt.Sprintf("although queue %s has %s: the broker delivers to another consumer, or to none", r.Retry.Queue,
		units.FormatCount(int64(ready), "message"))
}

func (r *run) notice(kind NoticeKind, format string, args ...any) {
	r.Observer.Notice(Notice{Kind: kind, Text: fmt.Sprintf(format, args...)})
}
