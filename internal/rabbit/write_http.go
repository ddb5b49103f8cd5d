package rabbit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	rabbithole "github.com/michaelklishin/rabbit-hole/v2"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// raw is a value in normal form as JSON that keeps a float a float: encoding/json would write
// 1000.0 as 1000, which the broker takes for an integer.
func raw(v any) json.RawMessage {
	return json.RawMessage(amqptable.Canonical(amqptable.Normalise(v)))
}

func rawTable(a topology.Arguments) map[string]any {
	m := make(map[string]any, len(a))
	for k, v := range a {
		m[k] = raw(v)
	}
	return m
}

// response is what rabbit-hole's modifying calls return.
type response func(*rabbithole.Client) (*http.Response, error)

// put creates or changes an object of a kind that only the management API writes.
func (c *Client) put(ctx context.Context, o topology.Object) error {
	if c.api == nil {
		return &Error{Text: "that takes the management API: over AMQP alone only exchanges, queues and bindings can be " +
			"declared", Kind: ErrAPI}
	}
	ref := o.Ref()
	if err := addressable(ref.VHost, ref.Name, ref.Parent); err != nil {
		return err
	}
	switch o := o.(type) {
	case *topology.VHost:
		return c.putVHost(ctx, o)
	case *topology.User:
		return c.putUser(ctx, o)
	case *topology.GlobalParameter:
		return c.putGlobal(ctx, o.Name, raw(o.Value))
	}
	call := c.putCall(o)
	if call == nil {
		return &Error{Text: "the management API has no way to write it"}
	}
	return c.api.change(ctx, call)
}

func (c *Client) putCall(o topology.Object) response {
	switch o := o.(type) {
	case *topology.UserLimit:
		return func(h *rabbithole.Client) (*http.Response, error) {
			return h.PutUserLimits(o.User, rabbithole.UserLimitsValues{o.Name: int(o.Value)})
		}
	case *topology.VHostLimit:
		return func(h *rabbithole.Client) (*http.Response, error) {
			return h.PutVhostLimits(o.VHost, rabbithole.VhostLimitsValues{o.Name: int(o.Value)})
		}
	case *topology.Permission:
		return func(h *rabbithole.Client) (*http.Response, error) {
			return h.UpdatePermissionsIn(o.VHost, o.User,
				rabbithole.Permissions{Configure: o.Configure, Write: o.Write, Read: o.Read})
		}
	case *topology.TopicPermission:
		return func(h *rabbithole.Client) (*http.Response, error) {
			return h.UpdateTopicPermissionsIn(o.VHost, o.User,
				rabbithole.TopicPermissions{Exchange: o.Exchange, Write: o.Write, Read: o.Read})
		}
	case *topology.Parameter:
		return func(h *rabbithole.Client) (*http.Response, error) {
			return h.PutRuntimeParameter(o.Component, o.VHost, o.Name, raw(o.Value))
		}
	case *topology.Policy:
		return putPolicy(o)
	}
	return nil
}

func putPolicy(p *topology.Policy) response {
	return func(h *rabbithole.Client) (*http.Response, error) {
		if p.Operator {
			return h.PutOperatorPolicy(p.VHost, p.Name, rabbithole.OperatorPolicy{
				Vhost: p.VHost, Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: int(p.Priority), Definition: rawTable(p.Definition),
			})
		}
		return h.PutPolicy(p.VHost, p.Name, rabbithole.Policy{
			Vhost: p.VHost, Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: int(p.Priority), Definition: rawTable(p.Definition),
		})
	}
}

func (c *Client) putGlobal(ctx context.Context, name string, value json.RawMessage) error {
	if err := addressable(name); err != nil {
		return err
	}
	return c.api.change(ctx, func(h *rabbithole.Client) (*http.Response,
		error) {
		return h.PutGlobalParameter(name, value)
	})
}

// putVHost sends what the file declares and keeps what it does not: a PUT resets the description
// and the tags on all lines, and on 4.3 the default queue type too.
func (c *Client) putVHost(ctx context.Context, want *topology.VHost) error {
	var have vhostJSON
	if err := c.api.get(ctx, path("vhosts", want.Name), &have); gone(err) != nil {
		return err
	}
	live := have.vhost()
	body := map[string]any{"description": live.Description, "tags": strings.Join(live.Tags, ",")}
	if want.Declared.Description {
		body["description"] = want.Description
	}
	if want.Declared.Tags {
		body["tags"] = strings.Join(want.Tags, ",")
	}
	queueType := live.DefaultQueueType
	if want.Declared.DefaultQueueType {
		queueType = want.DefaultQueueType
	}
	if queueType != "" {
		body["default_queue_type"] = queueType
	}
	return c.api.put(ctx, http.MethodPut, path("vhosts", want.Name), body)
}

// putUser sends the password, or the hash; a user without either may not log in with a password.
func (c *Client) putUser(ctx context.Context, want *topology.User) error {
	body := map[string]any{"tags": strings.Join(want.Tags, ",")}
	switch {
	case want.Password != "":
		body["password"] = string(want.Password)
	case want.PasswordHash != "":
		body["password_hash"] = string(want.PasswordHash)
		if want.HashingAlgorithm != "" {
			body["hashing_algorithm"] = want.HashingAlgorithm
		}
	default:
		body["password_hash"] = ""
	}
	return c.api.put(ctx, http.MethodPut, path("users", want.Name), body)
}

// despiteStumbles repeats a request that can be done twice while the broker says of a vhost that is
// there that it is not, or that it is down: 4.0.5 does so once in thousands of declarations on a
// busy node.
func (c *Client) despiteStumbles(ctx context.Context, vhost string, f func() error) error {
	for attempt := 1; ; attempt++ {
		err := f()
		var refusal *apiError
		if !errors.As(err, &refusal) || attempt == stumbles {
			return err
		}
		switch parseReply(refusal.reason).kind {
		case replyNoVHost, replyVHostDown:
		default:
			return err
		}
		if c.api.get(ctx, path("vhosts", vhost), new(vhostJSON)) != nil || pause(ctx, attempt) != nil {
			return err
		}
	}
}

// declareHTTP is for exchanges, queues and bindings where AMQP is out of reach.
func (c *Client) declareHTTP(ctx context.Context, o topology.Object) error {
	ref := o.Ref()
	if err := addressable(ref.VHost, ref.Name, ref.Parent); err != nil {
		return err
	}
	switch o := o.(type) {
	case *topology.Exchange:
		return c.api.put(ctx, http.MethodPut, path("exchanges", o.VHost, o.Name), map[string]any{
			"type": o.Type, "durable": o.Durable, "auto_delete": o.AutoDelete, "internal": o.Internal, "arguments": rawTable(o.Arguments),
		})
	case *topology.Queue:
		return c.api.put(ctx, http.MethodPut, path("queues", o.VHost, o.Name), map[string]any{
			"durable": o.Durable, "auto_delete": o.AutoDelete, "arguments": rawTable(queueArguments(o)),
		})
	case *topology.Binding:
		for _, name := range o.Arguments.Keys() {
			if o.Arguments[name] == nil { // the broker answers 500
				return &Error{Text: fmt.Sprintf("argument %q has no value (null): that can be sent over AMQP only, and %s is "+
					"not reachable", name, c.opts.amqpURL())}
			}
		}
		return c.api.put(ctx, http.MethodPost, bindingPath(o),
			map[string]any{"routing_key": o.RoutingKey, "arguments": rawTable(o.Arguments)})
	}
	return nil
}

func bindingPath(b *topology.Binding) string {
	to := "q"
	if b.DestinationType == topology.ToExchange {
		to = "e"
	}
	return path("bindings", b.VHost, "e", b.Source, to, b.Destination)
}

// deleteHTTP deletes an object without guards.
func (c *Client) deleteHTTP(ctx context.Context, o topology.Object) error {
	if c.api == nil {
		return &Error{Text: "that takes the management API: over AMQP alone only exchanges, queues and bindings can be " +
			"deleted", Kind: ErrAPI}
	}
	ref := o.Ref()
	if err := addressable(ref.VHost, ref.Name, ref.Parent); err != nil {
		return err
	}
	var p string
	switch o := o.(type) {
	case *topology.VHost:
		p = path("vhosts", o.Name)
	case *topology.User:
		p = path("users", o.Name)
	case *topology.UserLimit:
		p = path("user-limits", o.User, o.Name)
	case *topology.Permission:
		p = path("permissions", o.VHost, o.User)
	case *topology.TopicPermission:
		p = path("topic-permissions", o.VHost, o.User, o.Exchange)
	case *topology.VHostLimit:
		p = path("vhost-limits", o.VHost, o.Name)
	case *topology.GlobalParameter:
		p = path("global-parameters", o.Name)
	case *topology.Parameter:
		p = path("parameters", o.Component, o.VHost, o.Name)
	case *topology.Policy:
		kind := "policies"
		if o.Operator {
			kind = "operator-policies"
		}
		p = path(kind, o.VHost, o.Name)
	default:
		return &Error{Text: "the management API has no way to delete it"}
	}
	return c.api.put(ctx, http.MethodDelete, p, nil)
}

// gone makes "not found" a success.
func gone(err error) error {
	var refusal *apiError
	if errors.As(err, &refusal) && refusal.status == http.StatusNotFound {
		return nil
	}
	return err
}
