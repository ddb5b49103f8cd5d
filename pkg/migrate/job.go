package migrate

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
)

// Stage is a part of a migration. It is recorded before it begins, and may be executed again.
type Stage string

// The stages, in order.
const (
	Prepare Stage = "prepare" // make the route and the queues of the migration
	Hold    Stage = "hold"    // lead what is published into the arrivals
	Drain   Stage = "drain"   // move what is in the queue into the backlog
	Switch  Stage = "switch"  // replace the empty queue
	Refill  Stage = "refill"  // move the backlog and then the arrivals into the new queue
	Release Stage = "release" // lead what is published into the new queue
	Clean   Stage = "clean"   // remove what belongs to the migration
	Done    Stage = "done"    // nothing is left; never recorded
)

// Stages returns the stages in order, without Done.
func Stages() []Stage { return []Stage{Prepare, Hold, Drain, Switch, Refill, Release, Clean} }

// Next returns the stage after s, Done after the last.
func (s Stage) Next() Stage {
	all := Stages()
	for i, stage := range all[:len(all)-1] {
		if stage == s {
			return all[i+1]
		}
	}
	return Done
}

// Before reports whether s comes before another stage.
func (s Stage) Before(other Stage) bool { return s.order() < other.order() }

func (s Stage) order() int {
	for i, stage := range Stages() {
		if stage == s {
			return i
		}
	}
	return len(Stages())
}

// Job is the record of a migration.
type Job struct {
	ID    string
	Stage Stage
	// From is the queue as it was, To the queue that takes its place. They have different names if
	// the queue is renamed.
	From, To *topology.Queue
	// Holding is the type of the queues of the migration, classic or quorum. DeadLetter has the
	// dead-letter arguments of the arrivals, so that what expires there takes its usual way.
	Holding    string
	Unlimited  bool // Holding needs an argument to have no delivery limit
	DeadLetter topology.Arguments
	// Feeding are the queues that dead-letter into From by its name, such as those of a retry.
	Feeding []string
	// AllowGap says that publishers by name may lose messages while the queue is replaced.
	AllowGap bool
	// Exclusive says that nothing is moved while the queue has consumers, which empty it themselves.
	Exclusive bool
	// Aborted says that To is what From was: everything goes back to it.
	Aborted bool
	// Started is when the migration began, By who began it.
	Started time.Time
	By      string
}

// parameterPrefix begins the names of the global parameters that hold jobs.
const parameterPrefix = "msgctl-migration-"

// namePrefix begins the names of everything that a migration makes.
const namePrefix = topology.MigrationPrefix

// Parameter returns the name of the global parameter that holds the job.
func (j *Job) Parameter() string { return parameterPrefix + j.ID }

// IsJob reports whether a global parameter holds a job.
func IsJob(parameter string) bool { return strings.HasPrefix(parameter, parameterPrefix) }

// Belongs reports whether a queue or an exchange was made by a migration.
func Belongs(name string) bool { return strings.HasPrefix(name, namePrefix) }

// Renames reports whether the queue gets another name.
func (j *Job) Renames() bool { return j.From.Name != j.To.Name }

// CanAbort reports whether the migration can still go back. At the stage Switch that takes a look at
// the queue: it must still be as it was.
func (j *Job) CanAbort() bool { return !j.Aborted && j.Stage.Before(Refill) }

// Abort makes the job lead everything back to the queue as it was.
func (j *Job) Abort() {
	j.To, j.Aborted = j.From, true
	if j.Stage == Hold || j.Stage == Switch { // nothing more is led away, and what came meanwhile is last
		j.Stage = Drain
	}
}

func (j *Job) name(part string) string { return namePrefix + j.ID + "." + part }

// Backlog is the queue for the messages that were in the queue.
func (j *Job) Backlog() *topology.Queue { return j.holding("backlog", nil) }

// Arrivals is the queue for the messages that are published meanwhile.
func (j *Job) Arrivals() *topology.Queue { return j.holding("arrivals", j.DeadLetter) }

func (j *Job) holding(part string, args topology.Arguments) *topology.Queue {
	args = args.Clone()
	if j.Unlimited {
		if args == nil {
			args = topology.Arguments{}
		}
		args["x-delivery-limit"] = int64(-1)
	}
	return &topology.Queue{VHost: j.From.VHost, Name: j.name(part), Type: j.Holding, TypeDeclared: true, Durable: true,
		Arguments: args}
}

// Trial is a queue like To under another name, which shows whether the broker takes it.
func (j *Job) Trial() *topology.Queue {
	q := *j.To
	q.Name = j.name("trial")
	return &q
}

// Route is the exchange that takes the place of the queue in its bindings.
func (j *Job) Route() *topology.Exchange {
	x := j.exchange("route")
	x.Arguments = topology.Arguments{"alternate-exchange": j.name("arrivals")}
	return x
}

// Into returns the exchange through which messages are moved into a queue. It leaves their routing
// keys and CC headers as they are.
func (j *Job) Into(q *topology.Queue) *topology.Exchange {
	switch q.Name {
	case j.Backlog().Name:
		return j.exchange("backlog")
	case j.Arrivals().Name:
		return j.exchange("arrivals")
	}
	return j.exchange("refill")
}

func (j *Job) exchange(part string) *topology.Exchange {
	return &topology.Exchange{VHost: j.From.VHost, Name: j.name(part), Type: "fanout", Durable: true}
}

// Exchanges are all exchanges of the migration, in the order in which they can be made.
func (j *Job) Exchanges() []*topology.Exchange {
	return []*topology.Exchange{j.Into(j.Arrivals()), j.Into(j.Backlog()), j.Route(), j.Into(j.To)}
}

// Bound is a binding from an exchange of the migration to a queue.
func (j *Job) Bound(x *topology.Exchange, q *topology.Queue) *topology.Binding {
	return &topology.Binding{VHost: x.VHost, Source: x.Name, Destination: q.Name, DestinationType: topology.ToQueue}
}

// recordVersion is the format of the record that this code writes.
const recordVersion = 1

type record struct {
	Version    int            `json:"version"`
	VHost      string         `json:"vhost"`
	Stage      Stage          `json:"stage"`
	From       recordQueue    `json:"from"`
	To         recordQueue    `json:"to"`
	Holding    string         `json:"holding"`
	Unlimited  bool           `json:"unlimited"`
	DeadLetter map[string]any `json:"deadLetter"`
	Feeding    []string       `json:"feeding"`
	AllowGap   bool           `json:"allowGap"`
	Exclusive  bool           `json:"exclusive"`
	Aborted    bool           `json:"aborted"`
	Started    time.Time      `json:"started"`
	By         string         `json:"by"`
}

type recordQueue struct {
	Name      string         `json:"name"`
	Type      string         `json:"type"`
	Durable   bool           `json:"durable"`
	Arguments map[string]any `json:"arguments"`
}

func recordOf(q *topology.Queue) recordQueue {
	return recordQueue{Name: q.Name, Type: q.Type, Durable: q.Durable, Arguments: q.Arguments}
}

func (r recordQueue) queue(vhost string) *topology.Queue {
	return &topology.Queue{VHost: vhost, Name: r.Name, Type: r.Type, TypeDeclared: true, Durable: r.Durable,
		Arguments: amqptable.NormaliseTable(r.Arguments)}
}

// Encode returns the record as the global parameter that holds it.
func (j *Job) Encode() (*topology.GlobalParameter, error) {
	text, err := json.Marshal(record{Version: recordVersion, VHost: j.From.VHost, Stage: j.Stage, From: recordOf(j.From),
		To: recordOf(j.To), Holding: j.Holding, Unlimited: j.Unlimited, DeadLetter: j.DeadLetter, Feeding: j.Feeding,
		AllowGap: j.AllowGap, Exclusive: j.Exclusive, Aborted: j.Aborted, Started: j.Started, By: j.By})
	if err != nil {
		return nil, fmt.Errorf("write down migration %s: %w", j.ID, err)
	}
	value, err := decodeJSON(text)
	return &topology.GlobalParameter{Name: j.Parameter(), Value: value}, err
}

func decodeJSON(text []byte) (any, error) {
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	var value any
	err := d.Decode(&value)
	return amqptable.Normalise(value), err
}

// Decode reads a record from its global parameter. The error says why this msgctl cannot use it.
func Decode(parameter string, value []byte) (*Job, error) {
	id, ok := strings.CutPrefix(parameter, parameterPrefix)
	if !ok || id == "" {
		return nil, fmt.Errorf("read migration: global parameter %q holds none", parameter)
	}
	var r record
	d := json.NewDecoder(strings.NewReader(string(value)))
	d.UseNumber()
	if err := d.Decode(&r); err != nil {
		return nil, fmt.Errorf("read migration %s: %w", id, err)
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("read migration %s: its record has version %d and this msgctl knows version %d: use the "+
			"msgctl that began it", id, r.Version, recordVersion)
	}
	if r.Stage.order() == len(Stages()) || r.From.Name == "" || r.To.Name == "" {
		return nil, fmt.Errorf("read migration %s: its record is damaged (stage %q of queue %q)", id, r.Stage, r.From.Name)
	}
	return &Job{ID: id, Stage: r.Stage, From: r.From.queue(r.VHost), To: r.To.queue(r.VHost), Holding: r.Holding,
		Unlimited: r.Unlimited, DeadLetter: amqptable.NormaliseTable(r.DeadLetter), Feeding: r.Feeding, AllowGap: r.AllowGap,
		Exclusive: r.Exclusive, Aborted: r.Aborted, Started: r.Started, By: r.By}, nil
}

// Same reports whether two queues have the same name, type, durability and arguments.
func Same(a, b *topology.Queue) bool {
	return a.Name == b.Name && a.Type == b.Type && a.Durable == b.Durable && a.Arguments.Equal(b.Arguments)
}
