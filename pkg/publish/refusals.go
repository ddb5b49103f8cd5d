package publish

import (
	"slices"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

const (
	// refusalLasts is how long a refusal applies to similar messages, before one of them is sent to
	// the broker again. A permission may be granted, or an exchange declared, while a publisher
	// runs.
	refusalLasts = 5 * time.Second
	// maxRefusals limits how many refusals are remembered.
	maxRefusals = 64
)

// refusals are the broker's recent refusals, newest last.
type refusals []struct {
	*Refusal
	until time.Time
}

// add remembers a refusal that applies to more than one message.
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

// match returns the refusal that applies to a message; nil if there is none.
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
