package refusal

import (
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
)

func TestGiveNamesNothingButWhatIsNeeded(t *testing.T) {
	needs := Needs{Write: []string{Named("")}, Read: []string{Named("a.b"), Named("it's")}}
	want := `rabbitmqctl set_permissions -p v u CONFIGURE 'WRITE|^amq\.default$' 'READ|^a\.b$|^it'\''s$' `
	if got := needs.Give("u", "v"); !strings.Contains(got, want) {
		t.Errorf("have %s\nwant %s", got, want)
	}
	if got := NoVHostAccess("", "u", "v").Error(); !strings.Contains(got, "-p v u '^$' '^$' '^$'") {
		t.Error(got)
	}
	want = "rabbitmqctl set_topic_permissions -p v u x 'WRITE|^k$' READ "
	if got := GiveTopic("u", "v", "x", "k", ""); !strings.Contains(got, want) {
		t.Errorf("have %s\nwant %s", got, want)
	}
}

func TestPermission(t *testing.T) {
	dead := &topology.Queue{VHost: "v", Name: "q", Arguments: topology.Arguments{"x-dead-letter-exchange": "d"}}
	plain := &topology.Queue{VHost: "v", Name: "q"}
	x := &topology.Exchange{VHost: "v", Name: "x", Arguments: topology.Arguments{"alternate-exchange": "a"}}
	b := &topology.Binding{VHost: "v", Source: "x", Destination: "q", DestinationType: "queue"}
	toReserved := &topology.Binding{VHost: "v", Source: "x", Destination: "amq.topic", DestinationType: "exchange"}
	const who = " refused for user 'u'"
	for _, c := range []struct {
		verb         string
		object       topology.Object
		reason, want string
	}{
		{"declare", plain, "access to queue 'q' in vhost 'v'" + who, "'CONFIGURE|^q$' WRITE READ"},
		{"declare", dead, "access to queue 'q' in vhost 'v'" + who, "'CONFIGURE|^q$' 'WRITE|^d$' 'READ|^q$'"},
		{"declare", dead, "write access to exchange 'd' in vhost 'v'" + who, "CONFIGURE 'WRITE|^d$' READ"},
		{"declare", dead, "read access to queue 'q' in vhost 'v'" + who, "CONFIGURE WRITE 'READ|^q$'"},
		{"declare", x, "", "'CONFIGURE|^x$' 'WRITE|^a$' 'READ|^x$'"},
		{"declare", b, "", "CONFIGURE 'WRITE|^q$' 'READ|^x$'"},
		{"declare", b, "write access to queue 'q' in vhost 'v'" + who, "CONFIGURE 'WRITE|^q$' READ"},
		{"declare", toReserved, "", "CONFIGURE 'WRITE|^amq\\.topic$' 'READ|^x$'"},
		{"delete", dead, "access to queue 'q' in vhost 'v'" + who, "'CONFIGURE|^q$' WRITE READ"},
		{"purge", plain, "access to queue 'q' in vhost 'v'" + who, "CONFIGURE WRITE 'READ|^q$'"},
		{"count messages of", plain, "configure access to queue 'q' in vhost 'v'" + who, "CONFIGURE WRITE 'READ|^q$'"},
	} {
		got := On(c.verb, c.object, "u").Permission(c.reason)
		if want := "rabbitmqctl set_permissions -p v u " + c.want + " (the capitals"; !strings.Contains(got, want) {
			t.Errorf("%s %s: %s:\nhave %s\nwant %s", c.verb, c.object.Ref(), c.reason, got, want)
		}
	}
}
