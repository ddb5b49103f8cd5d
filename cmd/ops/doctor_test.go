package ops_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/render/status"
)

// TestDoctorJudgesClients: what is wrong with the clients that are connected is told, by the
// connection or queue that it is about. The broker's statistics come late: doctor is asked until
// they are there.
func TestDoctorJudgesClients(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		c := cmdtest.NewFixture(t, b)
		c.Declare("work", nil)
		c.Declare("eager", nil)
		greedy, silent := c.VHost.Channel(t), c.VHost.Channel(t)
		_, err := greedy.Consume("work", "", false, false, false, false, nil)
		c.Check(err)
		_, err = c.VHost.Channel(t).Consume("eager", "", true, false, false, false, nil)
		c.Check(err)
		c.Check(silent.PublishWithContext(t.Context(), "", "eager", false, false, amqp.Publishing{Body: []byte("1")}))
		c.Declare("heavy", map[string]any{"x-max-length-bytes": 1000, "x-overflow": "reject-publish"})
		c.Check(silent.PublishWithContext(t.Context(), "", "heavy", false, false, amqp.Publishing{Body: make([]byte, 900)}))
		withoutHeartbeat(t, c.VHost.URL)
		c.Publish("eager", 3) // with confirms: not to be named
		if b.Line != "4.3" {  // it denies a prefetch that consumers share
			sharing := c.VHost.Channel(t)
			c.Check(sharing.Qos(10, 0, true))
			_, err = sharing.Consume("work", "", false, false, false, false, nil)
			c.Check(err)
		}
		p := cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API)
		var doc status.DoctorDocument
		want := map[string]string{
			"prefetch": "1 consumer without a limit, of the queues \"" + c.VHost.Name +
				"/work\"", "acknowledgements": c.VHost.Name +
				"/eager",
			"heartbeat": "1 connection without heartbeats", "confirms": "1 channel publishes without confirms",
			"queue-limits": `"heavy": its messages take 900 B of 1000 B (argument x-max-length-bytes)`,
		}
		if b.Line == "4.0" { // it does not tell of that
			want["prefetch"] = "2 consumers without a limit of their own, of the queues \"" + c.VHost.Name +
				"/work\"; RabbitMQ 4.0"
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("doctor said: %+v", doc.Results)
			}
		})
		c.Await(func() bool {
			out := p.Run("doctor", "--vhost", c.VHost.Name, "--only",
				"prefetch,acknowledgements,heartbeat,confirms,queue-limits",
				"--fail-on", "warning", "-o", "json")
			if err := json.Unmarshal([]byte(out.Stdout), &doc); err != nil {
				t.Fatalf("%v; doctor ended with %d and said: %s", err, out.Code, out.Stderr)
			}
			for _, r := range doc.Results {
				if !strings.Contains(strings.Join(r.Evidence, "\n"), want[r.ID]) {
					return false
				}
			}
			return len(doc.Results) == len(want) && out.Code == cmdutil.ExitPending
		}, "doctor does not find what is wrong with the clients")
		for _, r := range doc.Results {
			if bad := r.ID == "prefetch" && b.Line != "4.0"; bad != (r.Status == health.Error) ||
				!r.Status.AtLeast(health.Warning) || r.Fix == "" {
				t.Errorf("%s is %s: %v", r.ID, r.Status, r.Evidence)
			}
		}
	})
}

// withoutHeartbeat connects as a client that asks for no heartbeat, which the client library
// cannot, and stays until the test ends.
func withoutHeartbeat(t *testing.T, address string) {
	t.Helper()
	u, err := amqp.ParseURI(address)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(u.Host, strconv.Itoa(u.Port)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	short := func(s string) []byte { return append([]byte{byte(len(s))}, s...) }
	//nolint:gosec // short
	long := func(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }
	method := func(class, id uint16, args ...[]byte) {
		payload := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, class), id)
		payload = append(payload, bytes.Join(args, nil)...)
		frame := append([]byte{1, 0, 0}, long(string(payload))...)
		if _, err := conn.Write(append(frame, 0xCE)); err != nil {
			t.Fatal(err)
		}
	}
	await := func(class, id uint16) {
		var header [7]byte
		if _, err := io.ReadFull(conn, header[:]); err != nil {
			t.Fatal(err)
		}
		payload := make([]byte, binary.BigEndian.Uint32(header[3:])+1)
		if _, err := io.ReadFull(conn, payload); err != nil {
			t.Fatal(err)
		}
		if c, i := binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:]); c != class || i != id {
			t.Fatalf("the broker sent method %d.%d, want %d.%d", c, i, class, id)
		}
	}
	if _, err := conn.Write([]byte("AMQP\x00\x00\x09\x01")); err != nil {
		t.Fatal(err)
	}
	// connection.start
	await(10, 10)
	method(10, 11, long(""), short("PLAIN"), long("\x00"+u.Username+"\x00"+u.Password), short("en_US"))        // start-ok
	await(10, 30)                                                                                              // tune
	method(10, 31, []byte{0, 10}, binary.BigEndian.AppendUint32(nil, 131072), []byte{0, 0} /* no heartbeat */) // tune-ok
	method(10, 40, short(u.Vhost), short(""), []byte{0})                                                       // open
	await(10, 41)                                                                                              // open-ok
}
