// Package rabbittest gives tests real RabbitMQ brokers.
//
//   - EachLine runs a test once per broker line; VHost gives it a vhost and a user of its own
//     there.
//   - StartNode starts a private node that a test may stop, kill, freeze and restart.
//   - Proxy stands between a client and a broker and cuts, stalls, slows or refuses connections.
//
// Which brokers: those named by MSGCTL_TEST_BROKERS, a space-separated list of
// LINE,AMQP_URL,API_URL with the credentials of an administrator in both URLs. They may be shared
// with others, so a test touches nothing there but its own vhost and users. Without the variable,
// one private node is started per test process, at its first use, and disappears with the process
// (see package node).
package rabbittest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// BrokersEnv names the variable that lists the brokers to test against.
const BrokersEnv = "MSGCTL_TEST_BROKERS"

// soakEnv is set by `go run ./dev soak`.
const soakEnv = "MSGCTL_SOAK"

// Cases returns how many messages, or random cases, a test takes: few where the whole suite is to
// end soon, and many where it runs for a night.
func Cases(few, many int) int {
	if os.Getenv(soakEnv) != "" {
		return many
	}
	return few
}

// Broker is a running broker that tests may share. It is safe for use by several tests at once.
type Broker struct {
	// Line is the minor version line: "3.10", "4.0", "4.3".
	Line string
	// URL is the AMQP address with an administrator's credentials and the vhost "/".
	URL string
	// API is the management API's address with the same credentials and no path.
	API string
}

// EachLine runs f as one parallel subtest per broker line, named after the line: tests wait for
// brokers more than they compute. So f begins when the function that called EachLine has returned,
// and may share with the other lines only what nobody changes.
func EachLine(t *testing.T, f func(t *testing.T, b *Broker)) {
	t.Helper()
	for _, b := range Brokers(t) {
		t.Run(b.Line, func(t *testing.T) {
			t.Parallel()
			f(t, b)
		})
	}
}

// OneLine is EachLine on one line, the last that is listed: for tests whose outcome does not depend
// on the line. Such tests of a package run side by side.
func OneLine(t *testing.T, f func(t *testing.T, b *Broker)) {
	t.Helper()
	t.Parallel()
	b := Any(t)
	t.Run(b.Line, func(t *testing.T) { f(t, b) })
}

// Brokers returns every broker under test, at least one.
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

// Any returns one broker, the last that is listed, for tests whose outcome does not depend on the
// line.
func Any(tb testing.TB) *Broker {
	tb.Helper()
	all := Brokers(tb)
	return all[len(all)-1]
}

// Of describes a node as a broker, so that VHost and the client work on it too.
func Of(n *node.Node) *Broker { return &Broker{Line: n.Line(), URL: n.URL, API: n.API} }

// String is the broker's entry in MSGCTL_TEST_BROKERS. It holds the password.
func (b *Broker) String() string { return b.Line + "," + b.URL + "," + b.API }

// private starts the process's own node once. Its guard removes it when the process ends, so nobody
// closes it.
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
