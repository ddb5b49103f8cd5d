package cmd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestBrokerScript runs every script of testdata/broker on every broker line, each in a vhost of
// its own, as a user who is an administrator. A script finds: MSGCTL_URL and MSGCTL_API as a user
// would set them, VHOST and RABBITMQ_VHOST, LINE, the broker's address without credentials in
// HOSTPORT and APIPORT, and these commands:
//
//	api METHOD PATH [JSON]      asks the management API and prints the answer; fails on a status of 300 and more
//	publish QUEUE N             publishes N messages, confirmed
//	ready QUEUE N               waits until the queue has N ready messages (N+: at least)
//	eventually PATH REGEXP      asks the management API until its answer matches
//	consume QUEUE               keeps a consumer on the queue until the script ends
//	hold BYTES                  from here on MSGCTL_URL leads to a proxy that passes so many bytes to the broker
//	                            and then none
//	exclusive QUEUE EXCHANGE KEY   keeps an exclusive queue, bound, whose dead letters are lost, until the script ends
//	servernamed                 makes a durable queue that the broker names
//	user NAME TAGS CONF WRITE READ   adds a user; NAME_URL and NAME_API are its addresses ("-" for no
//	                                 tags, or no permissions at all)
//
// and the conditions [line:4.3], [since:4.0].
func TestBrokerScript(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) { runScripts(t, b, "testdata/broker") })
}

// TestOneLineScript runs the scripts of testdata/oneline, which show the same on every line.
func TestOneLineScript(t *testing.T) {
	rabbittest.OneLine(t, func(t *testing.T, b *rabbittest.Broker) { runScripts(t, b, "testdata/oneline") })
}

func runScripts(t *testing.T, b *rabbittest.Broker, dir string) {
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(env *testscript.Env) error { return setupBroker(env, b) },
		Condition:           func(cond string) (bool, error) { return lineCondition(b.Line, cond) },
		Cmds: withWatching(withEvents(withDeadLetters(map[string]func(*testscript.TestScript, bool, []string){
			"api": scriptAPI, "publish": scriptPublish, "ready": scriptReady, "eventually": scriptEventually,
			"consume": scriptConsume, "user": scriptUser, "hold": scriptHold, "exclusive": scriptExclusive,
			"servernamed": scriptServerNamed,
		}))),
	})
}

// arena is what a script's commands share.
type arena struct {
	t     testing.TB
	vhost *rabbittest.VHost
}

const arenaKey = "arena"

func setupBroker(env *testscript.Env, b *rabbittest.Broker) error {
	t := env.T().(testing.TB)
	v := b.VHost(t)
	t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
	env.Values[arenaKey] = &arena{t, v}
	env.Setenv("HOME", env.WorkDir+"/home")
	env.Setenv("GORACE", os.Getenv("GORACE"))
	env.Setenv("MSGCTL_URL", v.URL)
	env.Setenv("MSGCTL_API", v.API)
	env.Setenv("VHOST", v.Name)
	env.Setenv("RABBITMQ_VHOST", v.Name)
	env.Setenv("LINE", b.Line)
	env.Setenv("LOGIN", v.Login)
	env.Setenv("PASSWORD", v.Password)
	env.Setenv("HOSTPORT", cmdtest.HostPort(b.URL))
	env.Setenv("APIPORT", cmdtest.HostPort(b.API))
	env.Setenv("REPO", cmdtest.Repository(t))
	return os.MkdirAll(env.WorkDir+"/home", 0o700)
}

func lineCondition(line, cond string) (bool, error) {
	what, version, ok := strings.Cut(cond, ":")
	switch {
	case ok && what == "line":
		return line == version, nil
	case ok && what == "since":
		return minor(line) >= minor(version), nil
	}
	return false, fmt.Errorf("no condition %q", cond)
}

// minor makes a line comparable: 3.10 is 310, 4.0 is 400.
func minor(line string) int {
	major, rest, _ := strings.Cut(line, ".")
	a, _ := strconv.Atoi(major)
	b, _ := strconv.Atoi(rest)
	return a*100 + b
}

func scriptAPI(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: api METHOD PATH [JSON]")
	}
	a := ts.Value(arenaKey).(*arena)
	var in, out any
	if len(args) > 2 {
		in = rawJSON(strings.Join(args[2:], " "))
	}
	err := a.vhost.Broker.Admin().Do(args[0], args[1], in, &out)
	switch {
	case neg && err == nil:
		ts.Fatalf("%s %s succeeded", args[0], args[1])
	case !neg && err != nil:
		ts.Fatalf("%v", err)
	case out != nil:
		_, _ = fmt.Fprintln(ts.Stdout(), out)
	}
}

type rawJSON string

func (j rawJSON) MarshalJSON() ([]byte, error) { return []byte(j), nil }

func scriptPublish(ts *testscript.TestScript, _ bool, args []string) {
	a, n := ts.Value(arenaKey).(*arena), count(ts, args)
	ch := a.vhost.Channel(a.t)
	ts.Check(ch.Confirm(false))
	for range n {
		confirm, err := ch.PublishWithDeferredConfirm("", args[0], true, false,
			amqp.Publishing{Body: []byte("x"), DeliveryMode: 2})
		ts.Check(err)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		ok, err := confirm.WaitContext(ctx)
		cancel()
		if err != nil || !ok {
			ts.Fatalf("publish to %s: not confirmed: %v", args[0], err)
		}
	}
}

func scriptReady(ts *testscript.TestScript, _ bool, args []string) {
	atLeast := len(args) == 2 && strings.HasSuffix(args[1], "+")
	if atLeast {
		args[1] = strings.TrimSuffix(args[1], "+")
	}
	a, want := ts.Value(arenaKey).(*arena), count(ts, args)
	ch := a.vhost.Channel(a.t)
	got := -1
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		q, err := rabbittest.CountQueue(ch, args[0])
		ts.Check(err)
		if got = q.Messages; got == want || atLeast && got > want {
			return
		}
	}
	ts.Fatalf("queue %s has %d ready messages, want %d", args[0], got, want)
}

func scriptEventually(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: eventually PATH REGEXP")
	}
	want, client := regexp.MustCompile(args[1]), ts.Value(arenaKey).(*arena).vhost.Broker.Admin()
	var answer json.RawMessage
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if client.Do(http.MethodGet, args[0], nil, &answer) == nil && want.Match(answer) {
			return
		}
	}
	ts.Fatalf("%s does not come to match %s: %s", args[0], args[1], answer)
}

func count(ts *testscript.TestScript, args []string) int {
	if len(args) != 2 {
		ts.Fatalf("usage: QUEUE N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	return n
}

func scriptConsume(ts *testscript.TestScript, _ bool, args []string) {
	a := ts.Value(arenaKey).(*arena)
	_, err := a.vhost.Channel(a.t).Consume(args[0], "", false, false, false, false, nil)
	ts.Check(err)
}

// scriptHold keeps what follows from ever ending by itself, however slow this machine is.
func scriptHold(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: hold BYTES")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	a := ts.Value(arenaKey).(*arena)
	proxy := rabbittest.NewProxy(a.t, a.vhost.URL)
	proxy.HoldAfter(rabbittest.ToBroker, n)
	ts.Setenv("MSGCTL_URL", proxy.Through(a.vhost.URL))
}

func scriptExclusive(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: exclusive QUEUE EXCHANGE KEY")
	}
	a := ts.Value(arenaKey).(*arena)
	ch := a.vhost.Channel(a.t)
	_, err := ch.QueueDeclare(args[0], true, false, true, false,
		amqp.Table{"x-max-length": int32(1), "x-dead-letter-exchange": "gone"})
	ts.Check(err)
	ts.Check(ch.QueueBind(args[0], args[2], args[1], false, nil))
	_, err = ch.QueueDeclare("", false, false, true, false, nil) // as clients have it that wait for answers
	ts.Check(err)
}

func scriptServerNamed(ts *testscript.TestScript, _ bool, _ []string) {
	a := ts.Value(arenaKey).(*arena)
	_, err := a.vhost.Channel(a.t).QueueDeclare("", true, false, false, false, nil)
	ts.Check(err)
}

func scriptUser(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 && len(args) != 5 {
		ts.Fatalf("usage: user NAME TAGS [CONFIGURE WRITE READ]")
	}
	a := ts.Value(arenaKey).(*arena)
	var options []rabbittest.Option
	if args[1] == "-" {
		options = append(options, rabbittest.Tags())
	} else {
		options = append(options, rabbittest.Tags(args[1]))
	}
	if len(args) == 5 {
		options = append(options, rabbittest.Permissions(args[2], args[3], args[4]))
	} else {
		options = append(options, rabbittest.NoAccess())
	}
	u := a.vhost.AddUser(a.t, options...)
	ts.Setenv(args[0]+"_URL", u.URL)
	ts.Setenv(args[0]+"_API", u.API)
	ts.Setenv(args[0]+"_LOGIN", u.Login)
}
