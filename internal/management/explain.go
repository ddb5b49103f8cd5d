package management

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// ErrAPI is that of package topology.
var ErrAPI = topology.ErrAPI

// Explain puts an error of this package's into words. It returns nil for nil, and gives what is
// explained already the operation it happened in.
func (a *Client) Explain(ctx context.Context, o refusal.Operation, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := o.Known(err); ok {
		return known
	}
	var answer *Refusal
	switch {
	case errors.As(err, &answer):
		return a.explain(o, answer)
	case !errors.Is(ctx.Err(), context.Canceled) && refusal.IsNetwork(err):
		return fmt.Errorf("%s: %w", o.Op, a.unreachable(ctx, err))
	}
	return o.Failed(ctx, err)
}

// during is Explain for what is not about one object.
func (a *Client) during(ctx context.Context, op string, err error) error {
	return a.Explain(ctx, refusal.Operation{Op: op, User: a.opts.User}, err)
}

// explain puts a refusal into words.
func (a *Client) explain(o refusal.Operation, x *Refusal) error {
	if err := a.refused(x); err != nil {
		return fmt.Errorf("%s: %w", o.Op, err)
	}
	r := refusal.Parse(x.reason)
	if text, kind := o.Reason(r); text != "" {
		return &refusal.Error{Op: o.Op, Text: text, Remedy: r.Remedy(), Sentinel: kind, Cause: x}
	}
	switch {
	case x.denied():
		return &refusal.Error{Op: o.Op, Text: o.Permission(x.reason), Sentinel: topology.ErrNotPermitted, Cause: x}
	case x.status == http.StatusNotFound && o.Object == nil:
		return &refusal.Error{Op: o.Op,
			Text:   "the address does not answer like RabbitMQ's management API: is it right?",
			Remedy: refusal.APIAddress, Sentinel: ErrAPI, Cause: x}
	case x.status == http.StatusNotFound && (x.code == "Object Not Found" || x.code == "not_found"):
		return &refusal.Error{Op: o.Op, Text: "there is no such object", Cause: x}
	case x.status == http.StatusPreconditionFailed:
		return &refusal.Error{Op: o.Op,
			Text: "it is protected from deletion: rabbitmqctl disable_vhost_deletion_protection lifts " +
				"that", Sentinel: topology.ErrInUse, Cause: x}
	case x.status >= 300 && x.status < 400:
		return &refusal.Error{Op: o.Op,
			Text: fmt.Sprintf("the management API's address answers with a redirect to %q: is it "+
				"right?", x.location), Remedy: refusal.APIAddress, Sentinel: ErrAPI, Cause: x}
	case !x.json && x.status == http.StatusNotFound, !x.json && x.status == http.StatusMethodNotAllowed, !x.json &&
		x.status == http.StatusBadRequest:
		return &refusal.Error{Op: o.Op,
			Text:   "the address does not answer like RabbitMQ's management API: is it right?",
			Remedy: refusal.APIAddress, Sentinel: ErrAPI, Cause: x}
	case strings.Contains(x.reason, "{'EXIT'"), x.status >= 500 && !x.json:
		return &refusal.Error{Op: o.Op, Text: "the broker failed on it with an internal error: " + o.Suspect(), Cause: x}
	case x.status >= 500:
		return refusal.Unreachable(o.Op, fmt.Sprintf("the broker is not able to answer now: the management API at %s "+
			"answers with status %d (%s)", a.base, x.status, refusal.OrUnsaid(r.Detail)), x)
	case strings.HasPrefix(x.reason, "invalid_regexp "):
		return &refusal.Error{Op: o.Op, Text: "one of its regular expressions is not valid: " +
			strings.TrimPrefix(x.reason, "invalid_regexp "), Cause: x}
	case x.reason == "vhost_or_user_not_found":
		return &refusal.Error{Op: o.Op, Text: "its user or its vhost does not exist: declare it, or correct the name",
			Cause: x}
	case strings.HasPrefix(x.reason, "no_such_exchange"):
		return &refusal.Error{Op: o.Op, Text: "its exchange does not exist yet: this broker (4.3 and newer) takes a topic " +
			"permission only for an existing exchange; apply again once it is there", Cause: x}
	}
	return &refusal.Error{Op: o.Op, Text: "the broker refuses: " + refusal.OrUnsaid(r.Detail), Cause: x}
}

// unreachable says why a management request got no answer.
func (a *Client) unreachable(ctx context.Context, err error) error {
	op := "reach the management API at " + a.base
	text, remedy := refusal.TLSReason(err)
	switch message := refusal.Innermost(err); {
	case strings.Contains(message, "server gave HTTP response to HTTPS client"):
		text = "the port speaks plain HTTP: use http:// instead of https://"
	case strings.Contains(message, "malformed HTTP response \"AMQP"), strings.Contains(message, `malformed HTTP`) &&
		strings.Contains(message, "AMQP"):
		text = "the port speaks AMQP: the management API is on 15672 by default"
	case strings.Contains(message, "malformed HTTP"):
		text = "the port does not speak HTTP (it may want https://): the management API is on 15672 by default"
	case text == "" && a.uncertified.Load() && !a.reached.Load() && transient(err) && !refusal.IsConnectionRefused(err):
		text, remedy = refusal.NoCertificate, refusal.ClientCertificate
	case text == "":
		text = refusal.NetworkReason(ctx, err, a.opts.Timeout)
		if refusal.IsConnectionRefused(err) {
			text += ": is the management plugin enabled (rabbitmq-plugins enable rabbitmq_management), and is the address " +
				"right?"
			remedy = refusal.APIAddress
		}
	}
	return &refusal.Error{Op: op, Text: text, Remedy: remedy, Sentinel: errors.Join(topology.ErrUnreachable, ErrAPI),
		Cause: err}
}

// refused explains a management API's refusal that has nothing to do with one object: login, tags.
// It returns nil for others.
func (a *Client) refused(e *Refusal) error {
	op := "log in to the management API at " + a.base
	permitted := func(text string) error {
		return &refusal.Error{Op: op, Text: text, Sentinel: errors.Join(topology.ErrNotPermitted, ErrAPI), Cause: e}
	}
	reason := strings.ToLower(e.reason)
	switch {
	case e.status != http.StatusUnauthorized && e.status != http.StatusForbidden:
		return nil
	case strings.Contains(reason, "login failed"), e.code == "not_authorized", e.reason == "":
		return permitted(refusal.LoginRefusedText(a.opts.User, a.host(), a.opts.LoginFrom))
	case strings.Contains(reason, "not management user"):
		return &refusal.Error{Op: op, Remedy: refusal.WithoutAPI, Cause: e,
			Sentinel: errors.Join(topology.ErrNotPermitted, ErrAPI),
			Text: fmt.Sprintf("user %q may not use it: an administrator gives it the tag management (or policymaker, "+
				"administrator): %s", a.opts.User, refusal.GiveTag(a.opts.User, nil, false, "management"))}
	}
	return nil
}

// LoginRefused reports whether the broker does not let the login in, now.
func (a *Client) LoginRefused(ctx context.Context) bool {
	var who any
	var answer *Refusal
	return errors.As(a.get(ctx, "whoami", &who), &answer) && answer.status == http.StatusUnauthorized
}

// host is that of the address, "" when it has none.
func (a *Client) host() string {
	u, err := url.Parse(a.base)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
