package exporter

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/telemetry"
)

// Stages in which a collection can go wrong: the label of msgctl_collection_errors_total.
const (
	StageBroker = "broker" // nothing could be read
	StageVHost  = "vhost"  // one vhost could not be read
	StageFile   = "file"   // the topology file has errors
	StageSample = "sample" // a look into a queue failed
)

// Board has what the last collection found, ready to be read: scrapes ask the broker nothing. It is
// safe for concurrent use.
//
// When a collection fails everything but its own health goes away. Prometheus then marks the series
// as stale at the next scrape: a value that was true once would be taken for one that is true now.
type Board struct {
	mu       sync.Mutex
	notReady error
	found    []byte
	open     map[string]bool // by vhost
	up, took float64
	success  time.Time
	total    float64
	errors   map[string]float64
}

// NewBoard returns a board that knows of the vhosts that are meant and has read none yet.
func NewBoard(vhosts []string) *Board {
	b := &Board{notReady: errors.New("nothing was collected yet"), open: map[string]bool{}, errors: map[string]float64{}}
	for _, v := range vhosts {
		b.open[v] = false
	}
	for _, stage := range []string{StageBroker, StageVHost, StageFile, StageSample} {
		b.errors[stage] = 0
	}
	return b
}

// Show replaces what was found before.
func (b *Board) Show(s *Snapshot, at time.Time, took time.Duration) {
	f := newFamilies()
	f.fill(s)
	var text bytes.Buffer
	_ = telemetry.Write(&text, slices.DeleteFunc(f.all(), (*telemetry.Family).Empty)...) // a buffer takes everything
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open = map[string]bool{}
	for _, v := range s.Closed {
		b.open[v] = false
	}
	for _, v := range s.Open {
		b.open[v] = true
	}
	b.found, b.notReady, b.up, b.success, b.took = text.Bytes(), nil, 1, at, took.Seconds()
	b.total++
}

// Fail takes away what was found before.
func (b *Board) Fail(err error, took time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for v := range b.open {
		b.open[v] = false
	}
	b.found, b.notReady, b.up, b.took = nil, err, 0, took.Seconds()
	b.total++
	b.errors[StageBroker]++
}

// Trouble counts an error that hides only a part.
func (b *Board) Trouble(stage string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.errors[stage]++
}

// Ready says why there is nothing to show, nil when there is.
func (b *Board) Ready() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.notReady
}

// Write implements telemetry.Source.
func (b *Board) Write(w io.Writer) error {
	b.mu.Lock()
	h := newHealth()
	h.fill(b)
	found := b.found // never changed, only replaced
	b.mu.Unlock()
	if err := telemetry.Write(w, h.all()...); err != nil {
		return err
	}
	_, err := w.Write(found)
	return err
}

// health are the metrics about the exporter itself.
type health struct{ up, vhostUp, took, success, total, errors *telemetry.Family }

func newHealth() *health {
	return &health{
		up:      telemetry.NewGauge(Up, "1 when the last collection from the broker succeeded."),
		vhostUp: telemetry.NewGauge(VHostUp, "1 when the last collection could read the vhost.", "vhost"),
		took:    telemetry.NewGauge(Duration, "How long the last collection took."),
		success: telemetry.NewGauge(LastSuccess, "When the last collection succeeded; 0 for never."),
		total:   telemetry.NewCounter(Collections, "Collections, those that failed included."),
		errors:  telemetry.NewCounter(CollectionErrors, "Collections, or parts of them, that failed.", "stage"),
	}
}

func (h *health) all() []*telemetry.Family {
	return []*telemetry.Family{h.up, h.vhostUp, h.took, h.success, h.total, h.errors}
}

func (h *health) fill(b *Board) {
	h.up.Set(b.up)
	for v, open := range b.open {
		h.vhostUp.Set(map[bool]float64{true: 1, false: 0}[open], v)
	}
	h.took.Set(b.took)
	h.success.Set(seconds(b.success))
	h.total.Set(b.total)
	for stage, n := range b.errors {
		h.errors.Set(n, stage)
	}
}

// Families are all metrics of msgctl exporter, without values.
func Families() []*telemetry.Family { return append(newHealth().all(), newFamilies().all()...) }

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
