package spec

import (
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/spec/decode"
)

// Off is the value of a threshold that is never reached.
const Off = decode.Off

// AlertSettings are the thresholds of one queue, or those of the file, with defaults filled in.
type AlertSettings struct {
	// For is how long a condition must last.
	For time.Duration
	// NearlyFull and Full are shares of a limit in per cent, or Off.
	NearlyFull, Full int64
	// DeadLetters and Growth may not be exceeded, or are Off.
	DeadLetters, Growth int64
	// Consumers is how many a queue needs at least.
	Consumers int64
}

// DefaultAlerts are the thresholds of a file that sets none, a definitions file for example.
func DefaultAlerts() AlertSettings {
	return AlertSettings{For: 5 * time.Minute, NearlyFull: 80, Full: 95, DeadLetters: 0, Growth: 10, Consumers: 1}
}

// with returns the settings with what a block of the file overrules.
func (a AlertSettings) with(b *Alerts) AlertSettings {
	if b == nil {
		return a
	}
	if b.For != nil {
		a.For = time.Duration(*b.For) * time.Millisecond
	}
	if b.NearlyFull != nil {
		a.NearlyFull = int64(*b.NearlyFull)
	}
	if b.Full != nil {
		a.Full = int64(*b.Full)
	}
	if b.DeadLetters != nil {
		a.DeadLetters = int64(*b.DeadLetters)
	}
	if b.Growth != nil {
		a.Growth = int64(*b.Growth)
	}
	if b.Consumers != nil {
		a.Consumers = *b.Consumers
	}
	return a
}

// AlertSettings returns the thresholds of the file, and those of the queues that have a block of
// their own.
func (s *Spec) AlertSettings() (file AlertSettings, queues map[topology.Ref]AlertSettings) {
	file, queues = DefaultAlerts().with(s.Alerts), map[topology.Ref]AlertSettings{}
	s.Sections.alerts(s.mainVHost(), file, queues)
	for name, v := range s.VHosts {
		if v != nil {
			v.Sections.alerts(name, file, queues)
		}
	}
	return file, queues
}

func (s *Sections) alerts(vhost string, file AlertSettings, into map[topology.Ref]AlertSettings) {
	for name, q := range s.Queues {
		if q != nil && q.Alerts != nil {
			into[topology.QueueRef(vhost, name)] = file.with(q.Alerts)
		}
	}
}
