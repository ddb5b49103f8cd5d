package amqp

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	amqp091 "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/topology"
)

// endedBy returns the error that ended the channel, or nil if the client closed it.
func (c *publishChannel) endedBy(x *amqp091.Error) error {
	switch {
	case x == nil:
		return nil
	case !x.Server, x.Code == amqp091.ConnectionForced:
		text := "the connection was lost"
		if x.Server {
			text = "the broker closed the connection: it is stopping, or an operator closed it"
		} else if violation := c.link.frames.Violation(); violation != nil {
			text = "the connection was ended: " + violation.Error()
		}
		return &refusal.Error{Op: "publish", Text: text, Sentinel: publish.ErrLost, Cause: x}
	}
	return c.refused(x)
}

var (
	bodyTooLarge = regexp.MustCompile(`message size (\d+) is larger than (?:configured )?max size (\d+)`)
	foreignUser  = regexp.MustCompile(`(?s)user_id property set to '(.*)' but authenticated user was`)
	refusedWrite = regexp.MustCompile(`(?s)access to exchange '(.*)' in vhost`)
	refusedTopic = regexp.MustCompile(`(?s)access to topic '(.*)' in exchange '(.*)' in vhost`)
)

// refused returns the error for a channel that the broker closed because of a message. If the
// reason allows it, the error identifies the message (fact publish-refusal-reasons).
func (c *publishChannel) refused(x *amqp091.Error) error {
	r := refusal.Parse(x.Reason)
	out := &publish.Refusal{Final: x.Code == amqp091.AccessRefused || x.Code == amqp091.NotFound}
	say := func(kind error, format string, args ...any) {
		out.Err = &refusal.Error{Text: fmt.Sprintf(format, args...), Sentinel: kind, Cause: x}
	}
	if r.Kind == refusal.NotFound && r.Subject == "exchange" {
		out.Fits = func(t publish.Target, _ *message.Message) bool { return refusal.Names(r.Name, t.Exchange) }
		out.Alike = out.Fits
		say(nil, "exchange %q does not exist in the vhost: declare it, or send elsewhere", r.Name)
		return out
	}
	if m := bodyTooLarge.FindStringSubmatch(x.Reason); m != nil {
		size, _ := strconv.Atoi(m[1]) // digits
		out.Fits = func(_ publish.Target, m *message.Message) bool { return len(m.Body) == size }
		out.Alike = func(_ publish.Target, m *message.Message) bool { return len(m.Body) >= size }
		say(nil, "its body has %s bytes, more than the %s that the broker takes: raise max_message_size on the broker, or "+
			"keep it in an archive", m[1], m[2])
		return out
	}
	if m := foreignUser.FindStringSubmatch(x.Reason); m != nil {
		out.Fits = func(_ publish.Target, msg *message.Message) bool { return msg.UserID == m[1] }
		out.Alike = out.Fits
		say(topology.ErrNotPermitted, "its property user_id is %q, but the login is %q: remove the property, or give the "+
			"login the tag impersonator", m[1], c.opts.User)
		return out
	}
	if m := refusedTopic.FindStringSubmatch(x.Reason); m != nil {
		out.Fits = func(t publish.Target, _ *message.Message) bool { return t.Key == m[1] && t.Exchange == m[2] }
		out.Alike = out.Fits
		say(topology.ErrNotPermitted, "user %q may not publish with routing key %q to topic exchange %q: %s", c.opts.User,
			m[1], m[2], refusal.GiveTopic(c.opts.User, c.vhost, m[2], m[1], ""))
		return out
	}
	if m := refusedWrite.FindStringSubmatch(x.Reason); m != nil {
		name := m[1]
		if name == "amq.default" { // what the broker calls the default exchange
			name = ""
		}
		out.Fits = func(t publish.Target, _ *message.Message) bool { return t.Exchange == name }
		out.Alike = out.Fits
		say(topology.ErrNotPermitted, "%s", refusal.NoWrite(c.opts.User, c.vhost, name))
		return out
	}
	if strings.Contains(x.Reason, "cannot publish to internal exchange") {
		say(nil, "the exchange is internal: only other exchanges can publish to it, choose another")
		return out
	}
	out.Err = explain(context.Background(), refusal.Operation{User: c.opts.User}, x)
	return out
}
