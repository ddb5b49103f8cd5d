package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	rabbithole "github.com/michaelklishin/rabbit-hole/v2"

	"github.com/msgctl/msgctl/internal/refusal"
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

// Put creates or changes an object of a kind that only the management API writes. Its errors are
// not explained: see Explain.
func (c *Client) Put(ctx context.Context, o topology.Object) error {
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
		return &refusal.Error{Text: "the management API has no way to write it"}
	}
	return c.change(ctx, call)
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
				Vhost: p.VHost, Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: int(p.Priority),
				Definition: rawTable(p.Definition),
			})
		}
		return h.PutPolicy(p.VHost, p.Name, rabbithole.Policy{
			Vhost: p.VHost, Name: p.Name, Pattern: p.Pattern, ApplyTo: p.ApplyTo, Priority: int(p.Priority),
			Definition: rawTable(p.Definition),
		})
	}
}

func (c *Client) putGlobal(ctx context.Context, name string, value json.RawMessage) error {
	if err := addressable(name); err != nil {
		return err
	}
	return c.change(ctx, func(h *rabbithole.Client) (*http.Response,
		error) {
		return h.PutGlobalParameter(name, value)
	})
}

// putVHost sends what the file declares and keeps what it does not. A PUT resets the description
// and the tags, and with some brokers the default queue type (fact default-type-resets).
func (c *Client) putVHost(ctx context.Context, want *topology.VHost) error {
	var have vhostJSON
	if err := c.get(ctx, path("vhosts", want.Name), &have); missing(err) != nil {
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
		body["defaultqueuetype"] = queueType // (fact default-queue-type)
	}
	if err := c.do(ctx, http.MethodPut, path("vhosts", want.Name), body); err != nil {
		return err
	}
	return c.protectVHost(ctx, want, live.ProtectedFromDeletion)
}

// protectVHost sets or lifts the protection from deletion, which a PUT leaves as it is.
func (c *Client) protectVHost(ctx context.Context, want *topology.VHost, have bool) error {
	if !want.Declared.ProtectedFromDeletion || want.ProtectedFromDeletion == have {
		return nil
	}
	method := http.MethodDelete
	if want.ProtectedFromDeletion {
		method = http.MethodPost
	}
	return c.do(ctx, method, path("vhosts", want.Name, "deletion", "protection"), nil)
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
	return c.do(ctx, http.MethodPut, path("users", want.Name), body)
}

// retryVHost sends a request that is safe to repeat again while the broker says that its vhost is
// missing or down (fact transient-no-vhost).
func (c *Client) retryVHost(ctx context.Context, vhost string, f func() error) error {
	for attempt := 1; ; attempt++ {
		err := f()
		var answer *Refusal
		if !errors.As(err, &answer) || attempt == transientAttempts {
			return err
		}
		switch refusal.Parse(answer.reason).Kind {
		case refusal.NoVHost, refusal.VHostDown:
		default:
			return err
		}
		if c.get(ctx, path("vhosts", vhost), new(vhostJSON)) != nil || pause(ctx, attempt) != nil {
			return err
		}
	}
}

// Declare makes an exchange, a queue or a binding, for when AMQP is out of reach. Its errors are
// not explained: see Explain.
func (c *Client) Declare(ctx context.Context, o topology.Object) error {
	return c.retryVHost(ctx, o.Ref().VHost, func() error { return c.declare(ctx, o) })
}

// DeclareQueueOn declares a queue on a node of the cluster, where its leader begins, if the
// broker's settings do not say otherwise.
func (c *Client) DeclareQueueOn(ctx context.Context, q *topology.Queue, node string) error {
	if err := addressable(q.VHost, q.Name); err != nil {
		return err
	}
	return c.retryVHost(ctx, q.VHost, func() error {
		return c.do(ctx, http.MethodPut, path("queues", q.VHost, q.Name), map[string]any{
			"durable": q.Durable, "auto_delete": q.AutoDelete, "arguments": rawTable(q.DeclaredArguments()), "node": node,
		})
	})
}

func (c *Client) declare(ctx context.Context, o topology.Object) error {
	ref := o.Ref()
	if err := addressable(ref.VHost, ref.Name, ref.Parent); err != nil {
		return err
	}
	switch o := o.(type) {
	case *topology.Exchange:
		return c.do(ctx, http.MethodPut, path("exchanges", o.VHost, o.Name), map[string]any{
			"type": o.Type, "durable": o.Durable, "auto_delete": o.AutoDelete, "internal": o.Internal,
			"arguments": rawTable(o.Arguments),
		})
	case *topology.Queue:
		return c.do(ctx, http.MethodPut, path("queues", o.VHost, o.Name), map[string]any{
			"durable": o.Durable, "auto_delete": o.AutoDelete, "arguments": rawTable(o.DeclaredArguments()),
		})
	case *topology.Binding:
		for _, name := range o.Arguments.Keys() {
			if o.Arguments[name] == nil { // the broker answers 500
				return &refusal.Error{Text: fmt.Sprintf("argument %q has no value (null): that can be sent over AMQP only, which "+
					"is out of reach", name)}
			}
		}
		return c.do(ctx, http.MethodPost, bindingPath(o),
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

// Delete deletes an object other than an exchange, a queue or a binding, without guards. One that
// is not there is an error: see IsNotFound. Its errors are not explained: see Explain.
func (c *Client) Delete(ctx context.Context, o topology.Object) error {
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
		return &refusal.Error{Text: "the management API has no way to delete it"}
	}
	return c.do(ctx, http.MethodDelete, p, nil)
}

// DeleteExchange deletes an exchange. Its errors are not explained: see Explain.
func (c *Client) DeleteExchange(ctx context.Context, x *topology.Exchange, ifUnused bool) error {
	if err := addressable(x.VHost, x.Name); err != nil {
		return err
	}
	p := path("exchanges", x.VHost, x.Name)
	if ifUnused {
		p += "?if-unused=true"
	}
	return c.do(ctx, http.MethodDelete, p, nil)
}

// DeleteQueue deletes a queue; only classic queues know the guards. Its errors are not explained:
// see Explain.
func (c *Client) DeleteQueue(ctx context.Context, q *topology.Queue, ifUnused, ifEmpty bool) error {
	if err := addressable(q.VHost, q.Name); err != nil {
		return err
	}
	return c.do(ctx, http.MethodDelete, path("queues", q.VHost, q.Name)+fmt.Sprintf("?if-unused=%t&if-empty=%t",
		ifUnused, ifEmpty), nil)
}

// DeleteBinding deletes a binding by its properties keys. Those that are gone already are fine. Its
// errors are not explained: see Explain.
func (c *Client) DeleteBinding(ctx context.Context, b *topology.Binding) error {
	if err := addressable(b.VHost, b.Source, b.Destination); err != nil {
		return err
	}
	for _, key := range b.PropertiesKeys {
		if err := missing(c.do(ctx, http.MethodDelete, bindingPath(b)+"/"+path(key), nil)); err != nil {
			return err
		}
	}
	return nil
}
