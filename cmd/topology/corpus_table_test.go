package topology_test

import (
	"encoding/json"
	"testing"
)

// corpusRefusals says which files are refused, and why; "" is for every line. All others are
// applied.
var corpusRefusals = map[string]map[string]string{
	// A placeholder where a URI belongs.
	"BiobankLab+sensitive-data-archive+3.json": {"": `federation-upstream "from_cega" in vhost "sda": uri: it is not a URI`},
	// Policies that set a queue's type and its priorities; priorities on quorum queues.
	"adrienKoumgangT+distriqueue.json": {"": `policy "job-queue-policy" in vhost "jobs": a policy cannot set the type of queues`},
	// A binding to a queue that is called otherwise.
	"architect21-team1+shopping-mall-backend.json": {"": "did you mean ORDER_CANCEL_EVENT?"},
	// A binding from an exchange that is called otherwise.
	"percybolmer+event-driven-rabbitmq.json": {"": "did you mean customer_events?"},
	// The server's own test of a reserved name.
	"rabbitmq+rabbitmq-server+13.json": {"": `exchange "invalid_type" in vhost "/": this broker knows no exchange type`},
	// A plugin that is not enabled.
	"mlarizzate+rabbitmq-eventD-setup.json": {"": `exchange type "x-delayed-message" is not enabled on this broker`},
	// Classic queue mirroring, which 4.0 removed.
	"NakaSato+gridtokenx-platform-infa.json": {"4.0": mirroring, "4.3": mirroring},
	"dorucioclea+rabbitmq-services-poc.json": {"4.0": mirroring, "4.3": mirroring},
	"dquoctri+rabbitmq-compose.json":         {"4.0": mirroring, "4.3": mirroring},
}

const mirroring = "has no classic queue mirroring, and refuses policies with ha-mode"

func corpusRefusal(file, line string) string {
	lines := corpusRefusals[file]
	if reason, ok := lines[line]; ok {
		return reason
	}
	return lines[""]
}

func canonical(t *testing.T, v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
