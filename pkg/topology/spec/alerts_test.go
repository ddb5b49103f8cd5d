package spec_test

import (
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/spec"
)

// TestAlertSettings: a queue overrules the file field by field, and the file the defaults.
func TestAlertSettings(t *testing.T) {
	s, _ := mustRead(t, "t.yaml", `vhost: a
alerts: { for: 90s, full: 90%, growth: off }
queues: { q: { alerts: { full: off, deadLetters: 100, consumers: 0 } }, r: {} }
vhosts: { b: { queues: { q: { alerts: { nearlyFull: 50% } } } } }
`, spec.Options{})
	file, queues := s.AlertSettings()
	want := spec.AlertSettings{For: 90 * time.Second, NearlyFull: 80, Full: 90, DeadLetters: 0, Growth: spec.Off,
		Consumers: 1}
	if file != want {
		t.Errorf("file: %+v", file)
	}
	want.Full, want.DeadLetters, want.Consumers = spec.Off, 100, 0
	if got := queues[topology.QueueRef("a", "q")]; got != want || len(queues) != 2 {
		t.Errorf("queue: %+v", got)
	}
	want = file
	want.NearlyFull = 50
	if got := queues[topology.QueueRef("b", "q")]; got != want {
		t.Errorf("queue of another vhost: %+v", got)
	}
	s, _ = mustRead(t, "d.json", `{"queues":[{"name":"q","vhost":"/","durable":true,"auto_delete":false,"arguments":{}}]}`,
		spec.Options{})
	if file, queues := s.AlertSettings(); file != spec.DefaultAlerts() || len(queues) != 0 {
		t.Errorf("definitions: %+v %v", file, queues)
	}
}
