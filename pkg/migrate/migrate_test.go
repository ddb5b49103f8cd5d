package migrate_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

func queue(name, kind string, args topology.Arguments) *topology.Queue {
	return &topology.Queue{VHost: "v", Name: name, Type: kind, Durable: true, TypeDeclared: true, Arguments: args}
}

// world is a vhost with queue work and whatever else an entry adds.
func world(work *topology.Queue, others ...topology.Object) *topology.Live {
	l := &topology.Live{Server: topology.Server{Version: "4.3.6"},
		Status: map[topology.Ref]topology.QueueStatus{work.Ref(): {Messages: 50, Known: true}}}
	for _, o := range append(others, work) {
		_ = l.Add(o, diag.Position{}) // each has a name of its own
	}
	return l
}

// sized is a world in which the messages of queue work are of so many bytes.
func sized(bytes int64) *topology.Live {
	work := queue("work", "classic", nil)
	live := world(work)
	live.Status[work.Ref()] = topology.QueueStatus{Messages: 50, Bytes: bytes, Known: true}
	return live
}

// TestPlan: what a migration would do, and why it is refused.
func TestPlan(t *testing.T) {
	t.Parallel()
	policy := func(definition topology.Arguments, operator bool) *topology.Policy {
		return &topology.Policy{Operator: operator, VHost: "v", Name: "p", Pattern: ".*", ApplyTo: "queues",
			Definition: definition}
	}
	toQuorum := migrate.Change{Type: topology.Quorum}
	priority := topology.Arguments{"x-max-priority": int64(9)}
	for name, c := range map[string]struct {
		live    *topology.Live
		change  migrate.Change
		refused string // "" is not refused
		feeding []string
	}{
		"plain":  {world(queue("work", "classic", nil)), toQuorum, "", nil},
		"stream": {world(queue("work", "stream", nil)), toQuorum, "keeps its messages", nil},
		"exclusive": {world(&topology.Queue{VHost: "v", Name: "work", Type: "classic", Durable: true, Exclusive: true}),
			toQuorum, "is exclusive", nil},
		"auto-delete": {world(&topology.Queue{VHost: "v", Name: "work", Type: "classic", Durable: true, AutoDelete: true}),
			toQuorum, "is auto-delete", nil},
		"transient":  {world(&topology.Queue{VHost: "v", Name: "work", Type: "classic"}), toQuorum, "not durable", nil},
		"priorities": {world(queue("work", "classic", priority)), toQuorum, "x-max-priority", nil},
		"priorities given up": {world(queue("work", "classic", priority)),
			migrate.Change{Type: topology.Quorum, Unset: []string{"x-max-priority"}}, "", nil},
		"name taken": {world(queue("work", "classic", nil), queue("new", "classic", nil)), migrate.Change{Name: "new"},
			"exists already", nil},
		"policy that drops": {world(queue("work", "classic", nil),
			policy(topology.Arguments{"message-ttl": int64(5)}, false)), toQuorum, "could drop them", nil},
		"operator policy that drops": {world(queue("work", "classic", nil),
			policy(topology.Arguments{"max-length": int64(500)}, true)), toQuorum, "could drop them", nil},
		"policy that drops nothing": {world(queue("work", "classic", nil),
			policy(topology.Arguments{"dead-letter-exchange": "dlx"}, false)), toQuorum, "", nil},
		"too short": {world(queue("work", "classic", nil)),
			migrate.Change{Set: topology.Arguments{"x-max-length": int64(49)}}, "would keep 49", nil},
		"just long enough": {world(queue("work", "classic", nil)),
			migrate.Change{Set: topology.Arguments{"x-max-length": int64(50)}}, "", nil},
		"short and refusing": {world(queue("work", "classic", nil)), migrate.Change{Set: topology.Arguments{
			"x-max-length": int64(49), "x-overflow": "reject-publish"}}, "", nil},
		"too short in bytes": {sized(5000), migrate.Change{Set: topology.Arguments{"x-max-length-bytes": int64(4999)}},
			"would keep 4999", nil},
		"long enough in bytes": {sized(5000), migrate.Change{Set: topology.Arguments{"x-max-length-bytes": int64(5000)}},
			"", nil},
		"of unknown size": {sized(0), migrate.Change{Set: topology.Arguments{"x-max-length-bytes": int64(5000)}},
			"does not say yet", nil},
		"as short in bytes as before": {world(queue("work", "classic", topology.Arguments{"x-max-length-bytes": int64(9)})),
			toQuorum, "", nil},
		"without a time to live": {world(queue("work", "classic", nil)),
			migrate.Change{Set: topology.Arguments{"x-message-ttl": int64(0)}}, "no consumer takes at once", nil},
		"name of a migration": {world(queue("work", "classic", nil)), migrate.Change{Name: "msgctl.migration.x"},
			"are those of migrations", nil},
		"fed by a retry": {world(queue("work", "classic", nil), queue("wait", "classic", topology.Arguments{
			"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "work"}), queue("other", "classic", topology.Arguments{
			"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "elsewhere"})), toQuorum, "", []string{"wait"}},
		"recent history": {world(queue("work", "classic", nil), &topology.Exchange{VHost: "v", Name: "h",
			Type: "x-recent-history"}, &topology.Binding{VHost: "v", Source: "h", Destination: "work",
			DestinationType: topology.ToQueue}), toQuorum, "cannot lead to another exchange", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := migrate.New(c.live, "v", "work", c.change, "me", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if c.refused == "" && len(p.Refused) > 0 || !strings.Contains(strings.Join(p.Refused, "\n"), c.refused) {
				t.Errorf("refused because of %q, want %q", p.Refused, c.refused)
			}
			if !slices.Equal(p.Job.Feeding, c.feeding) {
				t.Errorf("fed by %q, want %q", p.Job.Feeding, c.feeding)
			}
		})
	}
	if _, err := migrate.New(world(queue("work", "quorum", nil)), "v", "work", toQuorum, "me", time.Now()); err == nil {
		t.Error("a queue that is so already is migrated")
	}
}

// TestDeadLettersOfArrivals: what expires among the arrivals goes where it would go from the queue.
func TestDeadLettersOfArrivals(t *testing.T) {
	t.Parallel()
	live := world(queue("work", "quorum", topology.Arguments{"x-dead-letter-exchange": "dlx",
		"x-dead-letter-routing-key": "dead"}))
	p, err := migrate.New(live, "v", "work", migrate.Change{Type: topology.Classic}, "me", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	want := topology.Arguments{"x-dead-letter-exchange": "dlx", "x-dead-letter-routing-key": "dead",
		"x-delivery-limit": int64(-1)}
	if got := p.Job.Arrivals(); !got.Arguments.Equal(want) || got.Type != topology.Quorum {
		t.Errorf("the arrivals are a %s queue with %v, want %v", got.Type, got.Arguments, want)
	}
	if got := p.Job.Backlog().Arguments; !got.Equal(topology.Arguments{"x-delivery-limit": int64(-1)}) {
		t.Errorf("the backlog has %v", got)
	}
}

// TestJobSurvivesItsRecord: a job is read as it was written, and a record of another version is not.
func TestJobSurvivesItsRecord(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		args := func(name string) topology.Arguments {
			if !rapid.Bool().Draw(t, name) {
				return nil
			}
			return topology.Arguments{"x-max-length": rapid.Int64().Draw(t, "n"), "x-overflow": rapid.String().Draw(t, "s")}
		}
		j := &migrate.Job{ID: "a1", Stage: rapid.SampledFrom(migrate.Stages()).Draw(t, "stage"),
			From: queue(rapid.StringN(1, 9, 99).Draw(t, "from"), "classic", args("from args")),
			To:   queue(rapid.StringN(1, 9, 99).Draw(t, "to"), "quorum", args("to args")), Holding: "quorum",
			DeadLetter: args("dead"), Unlimited: rapid.Bool().Draw(t, "unlimited"),
			AllowGap: rapid.Bool().Draw(t, "gap"), Exclusive: rapid.Bool().Draw(t, "exclusive"),
			Aborted: rapid.Bool().Draw(t, "aborted"),
			Started: time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0).UTC(), By: rapid.String().Draw(t, "by")}
		p, err := j.Encode()
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(p.Value)
		if err != nil {
			t.Fatal(err)
		}
		got, err := migrate.Decode(p.Name, text)
		if err != nil || !reflect.DeepEqual(got, j) {
			t.Fatalf("%+v is read as %+v: %v", j, got, err)
		}
	})
	for _, text := range []string{`{"version":2}`, `{"version":1,"stage":"later","from":{"name":"a"},"to":{"name":"a"}}`,
		`{"version":1,"stage":"drain"}`, `[]`} {
		if _, err := migrate.Decode("msgctl-migration-x", []byte(text)); err == nil {
			t.Errorf("%s is a job", text)
		}
	}
}

// TestMessageSurvivesTheBacklog: what comes out of the backlog is what was in the queue, except
// counts of the queue that it was in. In the backlog it does not expire.
func TestMessageSurvivesTheBacklog(t *testing.T) {
	t.Parallel()
	me := migrate.Identity{Login: "me"}
	names := rapid.SampledFrom([]string{"x-delivery-count", "x-acquired-count", "x-death", "CC", "tenant"})
	headers := rapid.Map(rapid.MapOf(names, rapid.Int64()), func(m map[string]int64) message.Table {
		out := message.Table{}
		for k, v := range m {
			out[k] = v
		}
		return out
	})
	rapid.Check(t, func(t *rapid.T) {
		m := &message.Message{Headers: headers.Draw(t, "headers"), RoutingKey: "k", Body: []byte("b")}
		m.Expiration = rapid.SampledFrom([]string{"", "1000"}).Draw(t, "expiration")
		m.UserID = rapid.SampledFrom([]string{"", "me"}).Draw(t, "user")
		stored := me.Store(m)
		if stored.Expiration != "" {
			t.Fatal("it can expire in the backlog")
		}
		got := me.Restore(stored)
		delete(m.Headers, "x-delivery-count")
		delete(m.Headers, "x-acquired-count")
		if !reflect.DeepEqual(got, m) {
			t.Fatalf("%+v became %+v", m, got)
		}
	})
	other := &message.Message{Properties: message.Properties{UserID: "you"}}
	if got := me.Store(other); got.UserID != "" || got.Headers["x-msgctl-user-id"] != "you" {
		t.Errorf("the user_id of another is %q, kept as %v", got.UserID, got.Headers)
	}
	if got := (migrate.Identity{Login: "me", Impersonator: true}).Store(other); got.UserID != "you" {
		t.Error("an impersonator dropped the user_id")
	}
}

// TestAbort: a migration can be aborted as long as the queue was not replaced. Nothing more is led away
// then.
func TestAbort(t *testing.T) {
	t.Parallel()
	for _, stage := range migrate.Stages() {
		j := &migrate.Job{Stage: stage, From: queue("a", "classic", nil), To: queue("b", "quorum", nil)}
		if want := slices.Contains([]migrate.Stage{"prepare", "hold", "drain", "switch"}, stage); j.CanAbort() != want {
			t.Errorf("in stage %s, it can be aborted: %t", stage, !want)
		}
		if j.Abort(); j.Renames() || j.CanAbort() || !migrate.Same(j.From, j.To) || j.Stage == "hold" || j.Stage == "switch" {
			t.Error("an aborted migration goes elsewhere than back")
		}
	}
	if got := migrate.Prepare; got.Before(got) || !got.Before(migrate.Done) || migrate.Clean.Next() != migrate.Done {
		t.Error("the stages are in no order")
	}
}

// TestSettle: in the middle of a migration, a live state has neither its queues, exchanges and record
// nor gaps that only it makes.
func TestSettle(t *testing.T) {
	for name, c := range map[string]struct {
		to         string
		have       []string // of the queue before and after
		unreadable bool
		want       string // where the binding leads, "" if it is unknown
	}{
		"drain":            {to: "work", have: []string{"work"}, want: "work"},
		"missing":          {to: "work", want: "work"},
		"rename, drain":    {to: "tasks", have: []string{"work"}, want: "work"},
		"rename, refill":   {to: "tasks", have: []string{"tasks"}, want: "tasks"},
		"record not read":  {to: "work", have: []string{"work"}, unreadable: true},
		"rename, switched": {to: "tasks", have: []string{"work", "tasks"}, want: "tasks"},
	} {
		j := &migrate.Job{ID: "abc", Stage: migrate.Drain, Holding: topology.Classic,
			From: queue("work", topology.Classic, nil), To: queue(c.to, topology.Classic, nil)}
		record, err := j.Encode()
		if err != nil {
			t.Fatal(err)
		}
		live := &topology.Live{Status: map[topology.Ref]topology.QueueStatus{j.Backlog().Ref(): {Messages: 3, Known: true}}}
		objects := []topology.Object{j.Backlog(), j.Arrivals(), j.Bound(j.Into(j.Backlog()), j.Backlog()),
			&topology.Exchange{VHost: "v"}, &topology.Binding{VHost: "v", Source: "shop", RoutingKey: "k",
				Destination: j.Route().Name, DestinationType: topology.ToExchange}}
		for _, x := range j.Exchanges() {
			objects = append(objects, x)
		}
		for _, q := range c.have {
			objects = append(objects, queue(q, topology.Classic, nil))
		}
		if c.unreadable {
			live.Unreadable = map[topology.Kind]string{topology.KindGlobalParameter: "no tag"}
		} else {
			objects = append(objects, record)
		}
		for _, o := range objects {
			if err := live.Add(o, diag.Position{}); err != nil {
				t.Fatal(err)
			}
		}
		migrate.Settle(live)
		if len(live.Migrations) != 1 || live.Migrations[0].Messages != 3 || live.Migrations[0].Running ||
			(live.Migrations[0].From == "") != c.unreadable {
			t.Errorf("%s: migrations %+v", name, live.Migrations)
		}
		bound := ""
		for _, o := range live.Objects() {
			b, ok := o.(*topology.Binding)
			if id, own := topology.OfMigration(o.Ref().Name); own || migrate.IsJob(o.Ref().Name) {
				t.Errorf("%s: %s of %q is left", name, o.Ref(), id)
			} else if ok {
				bound = b.Destination
				if !live.Has(b.Ref().DestinationRef()) {
					t.Errorf("%s: queue %q is missing", name, bound)
				}
			}
		}
		if bound != c.want {
			t.Errorf("%s: the binding leads to %q, want %q", name, bound, c.want)
		}
	}
}
