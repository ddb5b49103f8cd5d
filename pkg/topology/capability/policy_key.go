package capability

import (
	"slices"
	"sync"
)

// PolicyKey is one setting that a policy's definition may hold. TestPolicyTableOnBrokers tries
// every cell of the table.
type PolicyKey struct {
	// Name is the key in the definition: message-ttl.
	Name string
	Unit Unit
	// Queues says which queue types a policy with this key can apply to. A policy with one key that
	// a queue type does not support is not applied to that type at all, with none of its other
	// keys. nil: the key stops no queue type from applying the policy.
	Queues []Support
	// Since (inclusive) and Until (exclusive) bound the broker versions that accept the key;
	// outside they answer 400.
	Since, Until string
	// Operator says that operator policies take the key, from OperatorSince.
	Operator      bool
	OperatorSince string
	// Exchanges says that it does something for exchanges.
	Exchanges bool
}

// PolicyKeys returns every known key of a policy.
func PolicyKeys() []PolicyKey { return slices.Clone(policyKeyTable().all) }

// LookupPolicyKey returns a key by its name.
func LookupPolicyKey(name string) (PolicyKey, bool) {
	k, ok := policyKeyTable().byName[name]
	return k, ok
}

// AcceptedBy reports whether a broker of that version ("" unknown: any) takes the key in a policy.
func (k PolicyKey) AcceptedBy(version string) bool {
	return version == "" || (VersionAtLeast(version, k.Since) && (k.Until == "" || !VersionAtLeast(version, k.Until)))
}

// OperatorAcceptedBy reports whether a broker of that version takes the key in an operator policy.
func (k PolicyKey) OperatorAcceptedBy(version string) bool {
	return k.Operator && k.AcceptedBy(version) && VersionAtLeast(version, k.OperatorSince)
}

// Admits reports whether a policy with the key can apply to queues of that type on that version.
func (k PolicyKey) Admits(queueType, version string) bool {
	return k.Queues == nil || Argument{Support: k.Queues}.TakenBy(queueType, version)
}

type policyTable struct {
	all    []PolicyKey
	byName map[string]PolicyKey
}

var policyKeyTable = sync.OnceValue(func() policyTable {
	t := policyTable{all: slices.Concat(limitKeys(), queueKeys(), placementKeys(), pluginKeys()),
		byName: map[string]PolicyKey{}}
	for _, k := range t.all {
		t.byName[k.Name] = k
	}
	return t
})

func limitKeys() []PolicyKey {
	inMemory := append(on(Quorum), Support{Queue: Classic, Until: "4.0"})
	return []PolicyKey{
		{Name: "message-ttl", Unit: Milliseconds, Queues: on(Classic, Quorum), Operator: true},
		{Name: "expires", Unit: Milliseconds, Queues: on(Classic, Quorum), Operator: true},
		{Name: "max-length", Queues: on(Classic, Quorum), Operator: true},
		{Name: "max-length-bytes", Unit: Bytes, Queues: on(Classic, Quorum, Stream), Operator: true},
		{Name: "max-in-memory-length", Queues: inMemory, Operator: true},
		{Name: "max-in-memory-bytes", Unit: Bytes, Queues: inMemory, Operator: true},
		{Name: "delivery-limit", Queues: on(Quorum), Operator: true},
		{Name: "overflow", Queues: on(Classic, Quorum), Operator: true, OperatorSince: "4.0"},
		{Name: "max-age", Queues: on(Stream)},
		{Name: "stream-max-segment-size-bytes", Unit: Bytes, Queues: on(Stream)},
		{Name: "stream-filter-size-bytes", Unit: Bytes, Since: "3.13"},
	}
}

func queueKeys() []PolicyKey {
	return []PolicyKey{
		{Name: "dead-letter-exchange", Queues: on(Classic, Quorum)},
		{Name: "dead-letter-routing-key", Queues: on(Classic, Quorum)},
		{Name: "dead-letter-strategy", Queues: on(Quorum)},
		{Name: "delayed-retry-type", Since: "4.3", Operator: true},
		{Name: "delayed-retry-min", Unit: Milliseconds, Since: "4.3", Operator: true},
		{Name: "delayed-retry-max", Unit: Milliseconds, Since: "4.3", Operator: true},
		{Name: "consumer-timeout", Unit: Milliseconds, Since: "3.12"},
		{Name: "consumer-disconnected-timeout", Unit: Milliseconds, Since: "4.3"},
		{Name: "alternate-exchange", Exchanges: true},
	}
}

func placementKeys() []PolicyKey {
	keys := []PolicyKey{
		{Name: "queue-mode", Queues: on(Classic)},
		{Name: "queue-version", Operator: true, OperatorSince: "4.0"},
		{Name: "queue-master-locator", Queues: on(Classic), Until: "4.3", Operator: true, OperatorSince: "4.0"},
		{Name: "queue-leader-locator", Queues: append(since("4.0", Classic), on(Quorum, Stream)...)},
		{Name: "initial-cluster-size", Queues: on(Stream)},
		{Name: "target-group-size", Queues: on(Quorum), Since: "3.12", Operator: true},
	}
	// Classic queue mirroring: gone in 4.0.
	for _, name := range []string{"ha-mode", "ha-params", "ha-sync-mode", "ha-sync-batch-size", "ha-promote-on-shutdown",
		"ha-promote-on-failure"} {
		keys = append(keys, PolicyKey{Name: name, Queues: on(Classic), Until: "4.0"})
	}
	return keys
}

func pluginKeys() []PolicyKey {
	var keys []PolicyKey
	for _, name := range []string{"federation-upstream", "federation-upstream-set", "federation-upstream-pattern",
		"shards-per-node", "routing-key"} {
		keys = append(keys, PolicyKey{Name: name, Exchanges: true})
	}
	return keys
}
