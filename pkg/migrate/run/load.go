package run

import (
	"context"
	"fmt"
	"time"

	"github.com/msgctl/msgctl/internal/pipeline/report"
	"github.com/msgctl/msgctl/pkg/migrate"
	"github.com/msgctl/msgctl/pkg/topology"
)

// TypicalRate is how many messages of 1 kB a second were moved, there and back, on two cores with much
// other work. It serves for estimates, which are rather too long.
const TypicalRate = 2000

// Estimate is how long a migration of so many messages will take, if nobody publishes meanwhile and
// consumers hold nothing for long. It is a rough one without a Rate.
func (o Options) Estimate(j *migrate.Job, messages, consumers int64) time.Duration {
	o = o.withDefaults()
	speed, settle := float64(TypicalRate), o.Settle
	if o.Rate > 0 {
		speed = min(speed, o.Rate)
	}
	switch { // see quietLongEnough
	case j.AllowGap && j.From.Type == topology.Classic:
		settle = onTheWay
	case !j.AllowGap && consumers > 0:
		settle *= 3
	}
	return settle + time.Duration(2*float64(messages)/speed*float64(time.Second))
}

// maxUnwatched is how many messages are moved between two looks at the load.
const maxUnwatched = 5000

// calm waits while more messages are published than Options.PauseAbove, however long that is.
func (r *Runner) calm(ctx context.Context) error {
	for paused := false; r.Options.PauseAbove > 0; paused = true {
		rate, err := r.publishedRate(ctx)
		if err != nil {
			return err
		}
		if rate <= r.Options.PauseAbove {
			if paused {
				r.notice(report.NoticeResumed, fmt.Sprintf("%.0f messages a second are published: it goes on", rate))
			}
			return nil
		}
		if !paused {
			r.notice(report.NoticePaused, fmt.Sprintf("paused: %.0f messages a second are published, more than %.0f", rate,
				r.Options.PauseAbove))
		}
		r.progress()
		if err := r.pause(ctx, ""); err != nil {
			return err
		}
	}
	return nil
}

// publishedRate is what applications publish. Until the statistics of the arrivals have begun, those
// of the queue tell it, which a migration does not publish to before it is replaced.
func (r *Runner) publishedRate(ctx context.Context) (rate float64, err error) {
	if r.Job.Stage.Before(migrate.Switch) {
		if rate, err = r.Broker.PublishedRate(ctx, r.Job.From.VHost, r.Job.From.Name); err != nil {
			return 0, err
		}
	}
	arriving, err := r.Broker.PublishedRate(ctx, r.Job.From.VHost, r.Job.Arrivals().Name)
	return max(rate, arriving), err
}

func (r *Runner) notice(kind report.NoticeKind, text string) {
	if r.Options.Observer != nil {
		r.Options.Observer.Notice(report.Notice{Kind: kind, Text: text})
	}
}
