package export_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

// liveState is what a broker could have.
func liveState(t *testing.T) *topology.State {
	t.Helper()
	s := &topology.State{}
	v := &topology.VHost{Name: "v", DefaultQueueType: "quorum"}
	v.Declared.DefaultQueueType = true
	for _, o := range []topology.Object{
		v,
		&topology.User{Name: "app", Tags: []string{"management"}, PasswordHash: someHash,
			HashingAlgorithm: "rabbit_password_hashing_sha256"},
		&topology.User{Name: "other app", Password: "hunter2"},
		&topology.UserLimit{User: "app", Name: "max-channels", Value: 10},
		&topology.Permission{VHost: "v", User: "app", Configure: "", Write: ".*", Read: "^q"},
		&topology.GlobalParameter{Name: "cluster_name",
			Value: "rabbit@here"}, &topology.GlobalParameter{Name: "internal_cluster_id", Value: "x"},
		&topology.GlobalParameter{Name: "msgctl-migration-a", Value: map[string]any{}},
		&topology.GlobalParameter{Name: "msgctl.orders", Value: map[string]any{}}, &topology.GlobalParameter{Name: "mine",
			Value: []any{int64(1)}},
		&topology.Parameter{VHost: "v", Component: "shovel", Name: "s",
			Value: map[string]any{"src-uri": "amqp://u:hunter2@host/v", "dest-uri": "amqp://host", "src-queue": "q"}},
		&topology.Parameter{VHost: "v", Component: "shovel", Name: "t",
			Value: map[string]any{"src-uri": []any{"amqp://u:hunter2@host/v", "amqp://u:hunter2@other/v"}}},
		&topology.Exchange{VHost: "v", Name: "", Type: "direct", Durable: true}, &topology.Exchange{VHost: "v",
			Name: "amq.topic", Type: "topic", Durable: true},
		&topology.Exchange{VHost: "v", Name: "x", Type: "topic", Durable: true,
			Arguments: topology.Arguments{"alternate-exchange": "elsewhere"}},
		&topology.Exchange{VHost: "v", Name: "h", Type: "headers", Durable: true},
		&topology.Queue{VHost: "v", Name: "q", Type: "quorum", TypeDeclared: true, Durable: true,
			Arguments: topology.Arguments{"x-message-ttl": int64(86400000), "x-dead-letter-exchange": "",
				"x-dead-letter-routing-key": "dead", "x-max-length-bytes": int64(1 << 30), "x-delivery-limit": int64(-1),
				"x-delayed-retry-type": "all", "x-delayed-retry-min": int64(1000)}},
		&topology.Queue{VHost: "v", Name: "mine alone", Type: "classic", TypeDeclared: true,
			Exclusive: true}, &topology.Queue{VHost: "v", Name: "amq.gen-1", Type: "classic", TypeDeclared: true},
		&topology.Binding{VHost: "v", Source: "", Destination: "q", DestinationType: topology.ToQueue, RoutingKey: "q"},
		&topology.Binding{VHost: "v", Source: "x", Destination: "q", DestinationType: topology.ToQueue, RoutingKey: "a.#"},
		&topology.Binding{VHost: "v", Source: "x", Destination: "mine alone", DestinationType: topology.ToQueue},
		&topology.Binding{VHost: "v", Source: "x", Destination: "amq.gen-1", DestinationType: topology.ToQueue},
		&topology.Binding{VHost: "v", Source: "h", Destination: "x", DestinationType: topology.ToExchange,
			Arguments: topology.Arguments{"x-match": "any", "n": int64(1)}},
		&topology.Binding{VHost: "v", Source: "x", Destination: "amq.topic", DestinationType: topology.ToExchange,
			RoutingKey: "k"},
		&topology.Policy{VHost: "v", Name: "p", Pattern: "^q", ApplyTo: "queues",
			Definition: topology.Arguments{"expires": int64(60000)}},
		&topology.VHostLimit{VHost: "v", Name: "max-queues", Value: 100},
	} {
		if err := s.Add(o, diag.Position{}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

const exported = `# yaml-language-server: $schema=../schema/topology.schema.json
# Set these variables before you use this file: OTHER_APP_PASSWORD, SHOVEL_S_SRC_URI, SHOVEL_T_SRC_URI, SHOVEL_T_SRC_URI_2
version: 1
name: orders
vhost: v

exchanges:
  h: {type: headers}
  x:
    type: topic
    alternateExchange: elsewhere
    bindings:
      - {exchange: h, match: any, headers: {n: 1}}

queues:
  q:
    type: quorum
    bindings:
      - {exchange: x, key: a.#}
    deadLetter: dead
    messageTTL: 24h
    maxLengthBytes: 1GiB
    deliveryLimit: unlimited
    delayedRetry: {type: all, min: 1s}

bindings:
  - {exchange: x, toExchange: amq.topic, key: k}

policies:
  p:
    pattern: ^q
    applyTo: queues
    definition:
      expires: 1m

permissions:
  app: {configure: "", write: .*, read: ^q}

parameters:
  shovel:
    s:
      dest-uri: amqp://host
      src-queue: q
      src-uri: "${SHOVEL_S_SRC_URI}"
    t:
      src-uri:
        - "${SHOVEL_T_SRC_URI}"
        - "${SHOVEL_T_SRC_URI_2}"

limits:
  maxQueues: 100

external:
  exchanges: [elsewhere]
  queues: [dead]

vhosts:
  v:
    defaultQueueType: quorum

users:
  app:
    tags: [management]
    passwordHash: kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR
    hashingAlgorithm: sha256
    limits:
      maxChannels: 10
  other app:
    password: "${OTHER_APP_PASSWORD}"

globalParameters:
  mine:
    - 1
`

func TestWriteYAMLLayout(t *testing.T) {
	var b bytes.Buffer
	var needed []string
	err := export.WriteYAML(&b, liveState(t), export.Options{Name: "orders", Users: true,
		Schema: "../schema/topology.schema.json", NeedsVariable: func(name string) { needed = append(needed, name) }})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exported, b.String()); diff != "" {
		t.Error(diff)
	}
	if len(needed) != 4 || needed[1] != "SHOVEL_S_SRC_URI" {
		t.Error(needed)
	}
}

func TestWritersLeaveOut(t *testing.T) {
	var yaml, definitions bytes.Buffer
	if err := export.WriteYAML(&yaml, liveState(t), export.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := export.WriteDefinitions(&definitions, liveState(t), export.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"hunter2", "passwordHash", someHash, "permissions:", "cluster_name",
		"internal_cluster_id", "msgctl.orders", "msgctl-migration", "mine alone", "amq.gen-1"} {
		if strings.Contains(yaml.String(), word) {
			t.Errorf("the topology file has %s:\n%s", word, yaml.String())
		}
		if word != "hunter2" && strings.Contains(definitions.String(), word) {
			t.Errorf("the definitions file has %s:\n%s", word, definitions.String())
		}
	}
	if strings.Count(definitions.String(), "hunter2") != 3 {
		t.Error("definitions have the URIs of shovels as they are, and nothing else")
	}
	definitions.Reset()
	if err := export.WriteDefinitions(&definitions, liveState(t), export.Options{Users: true}); err != nil {
		t.Fatal(err)
	}
	_, s, _ := read("t.json", definitions.String(), spec.Options{})
	o, _ := s.Get(topology.Ref{Kind: topology.KindUser, Name: "other app"})
	if u := o.(*topology.User); !topology.PasswordMatches("hunter2", u.PasswordHash, u.HashingAlgorithm) ||
		strings.Count(definitions.String(), "hunter2") != 3 {
		t.Error("a password must be written as its hash")
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWritersReportErrors(t *testing.T) {
	if err := export.WriteYAML(brokenPipe{}, liveState(t), export.Options{}); err == nil ||
		err.Error() != "write topology: broken pipe" {
		t.Error(err)
	}
	if err := export.WriteDefinitions(brokenPipe{}, liveState(t), export.Options{}); err == nil ||
		err.Error() != "write definitions: broken pipe" {
		t.Error(err)
	}
}
