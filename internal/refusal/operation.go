package refusal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Operation is what was tried, for the texts about why it failed. The zero value is usable.
type Operation struct {
	// Op is the operation: declare queue "orders".
	Op string
	// Object is what the operation is about; nil when it is not about one.
	Object topology.Object
	// User is the login.
	User string
}

// On returns the operation verb on an object, as a user.
func On(verb string, object topology.Object, user string) Operation {
	return Operation{Op: verb + " " + object.Ref().String(), Object: object, User: user}
}

// Known reports whether err is explained already. It returns it with the operation that it happened
// in.
func (o Operation) Known(err error) (error, bool) {
	var known *Error
	switch {
	case !errors.As(err, &known):
		return nil, false
	case known.Op == "":
		return &Error{Op: o.Op, Text: known.Text, Sentinel: known.Sentinel, Cause: known.Cause}, true
	}
	return fmt.Errorf("%s: %w", o.Op, err), true
}

// Failed explains an error other than a refusal: ctx ended, or something unforeseen.
func (o Operation) Failed(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Op: o.Op, Text: "interrupted", Cause: errors.Join(ctx.Err(), err)}
	}
	return &Error{Op: o.Op, Text: err.Error(), Cause: err}
}

// Suspect names what brokers are known to fail on, with 541 and no reason (facts
// refusal-of-long-names, refusals-close-connections).
func (o Operation) Suspect() string {
	if o.Object != nil && len(o.Object.Ref().Name) > 100 {
		return "brokers from 4.0 on fail while they word the refusal of an object with a long name; most likely it exists " +
			"with other arguments (plan shows them)"
	}
	q, ok := o.Object.(*topology.Queue)
	if !ok {
		return "the broker's log says why"
	}
	if age, has := q.Arguments["x-max-age"]; has {
		return fmt.Sprintf("most likely maxAge %q is not a number and one of Y, M, D, h, m, s", age)
	}
	if _, has := q.Arguments["x-queue-master-locator"]; has {
		return "most likely masterLocator, which brokers from 4.3 on do not take: use leaderLocator"
	}
	return "the broker's log says why; one of its arguments is the likely reason"
}

// OrUnsaid returns s, or that the broker gives no reason.
func OrUnsaid(s string) string {
	if s == "" {
		return "it does not say why; its log may"
	}
	return s
}

// DefaultExchangeText is why the default exchange cannot be changed.
const DefaultExchangeText = `the default exchange "" is the broker's own: it can't be declared, bound or deleted; ` +
	`every queue is bound to it by its name`

const reserved = "names that start with amq. are reserved for the broker: choose another name"

// Reason explains a reply in the file's terms and returns the sentinel. It returns "" for an
// unknown reply.
func (o Operation) Reason(r Reply) (string, error) {
	switch r.Kind {
	case Inequivalent:
		return o.inequivalent(r), nil
	case InvalidArgument:
		return o.invalidArgument(r), nil
	case InvalidProperty:
		return o.invalidProperty(r), nil
	case Reserved:
		return reserved, topology.ErrNotPermitted
	case DefaultExchange:
		return DefaultExchangeText, topology.ErrNotPermitted
	case UnknownExchangeType:
		return o.unknownExchangeType(), nil
	case Locked:
		return "it is an exclusive queue of another connection, which alone may use it: it goes when that connection closes",
			topology.ErrInUse
	case ExclusiveUse:
		return "it has a consumer", topology.ErrInUse
	case Refused:
		return o.Permission(r.Detail), topology.ErrNotPermitted
	case NoVHost:
		return VHostMissing("", o.vhost()).Error(), topology.ErrVHostMissing
	case VHostDown:
		return fmt.Sprintf("vhost %q is down: the broker's log says why; rabbitmqctl restart_vhost -p %s starts it",
			o.vhost(), shell.Quote(o.vhost())), topology.ErrUnreachable
	case VHostRefused:
		return NoVHostAccess("", o.User, o.vhost()).Error(), topology.ErrNotPermitted
	case NotFound:
		return o.notFound(r), nil
	case InUse:
		return "it is in use", topology.ErrInUse
	case NotEmpty:
		return "it holds messages", topology.ErrInUse
	case Limit, ConnectionLimit:
		return "a limit of the vhost or the user is reached: " + r.Detail, topology.ErrLimit
	case NotUTF8:
		return "its name or routing key is not valid UTF-8", nil
	case Validation:
		return o.validation(r), nil
	}
	return "", nil
}

func (o Operation) vhost() string {
	if o.Object == nil {
		return ""
	}
	return o.Object.Ref().VHost
}

func (o Operation) notFound(r Reply) string {
	if r.Subject == "" {
		return "there is no such object"
	}
	return fmt.Sprintf("%s %q does not exist in the vhost: declare it, or correct the name", r.Subject, r.Name)
}

func (o Operation) unknownExchangeType() string {
	x, ok := o.Object.(*topology.Exchange)
	if !ok {
		return "the broker does not know the exchange type"
	}
	if plugin := pluginOf(x.Type); plugin != "" {
		return fmt.Sprintf("the broker has no exchange type %q: enable its plugin (rabbitmq-plugins enable %s), or use "+
			"direct, fanout, topic or headers", x.Type, plugin)
	}
	return fmt.Sprintf("the broker has no exchange type %q: check the spelling, or enable the plugin that brings it "+
		"(direct, fanout, topic and headers are always there)", x.Type)
}

// pluginOf names the plugin of a well-known exchange type.
func pluginOf(kind string) string {
	switch kind {
	case "x-delayed-message":
		return "rabbitmq_delayed_message_exchange"
	case "x-consistent-hash":
		return "rabbitmq_consistent_hash_exchange"
	case "x-modulus-hash":
		return "rabbitmq_sharding"
	case "x-random":
		return "rabbitmq_random_exchange"
	case "x-recent-history":
		return "rabbitmq_recent_history_exchange"
	case "x-jms-topic":
		return "rabbitmq_jms_topic_exchange"
	case "x-event":
		return "rabbitmq_event_exchange"
	}
	return ""
}

func (o Operation) validation(r Reply) string {
	text := strings.TrimSpace(strings.ReplaceAll(strings.TrimPrefix(r.Detail, "Validation failed"), "\n", " "))
	text = erlangTerms(text)
	return "the broker finds it invalid: " + OrUnsaid(text)
}
