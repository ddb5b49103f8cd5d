package capability

import (
	"fmt"
	"strings"

	"github.com/msgctl/msgctl/internal/suggest"
	"github.com/msgctl/msgctl/pkg/topology/amqptable"
	"github.com/msgctl/msgctl/pkg/topology/diag"
)

// Policy is what the checks look at in a policy.
type Policy struct {
	Operator   bool
	ApplyTo    string
	Definition amqptable.Table
}

// CheckPolicy checks one policy to be set, for itself.
func (b Broker) CheckPolicy(p Policy) diag.Diagnostics {
	f := findings{Broker: b}
	if len(p.Definition) == 0 {
		f.error("policy-refused", "definition", "the policy sets nothing", "the broker refuses it",
			"add a definition, for example: { max-length: 10000 }")
	}
	switch p.ApplyTo {
	case "classic_queues", "quorum_queues", "streams":
		if f.before("4.0") {
			f.error("policy-refused", "apply-to", fmt.Sprintf("%s knows no applyTo: %s", f.name(), p.ApplyTo),
				"it refuses the policy; it has queues, exchanges and all",
				"use applyTo: queues, with a pattern that matches only those queues")
		}
	}
	for _, k := range p.Definition.Keys() {
		f.policyKey(p, k)
	}
	f.delayedRetry(p)
	f.noDeliveryLimit(p)
	return f.list
}

func (f *findings) policyKey(p Policy, name string) {
	key, known := LookupPolicyKey(name)
	switch {
	case !known:
		f.unknownPolicyKey(name)
	case p.Operator && !key.OperatorAcceptedBy(f.Version):
		f.error("policy-refused", name, fmt.Sprintf("%s takes no %s in an operator policy", f.name(), name),
			"it refuses the policy",
			"set it in a policy instead; operator policies take "+strings.Join(f.operatorKeys(), ", "))
	case key.AcceptedBy(f.Version):
	case strings.HasPrefix(name, "ha-"):
		f.error("policy-refused", name, fmt.Sprintf("%s has no classic queue mirroring, and refuses policies with %s",
			f.name(), name), "mirroring was removed in 4.0",
			"take the ha- keys out, and use type: quorum for queues that must survive a node")
	case key.Until != "" && f.from(key.Until):
		f.error("policy-refused", name, fmt.Sprintf("%s refuses policies with %s", f.name(), name),
			"it was removed in "+key.Until, "use queue-leader-locator")
	default:
		f.error("policy-refused", name, fmt.Sprintf("%s knows no %s and refuses policies with it", f.name(), name),
			"RabbitMQ takes it since "+key.Since, "take it out")
	}
}

func (f *findings) operatorKeys() []string {
	var names []string
	for _, k := range policyKeyTable().all {
		if k.OperatorAcceptedBy(f.Version) {
			names = append(names, k.Name)
		}
	}
	return names
}

// unknownPolicyKey reports a key that the table does not have. The broker refuses keys that neither
// it nor a plugin has registered; a key that one of its policies has is registered.
func (f *findings) unknownPolicyKey(name string) {
	if f.UsesPolicyKey != nil && f.UsesPolicyKey(name) {
		return
	}
	why := "the broker refuses policies with settings that it does not know"
	if a, ok := LookupArgument("x-" + strings.TrimPrefix(name, "x-")); ok {
		if _, ok := LookupPolicyKey(strings.TrimPrefix(name, "x-")); ok {
			f.error("policy-refused", name, fmt.Sprintf("a policy has no %s", name), why,
				fmt.Sprintf("did you mean %s?", strings.TrimPrefix(name, "x-")))
			return
		}
		f.error("policy-refused", name, fmt.Sprintf("%s cannot be set by a policy", name), why,
			fmt.Sprintf("set %s in the queues", a.Field))
		return
	}
	if name == "x-queue-type" || name == "queue-type" {
		f.error("policy-refused", name, "the queue type cannot be set by a policy", why,
			"set type in the queues, or defaultQueueType in the vhost")
		return
	}
	names := make([]string, 0, 40)
	for _, k := range policyKeyTable().all {
		names = append(names, k.Name)
	}
	fix := "take it out"
	if near := suggest.Nearest(name, names); near != "" {
		fix = fmt.Sprintf("did you mean %s?", near)
	}
	f.error("policy-refused", name, fmt.Sprintf("RabbitMQ knows no policy setting %s", name), why, fix)
}

// delayedRetry reports a type without the minimum that it requires.
func (f *findings) delayedRetry(p Policy) {
	kind, ok := p.Definition["delayed-retry-type"]
	if _, minimum := p.Definition["delayed-retry-min"]; ok && kind != "disabled" && !minimum && f.from("4.3") {
		f.error("policy-refused", "delayed-retry-type", "delayed-retry-type without delayed-retry-min",
			"the broker refuses the policy", "add delayed-retry-min: 1000")
	}
}

// noDeliveryLimit reports a limit below 0, which means no limit since 4.0 and is refused before.
func (f *findings) noDeliveryLimit(p Policy) {
	if limit, ok := p.Definition["delivery-limit"].(int64); ok && limit < 0 && !VersionAtLeast(f.Version, "4.0") {
		f.error("policy-refused", "delivery-limit", fmt.Sprintf("%s takes no delivery-limit below 0", f.name()),
			"it refuses the policy",
			"take it out: without it this broker has no limit")
	}
}
