package replay

import (
	"errors"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/message"
)

// Selection selects messages of a queue. The zero value selects all; if several conditions are set,
// all must hold.
type Selection struct {
	// Where is a compiled filter, nil for none. A message for which it fails stays in the queue and
	// is reported. Its error is a *message.Unread if the message would have to be read.
	Where func(*message.Message) (bool, error)
	// IDs are message ids; empty selects any.
	IDs []string
	// OlderThan selects messages that failed at least this long ago, by DiedAt; 0 selects any. A
	// message without a known time does not match.
	OlderThan time.Duration
}

// All reports whether every message is selected.
func (s Selection) All() bool { return s.Where == nil && len(s.IDs) == 0 && s.OlderThan <= 0 }

// At returns a function that reports whether a message is selected. Ages are relative to start. The
// error is a *message.Unread if what decides was not read, else that of Where.
func (s Selection) At(start time.Time) func(*message.Message) (bool, error) {
	return s.at(start).matches
}

// selection is a Selection for one run. Ages are relative to its start, so that the same messages
// match throughout.
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

// decide decides by the selection alone: a message that is not selected is skipped, one that was not
// read stays.
func (s selection) decide(m *message.Message) pipeline.Decision {
	ok, err := s.matches(m)
	var unread *message.Unread
	switch {
	case errors.As(err, &unread), ok && m.Unread != nil:
		return pipeline.LeaveUnread(m)
	case err != nil:
		return pipeline.Decision{Action: pipeline.Leave, Reason: ReasonUnreadable, Detail: err.Error()}
	case !ok:
		return pipeline.Decision{Action: pipeline.Skip}
	}
	return pipeline.Decision{Action: pipeline.Process, Message: m}
}

func (s selection) matches(m *message.Message) (bool, error) {
	// What is missing in a message that was not read may be its id, or the time of its death.
	partial := m.Unread != nil && m.Unread.Partial
	unnamed := s.ids != nil && partial && m.MessageID == ""
	undated := !s.until.IsZero() && partial && m.Headers[message.HeaderDeath] == nil
	if s.ids != nil && !s.ids[m.MessageID] && !unnamed || !undated && !s.oldEnough(m) {
		return false, nil
	}
	if s.where != nil {
		ok, err := s.where(m)
		if err != nil {
			return false, fmt.Errorf("filter message %q: %w", m.MessageID, err)
		}
		if !ok {
			return false, nil
		}
	}
	if unnamed || undated {
		return false, m.Unread
	}
	return true, nil
}

func (s selection) oldEnough(m *message.Message) bool {
	if s.until.IsZero() {
		return true
	}
	at := m.DiedAt()
	return !at.IsZero() && !at.After(s.until)
}
