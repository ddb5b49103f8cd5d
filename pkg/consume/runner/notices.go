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
		ReconnectAttempts: r.ReconnectAttempts,
		Notify:            func(n publish.Notice) { r.publisherNotice(n) },
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
		r.notice(NoticeConnected, "consuming from queue %s", r.Plan.Queue)
	case dispatch.Lost:
		r.notice(NoticeReconnecting, "%v; what was in hand comes again", n.Err)
	case dispatch.Failed:
		r.notice(NoticeReconnecting, "connecting, attempt %d in %s: %v", n.Attempt, n.Wait, n.Err)
	case dispatch.Draining:
		r.notice(NoticeDraining, "stopping: what is being handled has %s to end", r.Grace)
	case dispatch.Undelivered:
		r.notice(NoticeUndelivered, "nothing came for %s, though queue %s has %s: the broker gives them to another "+
			"consumer, or to none", 3*r.Idle, r.Plan.Queue, units.FormatCount(int64(n.Ready), "message"))
	case dispatch.LostAtEnd:
		r.notice(NoticeReconnecting, "the connection was lost at the end: some of what was acknowledged may come again")
	}
}

func (r *run) notice(kind NoticeKind, format string, args ...any) {
	r.Observer.Notice(Notice{Kind: kind, Text: fmt.Sprintf(format, args...)})
}
