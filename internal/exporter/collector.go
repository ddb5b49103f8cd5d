package exporter

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/msgctl/msgctl/internal/redact"
	"github.com/msgctl/msgctl/pkg/dlq/vhost"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/plan"
)

// Options say what is collected, and from where.
type Options struct {
	// Connect prepares a client of the broker. It is called again after each failed collection.
	Connect func(ctx context.Context) (Broker, error)
	// VHost is the one to read where the files name none.
	VHost string
	// VHostOptions are for each of them.
	VHostOptions vhost.Options
	// AllVHosts reads every vhost that the user may see, without Files.
	AllVHosts bool
	// Files is what the topology files declare, nil without any. ReadFiles reads them again; nil
	// where that is impossible.
	Files     Files
	ReadFiles func() (Files, error)
	// LintLive is Files.Lint for a vhost of which no file declares anything.
	LintLive func(vhost string, live *topology.Live) []lint.Finding
	// Interval is the time between two collections. Objects and files are read again when they are
	// older than TopologyInterval.
	Interval, TopologyInterval time.Duration
	// SampledQueues is how many queues one collection samples, SampledMessages how many messages it
	// reads of each.
	SampledQueues   int
	SampledMessages int64
	Log             *slog.Logger
}

// collector reads the broker. It is for one goroutine.
type collector struct {
	Options
	metrics  *Metrics
	broker   Broker // nil until it is needed, and after a failure
	schedule schedule
	// unread is true while the files have errors: drift is not known then.
	unread bool
	// open are the vhosts that could be read, closed those that could not, as of readAt.
	open   map[string]*vhost.VHost
	closed []string
	readAt time.Time
	live   *topology.Live // of all vhosts; nil with AllVHosts
	// logged are the closed vhosts of which the log has a line.
	logged   map[string]bool
	drift    map[string]map[plan.Action]int
	findings map[Finding]int
}

func newCollector(o Options) *collector {
	c := &collector{Options: o, logged: map[string]bool{}}
	c.metrics = NewMetrics(c.wanted())
	return c
}

// wanted are the vhosts to read, as far as they are known without the broker.
func (c *collector) wanted() []string {
	switch {
	case c.AllVHosts:
		return nil
	case c.Files != nil && len(c.Files.State().VHosts()) > 0:
		return c.Files.State().VHosts()
	}
	return []string{c.VHost}
}

// collect reads the broker once. An error means that nothing is known.
func (c *collector) collect(ctx context.Context) (*Snapshot, error) {
	if c.broker == nil {
		b, err := c.Connect(ctx)
		if err != nil {
			return nil, err
		}
		c.broker = b
	}
	stale := time.Since(c.readAt) >= c.TopologyInterval
	if stale {
		if err := c.readTopology(ctx); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.open)) {
		if err := c.tolerate(ctx, name, c.open[name].CountLists(ctx)); err != nil {
			return nil, err
		}
	}
	if stale { // after the counts, which lint looks at
		c.compare()
		c.readAt = time.Now()
	}
	s := &Snapshot{Open: slices.Sorted(maps.Keys(c.open)), Closed: c.closed, Drift: c.drift, Findings: c.findings}
	for _, name := range s.Open {
		if err := c.addVHost(ctx, s, c.open[name]); err != nil {
			return nil, err
		}
	}
	if err := c.sampleDue(ctx, s.DeadLetters); err != nil {
		return nil, err
	}
	return s, nil
}

// disconnect closes the connections. The next collection reads everything again.
func (c *collector) disconnect() {
	if c.broker != nil {
		c.broker.Close()
	}
	c.broker, c.open, c.readAt = nil, nil, time.Time{}
}

// readTopology reads files and objects again.
func (c *collector) readTopology(ctx context.Context) error {
	if c.Files != nil && !c.readAt.IsZero() && c.ReadFiles != nil {
		c.readFilesAgain()
	}
	c.open, c.closed = map[string]*vhost.VHost{}, nil
	if c.AllVHosts {
		return c.readAllVHosts(ctx)
	}
	owner := ""
	if c.Files != nil {
		owner = c.Files.State().Owner()
	}
	live, err := c.broker.Owned(ctx, owner, c.wanted())
	if err != nil {
		return err
	}
	c.live = live
	for _, name := range c.wanted() {
		if slices.Contains(live.MissingVHosts, name) {
			c.closeVHost(name, live.WithoutVHost(name))
			continue
		}
		c.openVHost(name, live)
	}
	return nil
}

func (c *collector) readAllVHosts(ctx context.Context) error {
	names, err := c.broker.VHosts(ctx)
	if err != nil {
		return err
	}
	for _, name := range names {
		live, err := c.broker.Everything(ctx, []string{name})
		if err == nil {
			c.openVHost(name, live)
		}
		if err := c.tolerate(ctx, name, err); err != nil {
			return err
		}
	}
	return nil
}

// readFilesAgain keeps the old files when the new ones have errors; drift is not known then.
func (c *collector) readFilesAgain() {
	files, err := c.ReadFiles()
	if err == nil && files == nil {
		err = errors.New("the topology file is gone")
	}
	c.unread = err != nil
	if err != nil {
		c.reportError(StageFile, err)
		return
	}
	c.Files = files
}

func (c *collector) openVHost(name string, live *topology.Live) {
	v := vhost.New(c.broker, name, c.VHostOptions)
	v.Live = live
	c.open[name] = v
	delete(c.logged, name)
}

// tolerate keeps a vhost that this user may not read, or that was just deleted, from hiding the
// others.
func (c *collector) tolerate(ctx context.Context, name string, err error) error {
	if err == nil || !c.AllVHosts || ctx.Err() != nil || errors.Is(err, topology.ErrUnreachable) {
		return err
	}
	c.closeVHost(name, err)
	return nil
}

// closeVHost leaves a vhost out until the topology is read again. The log has one line of it.
func (c *collector) closeVHost(name string, err error) {
	delete(c.open, name)
	if !slices.Contains(c.closed, name) {
		c.closed = append(c.closed, name)
	}
	c.metrics.CountError(StageVHost)
	if !c.logged[name] {
		c.Log.Warn("the vhost cannot be read; its msgctl_vhost_up is 0 until it can", "vhost", name, "error",
			redact.Text(err.Error()))
	}
	c.logged[name] = true
}

// reportError logs and counts an error that hides only a part.
func (c *collector) reportError(stage string, err error, attrs ...any) {
	c.metrics.CountError(stage)
	c.Log.Warn(redact.Text(err.Error()), append(attrs, "stage", stage)...)
}
