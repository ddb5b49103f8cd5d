package publish

import (
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/publish"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// TestWithoutSpansNothingIsPaid: what is called for each message allocates nothing.
func TestWithoutSpansNothingIsPaid(t *testing.T) {
	d := &cmdutil.Process{Env: func(string) (string, bool) { return "", false }}
	off := cmdmsg.NewTracing(d, &profile.Connection{Host: "h", Port: 1}, nil)
	if off != nil {
		t.Fatal("spans are made without a variable that asks for them")
	}
	r := &publishing{publishOptions: &publishOptions{}, traces: off}
	m, metadata := &message.Message{}, &event.Metadata{}
	if n := testing.AllocsPerRun(100, func() {
		if span := r.beginSpan(publish.Target{Exchange: "x", Key: "k"}, nil, metadata); span != nil {
			span.Attach(m)
		}
		endSpan(bulk.Result{})
	}); n != 0 || m.Headers != nil || metadata.TraceID+metadata.SpanID != "" {
		t.Errorf("%v allocations, %v %v", n, m.Headers, metadata)
	}
}
