package queue_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/ledger"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
	"github.com/msgctl/msgctl/pkg/migrate"
)

func TestMain(m *testing.M) { cmdtest.Main(m) }

// window is how many messages msgctl moves at once: each of its deaths may duplicate so many.
const window = 200

// TestNothingIsLostWhenMsgctlIsKilled converts a queue while others publish. msgctl is killed at the
// beginning of each stage and at random moments, and resumed, and connections are cut. In a soak run
// brokers are restarted as well. The ledger has to find every confirmed message.
func TestNothingIsLostWhenMsgctlIsKilled(t *testing.T) {
	if rabbittest.Cases(0, 1) == 0 {
		rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) { convertAndKill(t, b, nil) })
		return
	}
	rabbittest.EachPrivateLine(t, func(t *testing.T, n *node.Node) { convertAndKill(t, rabbittest.Of(n), n) })
}

// convertAndKill converts queues until msgctl was killed often enough, some that nobody reads and
// some that are consumed.
func convertAndKill(t *testing.T, b *rabbittest.Broker, n *node.Node) {
	seed := rabbittest.Seed(t)
	for i, consumed := range []bool{false, true} {
		t.Run(fmt.Sprintf("consumed=%v", consumed), func(t *testing.T) {
			if n == nil {
				t.Parallel() // nobody restarts the broker
			}
			random := rand.New(rand.NewPCG(uint64(seed), uint64(i)))
			var stages []migrate.Stage
			for kills := rabbittest.Cases(1, 100); kills > 0 && !t.Failed(); {
				c := newConversion(t, b, random, consumed)
				c.stages = &stages
				kills -= c.run(n, 2*len(migrate.Stages()))
			}
		})
	}
}

// conversion is a queue that is converted.
type conversion struct {
	*cmdtest.Fixture
	ledger   *ledger.Ledger
	program  *cmdtest.Program
	proxy    *rabbittest.Proxy // of msgctl
	clients  *rabbittest.Proxy // of publishers and consumers
	random   *rand.Rand
	consumed bool
	before   string           // the bindings
	stages   *[]migrate.Stage // at whose beginning msgctl has not died yet
	marked   bool
	kills    int
	cuts     int
}

func newConversion(t *testing.T, b *rabbittest.Broker, random *rand.Rand, consumed bool) *conversion {
	f := cmdtest.NewFixture(t, b)
	c := &conversion{Fixture: f, ledger: ledger.New(t, rabbittest.Cases(100_000, 1_000_000)), random: random,
		consumed: consumed, proxy: rabbittest.NewProxy(t, f.VHost.URL), clients: rabbittest.NewProxy(t, f.VHost.URL)}
	c.program = cmdtest.NewProgram(t, c.proxy.Through(f.VHost.URL), f.VHost.API)
	for exchange, kind := range map[string]string{"direct": "direct", "topic": "topic", "headers": "headers"} {
		f.Check(f.Ch.ExchangeDeclare(exchange, kind, true, false, false, false, nil))
	}
	f.Declare("work", amqp.Table{"x-queue-type": "classic", "x-max-length": int32(1_000_000), "x-max-priority": int32(5)})
	f.Check(f.Ch.QueueBind("work", "k", "direct", false, nil))
	f.Check(f.Ch.QueueBind("work", "a.#", "topic", false, nil))
	f.Check(f.Ch.QueueBind("work", "#.b", "topic", false, nil))
	f.Check(f.Ch.QueueBind("work", "", "headers", false, amqp.Table{"x-match": "any", "n": int32(1)}))
	f.Check(f.Ch.QueueBind("work", "", "headers", false, amqp.Table{"x-match": "any", "n": int64(1)}))
	c.before = c.bindings()
	return c
}

// run converts the queue, with so many deaths of msgctl at most, and judges. It returns how many
// there were.
func (c *conversion) run(n *node.Node, kills int) int {
	t := c.T
	url, rate := c.clients.Through(c.VHost.URL), rabbittest.Cases(50, 400)
	for _, p := range []ledger.Publisher{
		{Exchange: "direct", Keys: []string{"k"}},
		{Exchange: "topic", Keys: []string{"a", "a.x.b", "x.b"}, Anonymous: true},
		{Exchange: "headers", Headers: amqp.Table{"n": int64(1)}},
	} {
		p.URL, p.Rate = url, rate
		c.ledger.Publish(p)
	}
	if c.consumed {
		c.ledger.Consume(ledger.Consumer{URL: url, Queue: "work", Prefetch: 50, Batch: 7, Hold: 30 * time.Millisecond})
	}
	backlog := rabbittest.Cases(2500, 25_000)
	c.backlog(backlog)
	c.convert(n, kills)
	c.ledger.AwaitConfirms(t, 100)
	if c.consumed {
		c.ledger.Await(t, "a new subscription", func(n ledger.Counts) bool { return n.Cancelled > 0 && n.Held > 0 })
	}
	c.check(c.ledger.Settle(t, c.VHost.URL, "work"))
	return c.kills
}

// backlog publishes as fast as possible until so many are confirmed.
func (c *conversion) backlog(n int) {
	c.T.Helper()
	c.ledger.Publish(ledger.Publisher{URL: c.VHost.URL, Exchange: "direct", Keys: []string{"k"}, Count: n})
	c.ledger.Await(c.T, "the backlog", func(now ledger.Counts) bool { return now.Confirmed >= n })
}

// convert runs msgctl until the queue is converted: it dies at the beginning of a stage, and then
// while its connection is held at a random byte, in turn.
func (c *conversion) convert(n *node.Node, kills int) {
	c.T.Helper()
	next := []string{"queue", "convert", "work", "--to", "quorum", "--unset", "x-max-priority", "--yes"}
	for turn := 0; ; turn++ {
		held := turn%2 == 1
		if held {
			c.proxy.HoldAfter(rabbittest.ToClient, c.random.IntN(150_000))
		}
		r := c.program.Start(append(next, flags...)...)
		switch {
		case c.kills >= kills:
			c.end(r, n)
			return
		case held:
			c.untilEnd(r, time.Duration(c.random.IntN(1500))*time.Millisecond)
		default:
			c.untilStage(r)
		}
		c.mark(r)
		if !r.Ended() {
			c.Check(r.Cmd.Process.Kill())
			c.kills++
		}
		result := c.program.Wait(r)
		c.proxy.Heal()
		switch job := c.job(); {
		case job == "" && result.Code == 0:
			return
		case job != "":
			next = []string{"queue", "jobs", "resume", job}
		case result.Code > 0 && !strings.Contains(result.Stderr, "another msgctl"):
			c.T.Fatalf("msgctl ended with %d: %s", result.Code, result.Stderr)
		}
	}
}

// flags are those of each msgctl. A lost connection is not the end of its work. Nobody publishes by
// name, so --allow-gap makes it wait less for an empty queue, and allows nothing.
var flags = []string{"--prefetch", strconv.Itoa(window), "--reconnect-delay", "100ms", "--reconnect-attempts", "1000",
	"--allow-gap"}

// untilStage waits for a stage at whose beginning msgctl has not died yet, or for the end.
func (c *conversion) untilStage(r *cmdtest.Running) {
	c.T.Helper()
	if len(*c.stages) == 0 {
		*c.stages = migrate.Stages()
	}
	c.ledger.Await(c.T, fmt.Sprintf("one of the stages %s", *c.stages), func(ledger.Counts) bool {
		for i, stage := range *c.stages {
			if begun(r, stage) {
				*c.stages = slices.Delete(*c.stages, i, i+1)
				return true
			}
		}
		return r.Ended()
	})
}

func begun(r *cmdtest.Running, stage migrate.Stage) bool {
	return strings.Contains(r.Stderr.String(), "stage "+string(stage)+" ")
}

// mark says that what is published from now on is new, once it is held. It stays behind what was
// published before as long as publishers are not led to the new queue.
func (c *conversion) mark(r *cmdtest.Running) {
	if !c.marked && begun(r, migrate.Drain) && !begun(r, migrate.Release) {
		c.ledger.Mark()
		c.marked = true
	}
}

// untilEnd waits for the end, or for a moment: that is when msgctl dies.
func (*conversion) untilEnd(r *cmdtest.Running, moment time.Duration) {
	for end := time.Now().Add(moment); time.Now().Before(end) && !r.Ended(); {
		time.Sleep(time.Millisecond)
	}
}

// end lets msgctl finish, while its connection and those of the clients are cut, and in a soak run
// the broker is restarted.
func (c *conversion) end(r *cmdtest.Running, n *node.Node) {
	c.T.Helper()
	c.proxy.Cut()
	c.clients.Cut()
	c.cuts++
	if n != nil && c.random.IntN(4) == 0 {
		c.Check(n.SyncMetadata(c.T.Context()))
		c.Check(n.Restart(c.T.Context()))
		c.Reconnect()
	}
	for {
		result := c.program.Wait(r)
		if result.Code == 0 {
			return
		}
		job := c.job()
		if job == "" {
			c.T.Fatalf("msgctl ended with %d and left no job: %s", result.Code, result.Stderr)
		}
		c.T.Logf("msgctl ended with %d: %s", result.Code, cmdtest.LastPart(result.Stderr))
		r = c.program.Start(append([]string{"queue", "jobs", "resume", job}, flags...)...)
	}
}

// job returns the id of the job that the broker remembers, or "".
func (c *conversion) job() string {
	var all []struct {
		Name  string
		Value json.RawMessage
	}
	c.VHost.Client().Get(c.T, "/api/global-parameters", &all)
	for _, p := range all {
		if id, ok := strings.CutPrefix(p.Name, "msgctl-migration-"); ok && strings.Contains(string(p.Value), c.VHost.Name) {
			return id
		}
	}
	return ""
}

// bindings lists the bindings of the queue with the broker's keys, which depend on the types of
// arguments.
func (c *conversion) bindings() string {
	var all []struct {
		Source string
		Key    string `json:"properties_key"`
	}
	c.VHost.Client().Get(c.T, rabbittest.Path("queues", c.VHost.Name, "work", "bindings"), &all)
	var list []string
	for _, b := range all {
		list = append(list, b.Source+" "+b.Key)
	}
	slices.Sort(list)
	return strings.Join(list, ", ")
}

// check judges what became of the messages and of the queue.
func (c *conversion) check(v ledger.Verdict) {
	t := c.T
	t.Helper()
	t.Logf("%d kills, %d cuts, marked %v, stages left %s: %s", c.kills, c.cuts, c.marked, *c.stages, v)
	if v.Lost+v.Returned+v.Nacked+v.Foreign > 0 {
		t.Errorf("messages were lost or refused")
	}
	if may := window * (c.kills + c.cuts); v.Duplicates-v.Redelivered > may {
		t.Errorf("%d duplicates, more than %d", v.Duplicates-v.Redelivered, may)
	}
	if v.Late > 0 {
		t.Errorf("%d messages that were in the queue before came after newer ones", v.Late)
	}
	if now := c.bindings(); now != c.before {
		t.Errorf("bindings were %s and are %s", c.before, now)
	}
	var q struct {
		Type      string
		Durable   bool
		Arguments map[string]any
	}
	c.VHost.Client().Get(t, rabbittest.Path("queues", c.VHost.Name, "work")+"?disable_stats=true", &q)
	want := map[string]any{"x-queue-type": "quorum", "x-max-length": 1e6}
	if !q.Durable || !maps.Equal(q.Arguments, want) {
		t.Errorf("the queue is %+v", q)
	}
	if names := cmdtest.QueueNames(t, c.VHost); len(names) != 1 {
		t.Errorf("queues: %s", names)
	}
	var exchanges []struct{ Name string }
	c.VHost.Client().Get(t, rabbittest.Path("exchanges", c.VHost.Name), &exchanges)
	for _, x := range exchanges {
		if migrate.Belongs(x.Name) {
			t.Errorf("exchange %s is left", x.Name)
		}
	}
	if job := c.job(); job != "" {
		t.Errorf("job %s is left", job)
	}
}
