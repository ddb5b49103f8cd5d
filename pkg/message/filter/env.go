package filter

import (
	"reflect"
	"time"

	"github.com/msgctl/msgctl/pkg/message"
)

// env is the environment of an expression. Only the fields that the expression uses are filled in;
// body, text and age are read when the evaluation needs them. Expressions cannot call its methods,
// because all are unexported.
type env struct {
	Reason      string         `expr:"reason"`
	Queue       string         `expr:"queue"`
	Exchange    string         `expr:"exchange"`
	RoutingKey  string         `expr:"routingKey"`
	Source      string         `expr:"source"`
	Deaths      []deathView    `expr:"deaths"`
	DeathCount  int            `expr:"deathCount"`
	Age         time.Duration  `expr:"age"`
	Day         string         `expr:"day"`
	Headers     map[string]any `expr:"headers"`
	Properties  properties     `expr:"properties"`
	Body        any            `expr:"body"`
	Text        string         `expr:"text"`
	Error       errorView      `expr:"error"`
	ID          string         `expr:"id"`
	Size        int            `expr:"size"`
	Redelivered bool           `expr:"redelivered"`
	Replays     int            `expr:"replays"`

	m          *message.Message
	opts       *Options
	steps      int
	unknown    NotComparable // of the last comparison that could not be made
	anyUnknown bool
	text       string // the body, decompressed, once it is read
	isJSON     bool
	isRead     bool
}

// properties has the fields of message.Properties, so that one converts to the other.
type properties struct {
	ContentType     string    `expr:"contentType"`
	ContentEncoding string    `expr:"contentEncoding"`
	DeliveryMode    uint8     `expr:"deliveryMode"`
	Priority        uint8     `expr:"priority"`
	CorrelationID   string    `expr:"correlationId"`
	ReplyTo         string    `expr:"replyTo"`
	Expiration      string    `expr:"expiration"`
	MessageID       string    `expr:"messageId"`
	Timestamp       time.Time `expr:"timestamp"`
	Type            string    `expr:"type"`
	UserID          string    `expr:"userId"`
	AppID           string    `expr:"appId"`
	ClusterID       string    `expr:"clusterId"`

	Explicit message.PropertySet `expr:"-"`
}

type deathView struct {
	Reason      string    `expr:"reason"`
	Queue       string    `expr:"queue"`
	Exchange    string    `expr:"exchange"`
	RoutingKey  string    `expr:"routingKey"`
	RoutingKeys []string  `expr:"routingKeys"`
	Count       int       `expr:"count"`
	Time        time.Time `expr:"time"`
}

type errorView struct {
	Type      string `expr:"type"`
	Message   string `expr:"message"`
	Framework string `expr:"framework"`
	Queue     string `expr:"queue"`
	Task      string `expr:"task"`
	// Summary is the type or, if a framework notes no type, the first line of the message.
	// --group-by error uses it.
	Summary string `expr:"summary"`
}

// names returns the names that t's tags give to expressions.
func names(t reflect.Type) []string {
	var out []string
	for i := range t.NumField() {
		if name, ok := t.Field(i).Tag.Lookup("expr"); ok {
			out = append(out, name)
		}
	}
	return out
}

// uses is the set of variables that an expression names.
type uses map[string]bool

func (u uses) any(names ...string) bool {
	for _, n := range names {
		if u[n] {
			return true
		}
	}
	return false
}

func (u uses) body() bool { return u.any("body", "text") }

func (u uses) headers() bool {
	return u.any("headers", "reason", "queue", "exchange", "routingKey", "deaths", "deathCount", "age", "day", "error",
		"replays")
}

// load sets the environment to that of m, with the variables that the expression uses.
func (e *env) load(m *message.Message, u uses, o *Options) {
	*e = env{m: m, opts: o}
	e.Source, e.ID, e.Size, e.Redelivered = m.Queue, m.MessageID, m.Size(), m.Redelivered
	if u["headers"] {
		e.Headers, _ = message.Plain(m.Headers, date).(map[string]any)
	}
	if u["properties"] {
		e.Properties = properties(m.Properties)
		e.Properties.Timestamp = message.Meant(m.Timestamp)
	}
	if u["replays"] {
		e.Replays = int(m.Replays())
	}
	if u["day"] {
		if t := m.DiedAt(); !t.IsZero() {
			e.Day = t.UTC().Format(time.DateOnly)
		}
	}
	e.loadDeaths(u)
}

func (e *env) loadDeaths(u uses) {
	if !u.any("reason", "queue", "exchange", "routingKey", "deaths", "deathCount", "error") {
		return
	}
	origin, known := e.m.Origin(e.opts.IsWaitQueue)
	e.Reason, e.Queue, e.Exchange, e.RoutingKey = origin.Reason, origin.Queue, origin.Exchange, origin.RoutingKey
	if !known || !origin.HasRoute {
		e.Exchange, e.RoutingKey = e.m.Exchange, e.m.RoutingKey
	}
	if u["error"] {
		failure, _ := message.FailureOf(e.m)
		e.Error = viewError(failure)
	}
	d := e.m.History()
	if u["deathCount"] {
		e.DeathCount = int(d.Count())
	}
	if u["deaths"] {
		for _, x := range d.All() {
			e.Deaths = append(e.Deaths, deathView{
				x.Reason, x.Queue, x.Exchange, x.RoutingKey(), x.RoutingKeys(), int(x.Count), x.Time,
			})
		}
	}
}

func viewError(f message.Failure) errorView {
	v := errorView{Type: f.Type, Message: f.Message, Framework: f.Framework, Queue: f.Queue, Task: f.Task, Summary: f.Type}
	if v.Summary == "" {
		v.Summary = firstLine(f.Message)
	}
	return v
}

// age returns nil if the message does not say when it failed.
func (e *env) age() any {
	at := e.m.DiedAt()
	if at.IsZero() {
		return nil
	}
	return e.opts.now().Sub(at)
}

func (e *env) timestamp() any { return date(e.m.Timestamp) }

// date returns the date that a timestamp means, or nil if it is none; that must not compare as the
// year 1.
func date(t time.Time) any {
	if t = message.Meant(t); t.IsZero() {
		return nil
	}
	return t
}
