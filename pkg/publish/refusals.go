package publish

import (
	"slices"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

const (
	// refusalLasts is how long a refusal holds for messages that are alike, before one of them asks
	// the broker again: a permission may be granted, or an exchange declared, while a publisher runs.
	refusalLasts = 5 * time.Second
	// maxRefusals bounds how many are remembered.
	maxRefusals = 64
)

// refusals are what the broker refused a short time ago, the newest last.
type refusals []struct {
	*Refusal
	until time.Time
}

// add remembers a refusal that concerns more than one message.
func (r *refusals) add(x *Refusal) {
	if x.Alike == nil {
		return
	}
	if len(*r) == maxRefusals {
		*r = slices.Delete(*r, 0, 1)
	}
	*r = append(*r, struct {
		*Refusal
		until time.Time
	}{x, time.Now().Add(refusalLasts)})
}

// match returns the refusal that holds for a message, nil for none.
func (r *refusals) match(t Target, m *message.Message) error {
	if len(*r) == 0 {
		return nil
	}
	now := time.Now()
	for len(*r) > 0 && now.After((*r)[0].until) {
		*r = slices.Delete(*r, 0, 1)
	}
	for _, x := range *r {
		if x.Alike(t, m) {
			return x.Refusal
		}
	}
	return nil
}
