package dlq_test

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

// TestOrderIsKeptOrSaidFirst runs each command that leaves messages in a queue in each way that
// does. What stays is in its order, or the command said before that it may not be. The messages are
// more than 3.10 keeps in order when one channel returns them.
func TestOrderIsKeptOrSaidFirst(t *testing.T) {
	const n = 700
	said := regexp.MustCompile(`may come behind the rest of the queue`)
	move := func(to string, more ...string) []string {
		return append([]string{"move", "", "--to", "queue:" + to}, more...)
	}
	ways := [][]string{
		{"inspect", ""}, {"inspect", "", "--limit", "40"}, {"export", ""}, {"export", "", "--limit", "40"},
		move("work", "--dry-run"), move("work", "--copy"), move("work", "--copy", "--prefetch", "100"),
		move("work", "--limit", "40"), move("work", "--where", "headers.n % 3 == 0"),
		move("work", "--id", cmdtest.MessageID(120)),
		move("small"), move("work", "--jq", `if . % 2 == 0 then . + 1 else error("odd") end`),
		{"replay", ""}, // they have no history
		{"purge", "", "--yes", "--limit", "40"}, {"purge", "", "--yes", "--where", "headers.n % 3 == 0"},
		{"export", "", "--drain", "--limit", "40"}, {"export", "", "--drain", "--where", "headers.n % 3 == 0"},
	}
	some := slices.Concat(ways[:1], ways[2:3], ways[8:9], ways[10:11], ways[16:])
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		for _, queueType := range []string{topology.Classic, topology.Quorum} {
			t.Run(queueType, func(t *testing.T) {
				t.Parallel()
				f := cmdtest.NewFixture(t, b)
				f.Declare("work", nil)
				f.Declare("small", map[string]any{"x-max-length": 40, "x-overflow": "reject-publish"})
				p := cmdtest.NewProgram(t, f.VHost.URL, f.VHost.API)
				list := some
				if b.Line == "3.10" && queueType == topology.Quorum { // (fact large-nack-reorders)
					list = ways
				}
				for i, way := range list {
					queue := fmt.Sprint("dlq", i)
					arguments := map[string]any{"x-queue-type": queueType}
					if queueType == topology.Quorum {
						arguments["x-delivery-limit"] = 100
					}
					f.Declare(queue, arguments)
					f.Publish(queue, n)
					args := append([]string{"dlq"}, way...)
					if args[2] = queue; way[0] == "export" {
						args = append(args, "--archive", filepath.Join(t.TempDir(), "a.ndjson"))
					}
					r := p.Run(args...)
					left := numbersIn(f, queue)
					if len(left) == 0 {
						t.Errorf("msgctl %q left nothing", args)
					}
					if !slices.IsSorted(left) && !said.MatchString(r.Stderr) {
						t.Errorf("msgctl %q changed the order and did not say so: %v\n%s", args, left, r.Stderr)
					}
				}
			})
		}
	})
}

// TestALimitTakesTheFirstThatMatch, and leaves the others in their order, where what is in transit
// when a consumer ends goes to the tail of the queue (fact nacks-without-limit).
func TestALimitTakesTheFirstThatMatch(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		f := cmdtest.NewFixture(t, b)
		p := cmdtest.NewProgram(t, f.VHost.URL, f.VHost.API)
		f.Declare("work", nil)
		arguments := map[string]any{"x-queue-type": topology.Quorum}
		if b.Line != "3.10" {
			arguments["x-delivery-limit"] = -1
		}
		f.Declare("dlq", arguments)
		const n = 60
		var want, stay []int64
		for i := range int64(n) {
			if i%3 == 0 && len(want) < 5 {
				want = append(want, i)
			} else {
				stay = append(stay, i)
			}
		}
		for _, more := range [][]string{nil, {"--prefetch", "60"}} {
			f.Publish("dlq", n)
			args := append([]string{"dlq", "move", "dlq", "--to", "queue:work", "--where", "headers.n % 3 == 0", "--limit", "5"},
				more...)
			p.Run(args...).Want(t, 0)
			if went, left := numbersIn(f, "work"), numbersIn(f, "dlq"); !slices.Equal(went, want) || !slices.Equal(left, stay) {
				t.Errorf("msgctl %q: %v went and %v stayed", args, went, left)
			}
		}
	})
}

// numbersIn takes all messages out of a queue and returns their numbers.
func numbersIn(f *cmdtest.Fixture, queue string) (list []int64) {
	f.T.Helper()
	f.AwaitReturned(queue)
	waiting := f.Ready(queue)
	in, err := f.Ch.ConsumeWithContext(f.T.Context(), queue, queue, true, false, false, false, nil)
	f.Check(err)
	for range waiting {
		d := <-in
		list = append(list, d.Headers["n"].(int64))
	}
	f.Check(f.Ch.Cancel(queue, false))
	return list
}
