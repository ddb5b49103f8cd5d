package migrate

import (
	"maps"

	"github.com/msgctl/msgctl/pkg/message"
)

// headerExpiration keeps the expiration of a message in the backlog, where it must not expire.
const headerExpiration = "x-msgctl-migration-expiration"

// Identity is the user that moves messages. The broker refuses a user_id other than the login's
// unless the user has the tag impersonator (fact user-id).
type Identity struct {
	Login        string
	Impersonator bool
}

// Store returns what to publish into the backlog for a message of the queue. It lacks what counts for
// the queue that it leaves only. Its expiration is put aside.
func (i Identity) Store(m *message.Message) *message.Message {
	out := i.carry(m)
	if m.Expiration != "" {
		out.Headers[headerExpiration] = m.Expiration
		out.Properties = out.Without(message.ExpirationProperty)
	}
	return out
}

// Restore returns what to publish into the new queue for a message of the backlog or the arrivals.
func (i Identity) Restore(m *message.Message) *message.Message {
	out := i.carry(m)
	if text, ok := out.Headers[headerExpiration].(string); ok {
		delete(out.Headers, headerExpiration)
		out.Expiration = text
	}
	return out
}

func (i Identity) carry(m *message.Message) *message.Message {
	out := *m
	out.Headers = maps.Clone(m.Headers)
	if out.Headers == nil {
		out.Headers = message.Table{}
	}
	delete(out.Headers, message.HeaderDeliveryCount)
	delete(out.Headers, message.HeaderAcquiredCount)
	if m.Present(message.UserIDProperty) && !i.Impersonator && m.UserID != i.Login {
		out.Headers[message.HeaderUserID] = m.UserID
		out.Properties = out.Without(message.UserIDProperty)
	}
	return &out
}
