// Package brokertest connects internal/broker as the users of internal/rabbittest, for tests of
// what works on a live broker. It is apart from internal/rabbittest, which imports nothing of what
// it helps to test.
package brokertest

import (
	"net/url"
	"strconv"
	"testing"

	"github.com/msgctl/msgctl/internal/broker"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

// Connect returns a client that logs in as the user, closed when the test ends. The options that
// change sees are complete: addresses, vhost and credentials.
func Connect(tb testing.TB, u rabbittest.User, change ...func(*broker.Options)) *broker.Client {
	tb.Helper()
	o, err := options(u)
	if err != nil {
		tb.Fatal(err)
	}
	for _, f := range change {
		f(&o)
	}
	c, err := broker.New(o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

func options(u rabbittest.User) (broker.Options, error) {
	address, err := url.Parse(u.URL)
	if err != nil {
		return broker.Options{}, err
	}
	api, err := url.Parse(u.API)
	if err != nil {
		return broker.Options{}, err
	}
	api.User = nil
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		return broker.Options{}, err
	}
	o := broker.Options{Host: address.Hostname(), Port: port, API: api.String(), Name: "msgctl test"}
	if len(address.Path) > 1 {
		o.VHost = address.Path[1:]
	}
	o.User = address.User.Username()
	password, _ := address.User.Password()
	o.Password = topology.Secret(password)
	return o, nil
}

// ReadLive reads a vhost.
func ReadLive(tb testing.TB, c *broker.Client, vhost string) *topology.Live {
	tb.Helper()
	live, err := c.ReadLive(tb.Context(), broker.Scope{VHosts: []string{vhost}})
	if err != nil {
		tb.Fatal(err)
	}
	return live
}
