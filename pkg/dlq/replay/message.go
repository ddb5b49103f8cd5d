package replay

import (
	"context"
	"fmt"
	"strconv"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/transform"
)

// Headers that keep what cannot be published under its own name.
const (
	// HeaderUserID keeps a user_id that the login may not publish with.
	HeaderUserID = message.HeaderUserID
	// HeaderCC and HeaderBCC keep those headers of a restored message, as JSON. Under their own
	// names, the broker would route further copies.
	HeaderCC  = "x-msgctl-cc"
	HeaderBCC = "x-msgctl-bcc"
)

// maxHeaders is the maximum size of the headers: one frame of 131072 bytes also contains the other
// properties, of up to 255 bytes each.
const maxHeaders = 131072 - 8 - 4<<10

// Identity is the user that publishes messages. The broker refuses a user_id other than the login's
// (406, and it closes the channel) unless the user has the tag impersonator (fact user-id).
type Identity struct {
	// Login is the user name of the connection that publishes. "" drops every user_id.
	Login string
	// Impersonator says that the user has the tag impersonator.
	Impersonator bool
}

func (i Identity) may(m *message.Message) bool {
	return !m.Present(message.UserIDProperty) || i.Impersonator || m.UserID == i.Login
}

// outgoing makes the messages to publish. It never changes its argument, and shares the unchanged
// parts with it.
type outgoing struct {
	replay     message.Replay
	identity   Identity
	restoreTTL bool
	move       bool // not a replay: nothing is counted or stamped
	transform  *transform.Transform
	check      func(before, after *message.Message) error
}

func (o outgoing) prepare(ctx context.Context, m *message.Message, to route) (out *message.Message, altered bool,
	err error) {
	replays := m.Replays()
	if to.unwrap {
		if m, err = message.UnwrapEasyNetQ(m); err != nil {
			return nil, false, err
		}
	}
	c := *m
	out = &c
	out.Headers = o.headers(m.Headers, replays)
	if len(to.cc) > 0 {
		out.Headers[message.HeaderCC] = to.cc
	}
	out.Expiration = o.expiration(m)
	if !o.identity.may(m) {
		out.Headers[HeaderUserID] = m.UserID
		out.Properties, altered = out.Without(message.UserIDProperty), true
	}
	if o.transform != nil {
		if out, err = o.transformed(ctx, out); err != nil {
			return nil, false, err
		}
	}
	if message.HeadersSize(out.Headers) > maxHeaders {
		delete(out.Headers, message.HeaderOriginalHeaders)
	}
	return out, altered, nil
}

func (o outgoing) transformed(ctx context.Context, m *message.Message) (*message.Message, error) {
	out, err := o.transform.Apply(ctx, m)
	if err != nil || o.check == nil {
		return out, err
	}
	if err := o.check(m, out); err != nil {
		return nil, &noWayBackError{ReasonInvalid, err.Error()}
	}
	return out, nil
}

// headers returns the headers of a moved message, without a stamp. The message inside an envelope
// may have been replayed, too.
func (o outgoing) headers(h message.Table, replays int64) message.Table {
	if o.move {
		return message.MoveHeaders(h)
	}
	out := message.ReplayHeaders(h, o.replay)
	out[message.HeaderReplayCount] = strconv.FormatInt(replays+1, 10)
	return out
}

// expiration keeps an expiration that the message got after its death. The one that the broker
// removed at the death is restored only on request, because the message would expire again at once
// where nobody consumes. An expiration in a stream counts as removed (fact
// stream-keeps-expiration).
func (o outgoing) expiration(m *message.Message) string {
	own := m.Expiration
	if _, ok := m.Offset(); ok && own == m.Deaths().OriginalExpiration() {
		own = ""
	}
	if own != "" || !o.restoreTTL {
		return own
	}
	ttl := originalExpiration(m)
	if _, err := strconv.ParseUint(ttl, 10, 32); err != nil {
		// A client can forge a death history (fact client-death-history), and an invalid expiration
		// closes the channel.
		return ""
	}
	return ttl
}

// originalExpiration is the expiration that the broker removed last. If the message was replayed
// without one, it is the first that the broker removed.
func originalExpiration(m *message.Message) string {
	ttl := m.Deaths().OriginalExpiration()
	if ttl != "" {
		return ttl
	}
	for _, earlier := range message.EarlierDeaths(m.Headers) {
		if ttl = earlier.OriginalExpiration(); ttl != "" {
			break
		}
	}
	return ttl
}

// decider decides what a replay or a move does with a message. It is pure, so a dry run is exact.
type decider struct {
	router     router
	outgoing   outgoing
	selection  selection
	maxReplays int64 // 0 is no limit
}

func (d decider) decide(ctx context.Context, m *message.Message) pipeline.Decision {
	if m.ReplayedBy(d.outgoing.replay.ID) {
		return pipeline.Decision{Action: pipeline.Leave, Reason: ReasonDiedAgain,
			Detail:  "this run replayed it, and it died again",
			Outside: true}
	}
	if v := d.selection.decide(m); v.Action != pipeline.Process {
		return v
	}
	if n := m.Replays(); d.maxReplays > 0 && n >= d.maxReplays {
		return pipeline.Decision{Action: pipeline.Leave, Reason: ReasonMaxReplays,
			Detail: fmt.Sprintf("it was replayed %s already", units.FormatCount(n, "time"))}
	}
	to, err := d.router.route(m)
	if err != nil {
		reason, detail := reasonOf(err)
		return pipeline.Decision{Action: pipeline.Leave, Reason: reason, Detail: detail}
	}
	out, altered, err := d.outgoing.prepare(ctx, m, to)
	if err != nil {
		reason, detail := reasonOf(err)
		if ctx.Err() != nil {
			reason, detail = ReasonInterrupted, "the run ended before it was changed"
		}
		return pipeline.Decision{Action: pipeline.Leave, Reason: reason, Detail: detail, Target: &to.target}
	}
	return pipeline.Decision{Action: pipeline.Process, Target: &to.target, Message: out, Altered: altered}
}
