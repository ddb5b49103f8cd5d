package management

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/internal/refusal"
	"github.com/msgctl/msgctl/pkg/topology"
)

// ownership keeps a record found among the global parameters. A record that cannot be understood is
// kept as broken, so that nobody overwrites it.
func (r *reading) ownership(name string, value []byte) {
	o, err := topology.DecodeOwnership(name, value)
	if err != nil && o.Broken == "" {
		o.Broken = err.Error()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live.Ownership[name] = o
}

// SaveOwnership writes the record as the global parameter msgctl.<name>, or removes it when it is
// empty. It takes the tag policymaker.
func (c *Client) SaveOwnership(ctx context.Context, o topology.Ownership) error {
	p := &topology.GlobalParameter{Name: topology.OwnershipParameter(o.Name)}
	op := refusal.Operation{Op: fmt.Sprintf("record what topology %q owns", o.Name), Object: p, User: c.opts.User}
	if len(o.Refs) == 0 {
		return c.Explain(ctx, op, missing(c.Delete(ctx, p)))
	}
	value, err := o.Encode()
	if err != nil {
		return err
	}
	return c.Explain(ctx, op, c.putGlobal(ctx, p.Name, json.RawMessage(value)))
}

// ForgetOwnership removes a record if it is still as given and no vhost that it names exists. It
// takes the tags policymaker and monitoring.
func (c *Client) ForgetOwnership(ctx context.Context, o topology.Ownership) error {
	p := &topology.GlobalParameter{Name: topology.OwnershipParameter(o.Name)}
	op := refusal.Operation{Op: fmt.Sprintf("forget what topology %q owned", o.Name), Object: p, User: c.opts.User}
	r := c.newReading(Scope{})
	if err := errors.Join(r.globalParameters(ctx), r.vhosts(ctx)); err != nil {
		return c.Explain(ctx, op, err)
	}
	if found, ok := r.live.Ownership[o.Name]; !ok || found.Broken != "" || !found.Equal(o) {
		return nil
	}
	for ref := range o.Refs {
		if r.live.Has(topology.Ref{Kind: topology.KindVHost, Name: ref.Within()}) {
			return nil
		}
	}
	return c.Explain(ctx, op, missing(c.Delete(ctx, p)))
}
