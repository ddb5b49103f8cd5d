package replay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline"
	"github.com/msgctl/msgctl/pkg/message"
)

func decide(t *testing.T, o Options, m *message.Message) pipeline.Decision {
	t.Helper()
	if o.ID == "" {
		o.ID = "r-now"
	}
	if o.MaxReplays == 0 {
		o.MaxReplays = DefaultMaxReplays
	}
	o.Queue = "dlq"
	before := fmt.Sprintf("%#v", m)
	v := o.decider().decide(t.Context(), m)
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
	v := decide(t, Options{Identity: Identity{Login: "ops"}}, m)
	if v.Action != pipeline.Process || v.Target.Key != "work" || v.Target.Exchange != "" || !v.Altered {
		t.Fatalf("%+v", v)
	}
	h := v.Message.Headers
	for _, name := range []string{"x-death", "x-first-death-queue", "CC"} {
		if _, has := h[name]; has {
			t.Errorf("%s was left on", name)
		}
	}
	for name, value := range h { // a client that knows only text must be able to read the message
		if _, text := value.(string); !text && strings.HasPrefix(name, "x-msgctl-") {
			t.Errorf("%s is %T", name, value)
		}
	}
	if v.Message.UserID != "" || h[HeaderUserID] != "bob" || h["tenant"] != "acme" || v.Message.Expiration != "" ||
		v.Message.Priority != 3 {
		t.Errorf("%+v", v.Message)
	}
	if v := decide(t, Options{Identity: Identity{Login: "bob"}}, m); v.Message.UserID != "bob" || v.Altered {
		t.Error("the login's own user_id was dropped")
	}
	if v := decide(t, Options{Identity: Identity{Login: "ops", Impersonator: true}}, m); v.Message.UserID != "bob" {
		t.Error("an impersonator's user_id was dropped")
	}
	if v := decide(t, Options{RestoreTTL: true}, m); v.Message.Expiration != "60000" {
		t.Errorf("expiration %q", v.Message.Expiration)
	}
	if v := decide(t, Options{To: Destination{Kind: ToOrigin}}, m); v.Target.Exchange != "orders" ||
		fmt.Sprint(v.Message.Headers["CC"]) != "[cc]" {
		t.Errorf("%+v with %v", v.Target, v.Message.Headers["CC"])
	}
}

func TestAForgedExpirationIsNotRestored(t *testing.T) {
	h := died("work", "")
	h[message.HeaderDeath].([]any)[0].(message.Table)["original-expiration"] = "12s"
	if v := decide(t, Options{RestoreTTL: true}, &message.Message{Headers: h}); v.Message.Expiration != "" {
		t.Errorf("expiration %q would close the channel", v.Message.Expiration)
	}
}

func TestTheExpirationOfAnEarlierLifeIsRestored(t *testing.T) {
	again := died("work", "")
	delete(again[message.HeaderDeath].([]any)[0].(message.Table), "original-expiration")
	h := merged(message.ReplayHeaders(died("work", "orders", "created"), message.Replay{ID: "r-1", From: "dlq"}), again)
	if v := decide(t, Options{RestoreTTL: true}, &message.Message{Headers: h}); v.Message.Expiration != "60000" {
		t.Errorf("expiration %q", v.Message.Expiration)
	}
}

func TestTheExpirationThatAStreamKeepsIsTakenOff(t *testing.T) {
	h := merged(died("work", "orders", "created"), message.Table{message.HeaderStreamOffset: int64(7)})
	for expiration, want := range map[string]string{"60000": "", "5000": "5000"} { // the latter it got after its death
		m := &message.Message{Headers: h, Properties: message.Properties{Expiration: expiration}}
		if v := decide(t, Options{From: From{Type: "stream"}, Copy: true}, m); v.Message.Expiration != want {
			t.Errorf("expiration %s became %q", expiration, v.Message.Expiration)
		}
		if v := decide(t, Options{From: From{Type: "stream"}, Copy: true, RestoreTTL: true},
			m); v.Message.Expiration != expiration {
			t.Errorf("restored, %s became %q", expiration, v.Message.Expiration)
		}
	}
}

func TestWhatKeepsComingBackIsLeft(t *testing.T) {
	h := merged(died("work", ""), message.Table{message.HeaderReplayCount: int64(3), message.HeaderReplayID: "r-old"})
	m := &message.Message{Headers: h}
	if v := decide(t, Options{}, m); v.Action != pipeline.Leave || v.Reason != ReasonMaxReplays {
		t.Errorf("%+v", v)
	}
	if v := decide(t, Options{MaxReplays: 4}, m); v.Action != pipeline.Process ||
		v.Message.Headers[message.HeaderReplayCount] != "4" {
		t.Errorf("%+v", v)
	}
	if v := decide(t, Options{MaxReplays: -1}, m); v.Action != pipeline.Process {
		t.Errorf("%+v", v)
	}
	if v := decide(t, Options{ID: "r-old"}, m); v.Action != pipeline.Leave || v.Reason != ReasonDiedAgain ||
		!v.Outside {
		t.Errorf("%+v", v)
	}
}

// TestStampsInsideAnEnvelopeCount: EasyNetQ puts a message that fails again into a new envelope, with the stamps in it.
func TestStampsInsideAnEnvelopeCount(t *testing.T) {
	wrapped := func(count, id string) *message.Message {
		return &message.Message{
			Properties: message.Properties{Type: "EasyNetQ.SystemMessages.Error, EasyNetQ"},
			Body: []byte(`{"RoutingKey":"k","Exchange":"x","Queue":"work","Exception":"boom","Message":"{}","BasicProperties":
				{"Headers":{"x-msgctl-replay-count":` + count + `,"x-msgctl-replay-id":` + id + `}}}`),
		}
	}
	bytes := `{"$type":"System.Byte[], System.Private.CoreLib","$value":"ci0x"}` // r-1
	for name, m := range map[string]*message.Message{
		"text": wrapped(`"3"`, `"r-1"`), "number": wrapped("3", `"r-1"`),
		"bytes": wrapped(`{"$type":"System.Byte[], System.Private.CoreLib","$value":"Mw=="}`, bytes),
	} {
		if v := decide(t, Options{}, m); v.Action != pipeline.Leave || v.Reason != ReasonMaxReplays {
			t.Errorf("%s: %+v", name, v)
		}
		if v := decide(t, Options{ID: "r-1"}, m); v.Action != pipeline.Leave || v.Reason != ReasonDiedAgain || !v.Outside {
			t.Errorf("%s: %+v", name, v)
		}
		m.Headers = message.Table{message.HeaderReplayCount: "1"}
		v := decide(t, Options{MaxReplays: 9}, m)
		if v.Action != pipeline.Process || v.Message.Headers[message.HeaderReplayCount] != "5" ||
			string(v.Message.Body) != "{}" {
			t.Errorf("%s: %+v", name, v)
		}
	}
	broken := &message.Message{Properties: message.Properties{Type: "EasyNetQ.SystemMessages.Error"}, Body: []byte("{")}
	if broken.Replays() != 0 || broken.ReplayedBy("") || broken.ReplayedBy("r-1") {
		t.Error("a broken envelope was replayed")
	}
}

func TestAMoveIsNoReplay(t *testing.T) {
	h := merged(died("work", "orders", "created"), message.Table{message.HeaderReplayCount: int64(3),
		message.HeaderReplayID: "r-old", message.HeaderReplayFrom: "dlq"})
	o := Options{To: Destination{Kind: ToQueue, Queue: "parked"}, MaxReplays: -1, move: true}
	v := decide(t, o, &message.Message{Headers: h})
	if v.Action != pipeline.Process || v.Target.Key != "parked" ||
		v.Message.Headers[message.HeaderReplayCount] != int64(3) ||
		v.Message.Headers[message.HeaderReplayID] != "r-old" {
		t.Fatalf("%+v", v)
	}
	back := *v.Message
	if v := decide(t, Options{MaxReplays: -1}, &back); v.Action != pipeline.Process || v.Target.Key != "work" {
		t.Errorf("a moved message has no way back: %+v", v)
	}
}

func TestHeadersThatOutgrowAFrameLoseTheNote(t *testing.T) {
	h := merged(died("work", "orders", "created"), message.Table{"big": strings.Repeat("x", maxHeaders-200)})
	v := decide(t, Options{}, &message.Message{Headers: h})
	if _, has := v.Message.Headers[message.HeaderOriginalHeaders]; has ||
		message.HeadersSize(v.Message.Headers) > maxHeaders {
		t.Errorf("%d bytes of headers", message.HeadersSize(v.Message.Headers))
	}
}

func TestSelection(t *testing.T) {
	old := &message.Message{Properties: message.Properties{MessageID: "a"}, Headers: died("work", "")}
	undated := &message.Message{Properties: message.Properties{MessageID: "b"}}
	bare := &message.Message{Unread: &message.Unread{Partial: true}}
	named := &message.Message{Properties: undated.Properties, Unread: bare.Unread}
	dated := &message.Message{Headers: old.Headers, Unread: bare.Unread}
	now := time.Unix(1700000000, 0).Add(time.Hour)
	for name, c := range map[string]struct {
		s      Selection
		m      *message.Message
		want   bool
		unsure bool
	}{
		"all":          {Selection{}, undated, true, false},
		"id":           {Selection{IDs: []string{"x", "a"}}, old, true, false},
		"other id":     {Selection{IDs: []string{"x"}}, old, false, false},
		"old enough":   {Selection{OlderThan: time.Hour}, old, true, false},
		"too young":    {Selection{OlderThan: time.Hour + time.Second}, old, false, false},
		"undated":      {Selection{OlderThan: time.Second}, undated, false, false},
		"id missing":   {Selection{IDs: []string{"x"}}, bare, false, true},
		"id there":     {Selection{IDs: []string{"x"}, OlderThan: time.Second}, named, false, false},
		"time missing": {Selection{OlderThan: time.Second}, named, false, true},
		"time there":   {Selection{OlderThan: time.Hour + time.Second}, dated, false, false},
	} {
		got, err := c.s.At(now)(c.m)
		if got != c.want || errors.As(err, new(*message.Unread)) != c.unsure || !c.unsure && err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestDryRunCountsWhatAReplayWouldDo(t *testing.T) {
	p := NewDryRun(Options{From: From{Queue: "dlq"},
		Select: Selection{Where: func(m *message.Message) (bool, error) { return m.MessageID != "skip", nil }}})
	for _, m := range []*message.Message{
		{Headers: died("a", "")}, {Headers: died("a", "")}, {Headers: died("b", "")}, {},
		{Properties: message.Properties{MessageID: "skip"}},
		{Headers: merged(died("a", ""), message.Table{message.HeaderReplayCount: int64(9)})},
	} {
		p.Add(t.Context(), m)
	}
	got := p.Result()
	if got.Browsed != 6 || got.Matching != 5 || got.Sends != 3 || len(got.Targets) != 2 || got.Targets[0].Key != "a" ||
		got.Targets[0].Messages != 2 || len(got.Stays) != 2 {
		t.Errorf("%+v", got)
	}
}
