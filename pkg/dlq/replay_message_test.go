package dlq

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

func decide(t *testing.T, o ReplayOptions, m *message.Message) verdict {
	t.Helper()
	if o.ID == "" {
		o.ID = "r-now"
	}
	if o.MaxReplays == 0 {
		o.MaxReplays = DefaultMaxReplays
	}
	o.Queue = "dlq"
	before := fmt.Sprintf("%#v", m)
	v := o.decider().decide(m)
	if after := fmt.Sprintf("%#v", m); after != before {
		t.Errorf("the message was changed:\n%s\n%s", before, after)
	}
	return v
}

func TestWhatIsSent(t *testing.T) {
	m := &message.Message{
		Properties: message.Properties{MessageID: "m", UserID: "bob", Priority: 3, Timestamp: time.Unix(1700000000, 0).UTC()},
		Headers: merged(died("work", "orders", "created", "cc"),
			message.Table{"tenant": "acme", "CC": []any{"x"}}), Body: []byte("b"),
	}
	v := decide(t, ReplayOptions{Identity: Identity{Login: "ops"}}, m)
	if v.action != actDo || v.target.Key != "work" || v.target.Exchange != "" || !v.altered {
		t.Fatalf("%+v", v)
	}
	h := v.out.Headers
	for _, name := range []string{"x-death", "x-first-death-queue", "CC"} {
		if _, has := h[name]; has {
			t.Errorf("%s was left on", name)
		}
	}
	if v.out.UserID != "" || h[HeaderUserID] != "bob" || h["tenant"] != "acme" || v.out.Expiration != "" ||
		v.out.Priority != 3 {
		t.Errorf("%+v", v.out)
	}
	if v := decide(t, ReplayOptions{Identity: Identity{Login: "bob"}}, m); v.out.UserID != "bob" || v.altered {
		t.Error("the login's own user_id was dropped")
	}
	if v := decide(t, ReplayOptions{Identity: Identity{Login: "ops", Impersonator: true}}, m); v.out.UserID != "bob" {
		t.Error("an impersonator's user_id was dropped")
	}
	if v := decide(t, ReplayOptions{RestoreTTL: true}, m); v.out.Expiration != "60000" {
		t.Errorf("expiration %q", v.out.Expiration)
	}
	if v := decide(t, ReplayOptions{To: Destination{Kind: ToOrigin}}, m); v.target.Exchange != "orders" ||
		fmt.Sprint(v.out.Headers["CC"]) != "[cc]" {
		t.Errorf("%+v with %v", v.target, v.out.Headers["CC"])
	}
}

func TestAForgedExpirationIsNotRestored(t *testing.T) {
	h := died("work", "")
	h[message.HeaderDeath].([]any)[0].(message.Table)["original-expiration"] = "12s"
	if v := decide(t, ReplayOptions{RestoreTTL: true}, &message.Message{Headers: h}); v.out.Expiration != "" {
		t.Errorf("expiration %q would close the channel", v.out.Expiration)
	}
}

func TestTheExpirationOfAnEarlierLifeIsRestored(t *testing.T) {
	again := died("work", "")
	delete(again[message.HeaderDeath].([]any)[0].(message.Table), "original-expiration")
	h := merged(message.ReplayHeaders(died("work", "orders", "created"), message.Replay{ID: "r-1", From: "dlq"}), again)
	if v := decide(t, ReplayOptions{RestoreTTL: true}, &message.Message{Headers: h}); v.out.Expiration != "60000" {
		t.Errorf("expiration %q", v.out.Expiration)
	}
}

func TestTheExpirationThatAStreamKeepsIsTakenOff(t *testing.T) {
	h := merged(died("work", "orders", "created"), message.Table{message.HeaderStreamOffset: int64(7)})
	for expiration, want := range map[string]string{"60000": "", "5000": "5000"} { // the latter it got after its death
		m := &message.Message{Headers: h, Properties: message.Properties{Expiration: expiration}}
		if v := decide(t, ReplayOptions{From: From{Type: "stream"}, Copy: true}, m); v.out.Expiration != want {
			t.Errorf("expiration %s became %q", expiration, v.out.Expiration)
		}
		if v := decide(t, ReplayOptions{From: From{Type: "stream"}, Copy: true, RestoreTTL: true},
			m); v.out.Expiration != expiration {
			t.Errorf("restored, %s became %q", expiration, v.out.Expiration)
		}
	}
}

func TestWhatKeepsComingBackIsLeft(t *testing.T) {
	h := merged(died("work", ""), message.Table{message.HeaderReplayCount: int64(3), message.HeaderReplayID: "r-old"})
	m := &message.Message{Headers: h}
	if v := decide(t, ReplayOptions{}, m); v.action != actStay || v.reason != ReasonMaxReplays {
		t.Errorf("%+v", v)
	}
	if v := decide(t, ReplayOptions{MaxReplays: 4}, m); v.action != actDo ||
		v.out.Headers[message.HeaderReplayCount] != int64(4) {
		t.Errorf("%+v", v)
	}
	if v := decide(t, ReplayOptions{MaxReplays: -1}, m); v.action != actDo {
		t.Errorf("%+v", v)
	}
	if v := decide(t, ReplayOptions{ID: "r-old"}, m); v.action != actStay || v.reason != ReasonDiedAgain || !v.outside {
		t.Errorf("%+v", v)
	}
}

func TestAMoveIsNoReplay(t *testing.T) {
	h := merged(died("work", "orders", "created"), message.Table{message.HeaderReplayCount: int64(3),
		message.HeaderReplayID: "r-old", message.HeaderReplayFrom: "dlq"})
	o := ReplayOptions{To: Destination{Kind: ToQueue, Queue: "parked"}, MaxReplays: -1, move: true}
	v := decide(t, o, &message.Message{Headers: h})
	if v.action != actDo || v.target.Key != "parked" || v.out.Headers[message.HeaderReplayCount] != int64(3) ||
		v.out.Headers[message.HeaderReplayID] != "r-old" {
		t.Fatalf("%+v", v)
	}
	back := *v.out
	if v := decide(t, ReplayOptions{MaxReplays: -1}, &back); v.action != actDo || v.target.Key != "work" {
		t.Errorf("a moved message has no way back: %+v", v)
	}
}

func TestHeadersThatOutgrowAFrameLoseTheNote(t *testing.T) {
	h := merged(died("work", "orders", "created"), message.Table{"big": strings.Repeat("x", maxHeaders-200)})
	v := decide(t, ReplayOptions{}, &message.Message{Headers: h})
	if _, has := v.out.Headers[message.HeaderOriginalHeaders]; has || message.HeadersSize(v.out.Headers) > maxHeaders {
		t.Errorf("%d bytes of headers", message.HeadersSize(v.out.Headers))
	}
}

func TestSelection(t *testing.T) {
	old := &message.Message{Properties: message.Properties{MessageID: "a"}, Headers: died("work", "")}
	undated := &message.Message{Properties: message.Properties{MessageID: "b"}}
	now := time.Unix(1700000000, 0).Add(time.Hour)
	for name, c := range map[string]struct {
		s    Selection
		m    *message.Message
		want bool
	}{
		"all":        {Selection{}, undated, true},
		"id":         {Selection{IDs: []string{"x", "a"}}, old, true},
		"other id":   {Selection{IDs: []string{"x"}}, old, false},
		"old enough": {Selection{OlderThan: time.Hour}, old, true},
		"too young":  {Selection{OlderThan: time.Hour + time.Second}, old, false},
		"undated":    {Selection{OlderThan: time.Second}, undated, false},
	} {
		if got, err := c.s.at(now).matches(c.m); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestPlannerCountsWhatAReplayWouldDo(t *testing.T) {
	p := NewPlanner(ReplayOptions{From: From{Queue: "dlq"},
		Select: Selection{Where: func(m *message.Message) (bool, error) { return m.MessageID != "skip", nil }}})
	for _, m := range []*message.Message{
		{Headers: died("a", "")}, {Headers: died("a", "")}, {Headers: died("b", "")}, {},
		{Properties: message.Properties{MessageID: "skip"}},
		{Headers: merged(died("a", ""), message.Table{message.HeaderReplayCount: int64(9)})},
	} {
		p.Add(m)
	}
	got := p.Plan()
	if got.Looked != 6 || got.Matching != 5 || got.Sends != 3 || len(got.Targets) != 2 || got.Targets[0].Key != "a" ||
		got.Targets[0].Messages != 2 || len(got.Stays) != 2 {
		t.Errorf("%+v", got)
	}
}
