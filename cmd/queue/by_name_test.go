package queue_test

import (
	"encoding/json"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/ledger"
)

// TestPublisherByName: who publishes to the name of the queue is seen before the queue is replaced, and
// everything can be led back.
func TestPublisherByName(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) {
		f := cmdtest.NewFixture(t, b)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, f.VHost.Name) })
		f.Check(f.Ch.ExchangeDeclare("orders", "topic", true, false, false, false, nil))
		f.Declare("work", nil)
		f.Check(f.Ch.QueueBind("work", "order.#", "orders", false, nil))
		l := ledger.New(t, 1<<20)
		l.Publish(ledger.Publisher{URL: f.VHost.URL, Exchange: "orders", Keys: []string{"order.created"}, Rate: 50})
		l.Publish(ledger.Publisher{URL: f.VHost.URL, Keys: []string{"work"}, Rate: 50})
		l.AwaitConfirms(t, 100)
		p := cmdtest.NewProgram(t, f.VHost.URL, f.VHost.API)
		p.Run("queue", "convert", "work", "--to", "quorum", "--yes").Want(t, 1, "somebody publishes to its name",
			"--allow-gap")
		list := p.Run("queue", "jobs", "ls", "-o", "json")
		job := ""
		for _, j := range jobsOf(t, list.Stdout) {
			if j.VHost == f.VHost.Name {
				job = j.ID
			}
		}
		p.Run("queue", "convert", "work", "--to", "quorum", "--yes").Want(t, 1, "is being migrated already",
			"msgctl queue jobs resume "+job)
		p.Run("queue", "jobs", "show", job).Want(t, 0, "stage     drain", "msgctl queue jobs abort "+job)
		other := cmdtest.NewProgram(t, f.VHost.AddUser(t, rabbittest.Tags("policymaker"),
			rabbittest.Permissions("^msgctl", "^msgctl", "^msgctl|^orders$")).URL, f.VHost.API)
		other.Run("queue", "jobs", "resume", job).Want(t, 4, "lacks the permission", "msgctl queue jobs abort "+job)
		p.Run("queue", "jobs", "show", job).Want(t, 0, "goes to   quorum") // not back, because another may not go on
		p.Run("queue", "jobs", "abort", job).Want(t, 0, "Queue work is as it was")
		v := l.Settle(t, f.VHost.URL, "work")
		if v.Lost > 0 || v.Returned > 0 || v.Nacked > 0 || v.Duplicates > 0 {
			t.Error(v)
		}
		if names := cmdtest.QueueNames(t, f.VHost); len(names) != 1 {
			t.Errorf("there are queues %q", names)
		}
	})
}

type listedJob struct{ ID, VHost string }

func jobsOf(t *testing.T, text string) []listedJob {
	t.Helper()
	var doc struct{ Jobs []listedJob }
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Jobs
}
