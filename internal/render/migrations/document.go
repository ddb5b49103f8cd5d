// Package migrations renders migrations of queues: the plan before one, the jobs under way, and the
// outcome.
package migrations

import (
	"time"

	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/migrate/run"
	"github.com/msgctl/msgctl/pkg/topology"
)

// FormatVersion is the version of the documents of this package.
const FormatVersion = "1"

// QueueDocument is a queue before or after a migration.
type QueueDocument struct {
	Name      string         `json:"name"`
	Type      string         `json:"type"`
	Arguments map[string]any `json:"arguments,omitempty"`
}

// JobDocument is a migration under way, or one that was interrupted.
type JobDocument struct {
	ID      string        `json:"id"`
	VHost   string        `json:"vhost"`
	Stage   migrate.Stage `json:"stage"`
	From    QueueDocument `json:"from"`
	To      QueueDocument `json:"to"`
	Aborted bool          `json:"aborted,omitempty"`
	// AllowGap says that publishers by name may lose messages.
	AllowGap bool      `json:"allow_gap,omitempty"`
	Started  time.Time `json:"started"`
	By       string    `json:"by"`
	// Backlog and Arrivals are the queues in which messages wait.
	Backlog  string `json:"backlog"`
	Arrivals string `json:"arrivals"`
}

// NewJobDocument returns the document of a job.
func NewJobDocument(j *migrate.Job) JobDocument {
	return JobDocument{ID: j.ID, VHost: j.From.VHost, Stage: j.Stage, From: queueDocument(j.From), To: queueDocument(j.To),
		Aborted: j.Aborted, AllowGap: j.AllowGap, Started: j.Started, By: j.By, Backlog: j.Backlog().Name,
		Arrivals: j.Arrivals().Name}
}

func queueDocument(q *topology.Queue) QueueDocument {
	return QueueDocument{Name: q.Name, Type: q.Type, Arguments: q.Arguments}
}

// JobsDocument lists jobs.
type JobsDocument struct {
	FormatVersion string        `json:"format_version"`
	Jobs          []JobDocument `json:"jobs"`
	// Unreadable says of records why they cannot be read.
	Unreadable []string `json:"unreadable,omitempty"`
}

// PlanDocument is a migration before it begins.
type PlanDocument struct {
	FormatVersion string      `json:"format_version"`
	Job           JobDocument `json:"job"`
	Messages      int64       `json:"messages"`
	Consumers     int64       `json:"consumers"`
	Bindings      int         `json:"bindings"`
	// Exclusive says that nothing is moved while there are consumers.
	Exclusive bool `json:"exclusive,omitempty"`
	// Feeding are queues that dead-letter into the queue by its name.
	Feeding  []string `json:"feeding,omitempty"`
	Refused  []string `json:"refused,omitempty"`
	NotKept  []string `json:"not_kept,omitempty"`
	Policies []string `json:"policies,omitempty"`
	// EstimateMS is how long it will take, in milliseconds, if nobody publishes meanwhile.
	EstimateMS int64 `json:"estimate_ms"`
}

// NewPlanDocument returns the document of a plan. estimate is how long it will take.
func NewPlanDocument(p *migrate.Plan, estimate time.Duration) PlanDocument {
	return PlanDocument{FormatVersion: FormatVersion, Job: NewJobDocument(p.Job), Messages: p.Messages,
		Consumers: p.Consumers, Bindings: p.Bindings, Exclusive: p.Job.Exclusive, Feeding: p.Job.Feeding,
		Refused: p.Refused, NotKept: p.Lost, Policies: p.Policies, EstimateMS: estimate.Milliseconds()}
}

// OutcomeDocument is what one run of a migration did.
type OutcomeDocument struct {
	FormatVersion string      `json:"format_version"`
	Job           JobDocument `json:"job"`
	Done          bool        `json:"done"`
	// Stored messages went from the queue into the backlog, Restored from there into the new queue,
	// Arrived from the arrivals into the new queue.
	Stored   int64 `json:"stored"`
	Restored int64 `json:"restored"`
	Arrived  int64 `json:"arrived"`
	// Resent is an upper bound of the duplicates that lost connections may have caused.
	Resent int64 `json:"resent,omitempty"`
	// Altered messages lost their user_id.
	Altered int64 `json:"altered,omitempty"`
	// ByName messages were published to the name of the queue after it was cut off.
	ByName int64 `json:"by_name,omitempty"`
	// Overtaken messages may come out after messages that were published later.
	Overtaken int64 `json:"overtaken,omitempty"`
	// GapMS is how long the name of the queue was missing at most, in milliseconds.
	GapMS       float64  `json:"gap_ms,omitempty"`
	Notes       []string `json:"notes,omitempty"`
	Interrupted bool     `json:"interrupted,omitempty"`
	Error       string   `json:"error,omitempty"`
	ElapsedMS   int64    `json:"elapsed_ms"`
	// Stages are those that were executed, in order.
	Stages []StageDocument `json:"stages,omitempty"`
}

// StageDocument is a stage that was executed.
type StageDocument struct {
	Stage     migrate.Stage `json:"stage"`
	Moved     int64         `json:"moved"`
	ElapsedMS int64         `json:"elapsed_ms"`
}

// NewOutcomeDocument returns the document of a run that ended with err, nil if the migration is done.
func NewOutcomeDocument(j *migrate.Job, r run.Report, err error, elapsed time.Duration) OutcomeDocument {
	doc := OutcomeDocument{FormatVersion: FormatVersion, Job: NewJobDocument(j), Done: err == nil, Stored: r.Stored,
		Restored: r.Restored, Arrived: r.Arrived, Resent: r.Resent, Altered: r.Altered, ByName: r.ByName,
		Overtaken: r.Overtaken, GapMS: float64(r.Gap.Microseconds()) / 1000, Notes: r.Notes,
		ElapsedMS: elapsed.Milliseconds()}
	for _, s := range r.Stages {
		doc.Stages = append(doc.Stages, StageDocument{s.Stage, s.Moved, s.Elapsed.Milliseconds()})
	}
	if err != nil {
		doc.Error = err.Error()
	}
	return doc
}

// StageLine is the line of a report for a stage that begins.
type StageLine struct {
	Event string        `json:"event"` // stage
	Job   string        `json:"job"`
	Stage migrate.Stage `json:"stage"`
	At    time.Time     `json:"at"`
	// Ready are the ready messages of each queue: the old one, the new one and those of the migration,
	// as far as they exist.
	Ready map[string]int64 `json:"ready"`
}

// OutcomeLine is the last line of a report.
type OutcomeLine struct {
	Event string           `json:"event"` // outcome
	At    time.Time        `json:"at"`
	Ready map[string]int64 `json:"ready"`
	OutcomeDocument
}
