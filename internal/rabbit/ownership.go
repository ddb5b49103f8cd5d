package rabbit

import (
	"context"
	"encoding/json"
	"fmt"

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
	e := c.explainer("", nil)
	e.op, e.object = fmt.Sprintf("record what topology %q owns", o.Name), p
	if c.api == nil {
		return &Error{Op: e.op, Text: "that takes the management API", Kind: ErrAPI}
	}
	if len(o.Refs) == 0 {
		return e.explain(ctx, gone(c.deleteHTTP(ctx, p)))
	}
	value, err := o.Encode()
	if err != nil {
		return err
	}
	return e.explain(ctx, c.putGlobal(ctx, p.Name, json.RawMessage(value)))
}
