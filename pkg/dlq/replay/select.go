package replay

import (
	"fmt"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// Selection says which messages of a queue are meant. The zero value means all; several conditions
// must all hold.
type Selection struct {
	// Where is a compiled filter, nil for none. A message for which it fails stays where it is and
	// is reported.
	Where func(*message.Message) (bool, error)
	// IDs are message_ids; empty for any.
	IDs []string
	// OlderThan selects messages that failed at least so long ago, by DiedAt; 0 for any. A message
	// that nothing dates does not match.
	OlderThan time.Duration
}

// All says that every message is meant.
func (s Selection) All() bool { return s.Where == nil && len(s.IDs) == 0 && s.OlderThan <= 0 }

// selection is a Selection for one run: the age is counted from its start, so that the same
// messages match all along.
type selection struct {
	where func(*message.Message) (bool, error)
	ids   map[string]bool
	until time.Time
}

func (s Selection) at(start time.Time) selection {
	out := selection{where: s.Where}
	if len(s.IDs) > 0 {
		out.ids = make(map[string]bool, len(s.IDs))
		for _, id := range s.IDs {
			out.ids[id] = true
		}
	}
	if s.OlderThan > 0 {
		out.until = start.Add(-s.OlderThan)
	}
	return out
}

func (s selection) matches(m *message.Message) (bool, error) {
	if s.ids != nil && !s.ids[m.MessageID] {
		return false, nil
	}
	if !s.until.IsZero() {
		if at := m.DiedAt(); at.IsZero() || at.After(s.until) {
			return false, nil
		}
	}
	if s.where == nil {
		return true, nil
	}
	ok, err := s.where(m)
	if err != nil {
		return false, fmt.Errorf("filter message %q: %w", m.MessageID, err)
	}
	return ok, nil
}
