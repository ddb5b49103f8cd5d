// Package rabbittest provides real RabbitMQ brokers for tests.
//
//   - EachLine runs a test once per release line ("3.10", "4.0"). VHost creates a vhost and a user
//     for one test.
//   - StartNode starts a private node that the test may stop, kill, freeze and restart.
//   - Proxy sits between a client and a broker and cuts, stalls, slows or refuses connections.
//
// MSGCTL_TEST_BROKERS lists the brokers to use, separated by spaces. Each entry is
// LINE,AMQP_URL,API_URL, and both URLs contain an administrator's credentials. Others may use these
// brokers at the same time, so a test touches only its own vhost and users. If the variable is not
// set, each test process starts one private node on first use. That node is removed when the
// process ends (see package node).
package rabbittest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// BrokersEnv is the name of the environment variable that lists the brokers to test against.
const BrokersEnv = "MSGCTL_TEST_BROKERS"

// soakEnv is set by `go run ./dev soak`.
const soakEnv = "MSGCTL_SOAK"

// Cases returns the number of messages or random cases that a test uses: many in a soak run
// (MSGCTL_SOAK is set), few otherwise.
func Cases(few, many int) int {
	if os.Getenv(soakEnv) != "" {
		return many
	}
	return few
}

// seedEnv is set in CI, so that the result of a commit does not depend on chance.
const seedEnv = "MSGCTL_TEST_SEED"

// Seed returns the seed of the random decisions of a test: MSGCTL_TEST_SEED if it is set, otherwise
// another one each time. It logs the seed, which repeats the decisions.
func Seed(tb testing.TB) int {
	tb.Helper()
	seed := rand.IntN(1<<30) + 1
	if set := os.Getenv(seedEnv); set != "" {
		n, err := strconv.Atoi(set)
		if err != nil {
			tb.Fatalf("read %s: %v", seedEnv, err)
		}
		seed = n
	}
	tb.Logf("%s=%d", seedEnv, seed)
	return seed
}

// Broker is a running broker that tests may share. It is safe for use by several tests at once.
type Broker struct {
	// Line is the release line: "3.10", "4.0", "4.3".
	Line string
	// URL is the AMQP address with an administrator's credentials and the vhost "/".
	URL string
	// API is the base URL of the management API with the same credentials and no path.
	API string
}

// EachLine runs f as one parallel subtest per release line, named after the line. The subtests run
// in parallel because tests mostly wait for brokers. f therefore starts after the function that
// called EachLine has returned, and it may share only immutable data with the other lines.
func EachLine(t *testing.T, f func(t *testing.T, b *Broker)) {
	t.Helper()
	for _, b := range Brokers(t) {
		t.Run(b.Line, func(t *testing.T) {
			t.Parallel()
			f(t, b)
		})
	}
}

// OneLine is EachLine on a single line, the last one listed. Use it for tests whose outcome does
// not depend on the RabbitMQ version. It marks the calling test as parallel.
func OneLine(t *testing.T, f func(t *testing.T, b *Broker)) {
	t.Helper()
	t.Parallel()
	b := Any(t)
	t.Run(b.Line, func(t *testing.T) { f(t, b) })
}

// Brokers returns all brokers under test, at least one. It fails the test if MSGCTL_TEST_BROKERS is
// not valid or if no private node can be started.
func Brokers(tb testing.TB) []*Broker {
	tb.Helper()
	list := os.Getenv(BrokersEnv)
	if list == "" {
		b, err := private()
		if err != nil {
			tb.Fatal(err)
		}
		return []*Broker{b}
	}
	brokers, err := parseBrokers(list)
	if err != nil {
		tb.Fatalf("read %s: %v", BrokersEnv, err)
	}
	return brokers
}

// Any returns one broker, the last one listed. Use it for tests whose outcome does not depend on
// the RabbitMQ version.
func Any(tb testing.TB) *Broker {
	tb.Helper()
	all := Brokers(tb)
	return all[len(all)-1]
}

// Of returns a Broker for a node, so that VHost and Client work on it.
func Of(n *node.Node) *Broker { return &Broker{Line: n.Line(), URL: n.URL, API: n.API} }

// String returns the entry of the broker in MSGCTL_TEST_BROKERS. It contains the password.
func (b *Broker) String() string { return b.Line + "," + b.URL + "," + b.API }

// private starts this process's own node once. Nothing closes the node: its guard removes it when
// the process ends.
var private = sync.OnceValues(func() (*Broker, error) {
	n, err := node.Find(context.Background(), node.Options{Note: os.Stderr})
	if err != nil {
		return nil, err
	}
	return Of(n), nil
})

var linePattern = regexp.MustCompile(`^\d+\.\d+$`)

func parseBrokers(list string) ([]*Broker, error) {
	var out []*Broker
	for _, entry := range strings.Fields(list) {
		part := strings.Split(entry, ",")
		if len(part) != 3 || !linePattern.MatchString(part[0]) {
			return nil, fmt.Errorf("entry %d must look like 4.0,amqp://USER:PASSWORD@HOST:PORT/,http://USER:PASSWORD@HOST:PORT",
				len(out)+1)
		}
		for i, scheme := range []string{"amqp", "http"} {
			u, err := url.Parse(part[i+1])
			if err != nil || !strings.HasPrefix(u.Scheme, scheme) || u.User == nil || u.Host == "" {
				return nil, fmt.Errorf("line %s: the URL number %d must be %s://USER:PASSWORD@HOST:PORT", part[0], i+1, scheme)
			}
		}
		out = append(out, &Broker{Line: part[0], URL: part[1], API: strings.TrimSuffix(part[2], "/")})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("it names no broker")
	}
	return out, nil
}
