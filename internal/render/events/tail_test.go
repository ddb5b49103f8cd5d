package events_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/render/events"
	"github.com/msgctl/msgctl/internal/terminal"
	"github.com/msgctl/msgctl/pkg/consume/tail"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
)

func seenEvent(id, cause, correlation string) *events.TailMessage {
	return &events.TailMessage{
		Item: tail.Item{At: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
			Message: message.Message{Exchange: "x", RoutingKey: "k", Body: []byte("body")}},
		Event: &event.Envelope{EventID: id, EventType: "type." + id, AggregateType: "A", AggregateID: "1",
			Metadata: event.Metadata{CorrelationID: correlation, CausationID: cause}},
	}
}

// TestFollowShowsATreeOfCauses checks the tree for events that arrive in any order and for a cycle
// of causes.
func TestFollowShowsATreeOfCauses(t *testing.T) {
	s := events.NewCausationTree("c")
	for _, e := range []*events.TailMessage{
		seenEvent("4", "2", "c"), seenEvent("other", "", "d"), seenEvent("1", "", "c"), seenEvent("2", "1",
			"c"), seenEvent("3", "1", "c"),
		seenEvent("5", "2", ""), // caused by one of the story, though without its id
		seenEvent("a", "b", "c"), seenEvent("b", "a", "c"),
	} {
		if got, want := s.Add(e), e.ID() != "other"; got != want {
			t.Errorf("event %s: %v", e.ID(), got)
		}
	}
	var out bytes.Buffer
	if err := s.Write(&out, terminal.NewStyler(false), 0); err != nil {
		t.Fatal(err)
	}
	var shape []string
	for line := range strings.Lines(out.String()) {
		_, rest, _ := strings.Cut(line, "Z  ")
		shape = append(shape, strings.TrimRight(strings.SplitN(rest, "  A 1", 2)[0], " "))
	}
	want := "type.1\n├─ type.2\n│  ├─ type.4\n│  └─ type.5\n└─ type.3\ntype.b\n└─ type.a"
	if got := strings.Join(shape, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	text, err := json.Marshal(s.Document())
	if err != nil || !strings.Contains(string(text), `"count":7`) {
		t.Errorf("%s %v", text, err)
	}
}

// TestCausationTreeIsBounded checks that events beyond the limit are counted but not kept.
func TestCausationTreeIsBounded(t *testing.T) {
	s := events.NewCausationTree("c")
	for i := range 10_100 {
		s.Add(seenEvent(fmt.Sprint(i), fmt.Sprint(i-1), "c"))
	}
	if s.Left != 100 || s.Len() != 10_100 {
		t.Errorf("%d left of %d", s.Left, s.Len())
	}
	if err := s.Write(&bytes.Buffer{}, terminal.NewStyler(false), 80); err != nil {
		t.Fatal(err)
	}
}

// TestTailTellsWhenItHappened checks that a message that waited is shown with its time of
// publication, and with the date if that was on another day.
func TestTailTellsWhenItHappened(t *testing.T) {
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.Local)
	inMilliseconds := time.Unix(1700000000123, 0) // no plausible time
	for want, published := range map[string]time.Time{"12:00:00.000  ": {}, "12:00:00.000": inMilliseconds,
		"11:59:59.000  ": at.Add(-time.Second),
		"Jan  3 12:00  ": at.AddDate(0, 0, -28), "Jan 31 12:00  ": at.AddDate(-1, 0, 0)} {
		e := seenEvent("1", "", "")
		e.At, e.Published = at, published
		var out bytes.Buffer
		lines := events.NewTailLines(&out, terminal.NewStyler(false), 80)
		if err := lines.Write(e); err != nil || lines.Flush() != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("want %q: %q, %v", want, out.String(), err)
		}
	}
}

// TestTailLinesFitAndAreHarmless checks that, for any message, a line fits the terminal and
// contains no control characters.
func TestTailLinesFitAndAreHarmless(t *testing.T) {
	hostile := "\x1b[2J\u202e\n世界" + strings.Repeat("long ", 50)
	for _, width := range []int{0, 40, 60, 76, 80, 120, 200} {
		for _, traced := range []bool{false, true} {
			e := seenEvent(hostile, "", "")
			e.Event.EventType, e.Event.AggregateID, e.Message.Exchange = hostile, hostile, hostile
			e.Validity, e.Problems = events.Invalid, []event.Violation{{Pointer: "/" + hostile, Message: hostile}}
			if traced {
				e.Trace = &tail.Trace{Delivered: true, Queue: hostile, User: hostile}
			}
			var out bytes.Buffer
			lines := events.NewTailLines(&out, terminal.NewStyler(false), width)
			if err := lines.Write(e); err != nil || lines.Flush() != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				line = strings.TrimRight(line, "\n")
				if strings.ContainsAny(line, "\x1b\u202e") {
					t.Fatalf("width %d: %q", width, line)
				}
				if n := terminal.Width(line); width > 0 && n > width {
					t.Errorf("width %d, traced %v: a line of %d columns: %s", width, traced, n, line)
				}
			}
			if err := lines.WriteDetails(e); err != nil || lines.Flush() != nil ||
				strings.ContainsAny(out.String(), "\x1b\u202e") {
				t.Fatalf("width %d: the card: %v", width, err)
			}
			if text := e.Append(nil); !json.Valid(text) || bytes.ContainsAny(text, "\x1b\n") {
				t.Fatalf("%s", text)
			}
		}
	}
}
