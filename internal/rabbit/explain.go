package rabbit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/capability"
)

// explain translates any error of the management API that is not about one object.
func (a *api) explain(ctx context.Context, op string, err error) error {
	return explainer{op: op, user: a.user, api: a}.explain(ctx, err)
}

// explainer translates what went wrong with one operation.
type explainer struct {
	op     string
	object topology.Object // nil when the operation is not about one
	user   string
	api    *api
}

// explain returns nil for nil. What is translated already is given the operation it happened in.
func (e explainer) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	var known *Error
	if errors.As(err, &known) {
		if known.Op == "" {
			known = &Error{Op: e.op, Text: known.Text, Kind: known.Kind, cause: known.cause}
			return known
		}
		return fmt.Errorf("%s: %w", e.op, err)
	}
	var refusal *apiError
	if errors.As(err, &refusal) {
		return e.http(refusal)
	}
	var exception *amqp.Error
	if errors.As(err, &exception) {
		return e.amqp(exception)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return &Error{Op: e.op, Text: "interrupted", cause: errors.Join(ctx.Err(), err)}
	}
	if e.api == nil && errors.Is(err, context.DeadlineExceeded) {
		return unreachable(e.op, "the time for it ran out", err)
	}
	if e.api != nil && isNetwork(err) {
		return fmt.Errorf("%s: %w", e.op, e.api.unreachable(ctx, err))
	}
	return &Error{Op: e.op, Text: err.Error(), cause: err}
}

func (e explainer) amqp(x *amqp.Error) error {
	if !x.Server {
		return e.local(x)
	}
	r := parseReply(x.Reason)
	if text, kind := e.reason(r); text != "" {
		return &Error{Op: e.op, Text: text, Kind: kind, cause: x}
	}
	switch x.Code {
	case amqp.ConnectionForced:
		return unreachable(e.op, "the broker closed the connection: it is stopping, or an operator closed it", x)
	case amqp.InternalError:
		return &Error{Op: e.op, Text: "the broker failed on it with an internal error and closed the connection: " +
			e.suspect(), cause: x}
	case amqp.AccessRefused:
		return &Error{Op: e.op, Text: "the broker refuses: " + r.detail, Kind: topology.ErrNotPermitted, cause: x}
	}
	return &Error{Op: e.op, Text: "the broker refuses: " + orUnsaid(r.detail), cause: x}
}

// local explains an error that the client library found itself, before anything was sent.
func (e explainer) local(x *amqp.Error) error {
	switch {
	case errors.Is(x, amqp.ErrFieldType), x.Code == amqp.SyntaxError:
		return &Error{Op: e.op, Text: "an argument's value, or a name, cannot be sent over AMQP: names have at most 255 " +
			"bytes", cause: x}
	case errors.Is(x, amqp.ErrFrameTooLarge):
		return &Error{Op: e.op, Text: "its arguments are too long for an AMQP frame (128 KiB)", cause: x}
	}
	return unreachable(e.op, "the connection was lost", x)
}

// suspect names what 3.10 and 4.0 are known to fail on (541).
func (e explainer) suspect() string {
	if e.object != nil && len(e.object.Ref().Name) > 100 {
		return "brokers from 4.0 on fail while they word the refusal of an object with a long name; most likely it exists " +
			"with other arguments (plan shows them)"
	}
	q, ok := e.object.(*topology.Queue)
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

func (e explainer) http(x *apiError) error {
	if e.api != nil {
		if err := e.api.refused(x); err != nil {
			return fmt.Errorf("%s: %w", e.op, err)
		}
	}
	r := parseReply(x.reason)
	if text, kind := e.reason(r); text != "" {
		return &Error{Op: e.op, Text: text, Kind: kind, cause: x}
	}
	switch {
	case x.denied():
		return &Error{Op: e.op, Text: e.permission(x.reason), Kind: topology.ErrNotPermitted, cause: x}
	case x.status == http.StatusNotFound && e.object == nil:
		return &Error{Op: e.op, Text: "the address does not answer like RabbitMQ's management API: is it right (--api)?",
			Kind: ErrAPI, cause: x}
	case x.status == http.StatusNotFound && (x.code == "Object Not Found" || x.code == "not_found"):
		return &Error{Op: e.op, Text: "there is no such object", cause: x}
	case x.status == http.StatusPreconditionFailed:
		return &Error{Op: e.op, Text: "it is protected from deletion: rabbitmqctl disable_vhost_deletion_protection lifts " +
			"that", Kind: topology.ErrInUse, cause: x}
	case x.status >= 300 && x.status < 400:
		return &Error{Op: e.op, Text: fmt.Sprintf("the management API's address answers with a redirect to %q: is it "+
			"right (--api)?", x.location), Kind: ErrAPI, cause: x}
	case !x.json && x.status == http.StatusNotFound, !x.json && x.status == http.StatusMethodNotAllowed, !x.json &&
		x.status == http.StatusBadRequest:
		return &Error{Op: e.op, Text: "the address does not answer like RabbitMQ's management API: is it right (--api)?",
			Kind: ErrAPI, cause: x}
	case strings.Contains(x.reason, "{'EXIT'"), x.status >= 500 && !x.json:
		return &Error{Op: e.op, Text: "the broker failed on it with an internal error: " + e.suspect(), cause: x}
	case x.status >= 500:
		return unreachable(e.op, fmt.Sprintf("the broker is not able to answer now (%s)", orUnsaid(r.detail)), x)
	case strings.HasPrefix(x.reason, "invalid_regexp "):
		return &Error{Op: e.op, Text: "one of its regular expressions is not valid: " +
			strings.TrimPrefix(x.reason, "invalid_regexp "), cause: x}
	case x.reason == "vhost_or_user_not_found":
		return &Error{Op: e.op, Text: "its user or its vhost does not exist: declare it, or correct the name", cause: x}
	case strings.HasPrefix(x.reason, "no_such_exchange"):
		return &Error{Op: e.op, Text: "its exchange does not exist yet: this broker (4.3 and newer) takes a topic " +
			"permission only for an existing exchange; apply again once it is there", cause: x}
	}
	return &Error{Op: e.op, Text: "the broker refuses: " + orUnsaid(r.detail), cause: x}
}

func orUnsaid(s string) string {
	if s == "" {
		return "it does not say why; its log may"
	}
	return s
}

const defaultExchange = `the default exchange "" is the broker's own: it can't be declared, bound or deleted; every queue is bound to it by its name`

const reserved = "names that start with amq. are reserved for the broker: choose another name"

// reason puts a reply into the file's terms, and names the sentinel; "" for what it does not know.
func (e explainer) reason(r reply) (string, error) {
	switch r.kind {
	case replyInequivalent:
		return e.inequivalent(r), nil
	case replyInvalidArgument:
		return e.invalidArgument(r), nil
	case replyInvalidProperty:
		return e.invalidProperty(r), nil
	case replyReserved:
		return reserved, topology.ErrNotPermitted
	case replyDefaultExchange:
		return defaultExchange, topology.ErrNotPermitted
	case replyUnknownExchangeType:
		return e.unknownExchangeType(), nil
	case replyLocked:
		return "it is an exclusive queue of another connection, which alone may use it: it goes when that connection closes", topology.ErrInUse
	case replyExclusiveUse:
		return "it has a consumer", topology.ErrInUse
	case replyRefused:
		return e.permission(r.detail), topology.ErrNotPermitted
	case replyNoVHost:
		return vhostMissing("", e.vhost()).Error(), topology.ErrVHostMissing
	case replyVHostDown:
		return fmt.Sprintf("vhost %q is down: the broker's log says why; rabbitmqctl restart_vhost -p %s starts it",
			e.vhost(), shell.Quote(e.vhost())), topology.ErrUnreachable
	case replyVHostRefused:
		return noVHostAccess("", e.user, e.vhost()).Error(), topology.ErrNotPermitted
	case replyNotFound:
		return e.notFound(r), nil
	case replyInUse:
		return "it is in use", topology.ErrInUse
	case replyNotEmpty:
		return "it holds messages", topology.ErrInUse
	case replyLimit, replyConnectionLimit:
		return "a limit of the vhost or the user is reached: " + r.detail, nil
	case replyNotUTF8:
		return "its name or routing key is not valid UTF-8", nil
	case replyValidation:
		return e.validation(r), nil
	}
	return "", nil
}

func (e explainer) vhost() string {
	if e.object == nil {
		return ""
	}
	return e.object.Ref().VHost
}

// permission says which permission or tag the operation needs.
func (e explainer) permission(reason string) string {
	switch o := e.object.(type) {
	case *topology.Exchange, *topology.Queue:
		ref := e.object.Ref()
		if capability.IsReserved(ref.Name) { // the management API gives no better reason
			return reserved
		}
		return fmt.Sprintf("user %q lacks the permission to configure %s%s: an administrator grants it with rabbitmqctl "+
			"set_permissions -p %s %s CONFIGURE WRITE READ (regular expressions on names; a dead-letter or alternate "+
			"exchange needs read and write too)",
			e.user, ref, arguedNames(e.object), shell.Quote(ref.VHost), shell.Quote(e.user))
	case *topology.Binding:
		return fmt.Sprintf("user %q lacks the permission to read from exchange %q or to write to %s %q, which a binding "+
			"needs: rabbitmqctl set_permissions -p %s %s CONFIGURE WRITE READ (regular expressions on names)",
			e.user, o.Source, o.DestinationType, o.Destination, shell.Quote(o.VHost), shell.Quote(e.user))
	case nil:
		return fmt.Sprintf("user %q may not: %s", e.user, orUnsaid(reason))
	}
	tag := neededTag(e.object.Ref().Kind)
	return fmt.Sprintf("user %q may not: it takes the tag %s (rabbitmqctl set_user_tags %s %s) and, below "+
		"administrator, access to the vhost",
		e.user, tag, shell.Quote(e.user), tag)
}

// arguedNames mentions the exchanges that a declaration also needs permissions on.
func arguedNames(o topology.Object) string {
	if q, ok := o.(*topology.Queue); ok {
		if dlx, has := q.Arguments["x-dead-letter-exchange"].(string); has {
			return fmt.Sprintf(", or to read from it and write to its dead-letter exchange %q", dlx)
		}
	}
	if x, ok := o.(*topology.Exchange); ok {
		if ae, has := x.Arguments["alternate-exchange"].(string); has {
			return fmt.Sprintf(", or to read from it and write to its alternate exchange %q", ae)
		}
	}
	return ""
}

func neededTag(kind topology.Kind) string {
	switch kind {
	case topology.KindPolicy, topology.KindParameter, topology.KindGlobalParameter:
		return "policymaker"
	}
	return "administrator"
}

func (e explainer) notFound(r reply) string {
	if r.subject == "" {
		return "there is no such object"
	}
	return fmt.Sprintf("%s %q does not exist in the vhost: declare it, or correct the name", r.subject, r.name)
}

func (e explainer) unknownExchangeType() string {
	x, ok := e.object.(*topology.Exchange)
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

func (e explainer) validation(r reply) string {
	text := strings.TrimSpace(strings.ReplaceAll(strings.TrimPrefix(r.detail, "Validation failed"), "\n", " "))
	text = erlangTerms(text)
	return "the broker finds it invalid: " + orUnsaid(text)
}
