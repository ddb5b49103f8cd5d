package management

import (
	"context"
	"encoding/json"
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
