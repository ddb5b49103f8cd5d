package amqp

import (
	"net/url"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/msgctl/msgctl/internal/pipeline/reconnect"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/topology"
)

func TestMain(m *testing.M) {
	// A private node that the tests share lives as long as their process.
	const node = "github.com/msgctl/msgctl/internal/rabbittest/node."
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(node+"startProcess.func1"),
		goleak.IgnoreAnyFunction(node+"newGuard.func2"))
}

// newClient makes a client of a user's.
func newClient(tb testing.TB, user rabbittest.User, change ...func(*Options)) *Client {
	tb.Helper()
	u, err := url.Parse(user.URL)
	if err != nil {
		tb.Fatal("a broker's address is not a URL")
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		tb.Fatal(err)
	}
	password, _ := u.User.Password()
	o := Options{Host: u.Hostname(), Port: port, User: u.User.Username(), Password: topology.Secret(password),
		Reconnect: reconnect.Policy{Delay: 100 * time.Millisecond, Attempts: 10}, Timeout: time.Minute,
		Name: "msgctl test"}
	for _, f := range change {
		f(&o)
	}
	return New(o)
}
