package topology

// Live is what a broker has, as far as the user may see it.
type Live struct {
	State
	Server Server
	// Status has counts of the queues, read together with them.
	Status map[Ref]QueueStatus
	// Ownership has what each topology once applied, by its State.Owner.
	Ownership map[string]Ownership
	// Access lists, for each user, the vhosts in which it has permissions, read or not, ordered. It
	// is known when permissions are (see Unreadable).
	Access map[string][]string
	// Migrations are the replacements of queues that have not ended, by their beginning. What they made is not in
	// State, in which bindings that they lead elsewhere are those of their queues.
	Migrations []Migration
	// Locks are the queues by which programs lock what they work on: see LockName.
	Locks map[Ref]bool
	// MissingVHosts lists vhosts that were asked for and do not exist.
	MissingVHosts []string
	// ClosedVHosts lists, where all vhosts were asked for, those that the user may see but not
	// read.
	ClosedVHosts []string
	// Unreadable says, per kind that could not be read, why (no administrator, AMQP only). A kind
	// in it has no objects in State, which then says nothing about the broker.
	Unreadable map[Kind]string
}

// QueueStatus is what would be lost with a queue. The counts can be a few seconds old
// (fact counts-are-late); a writer counts again before it deletes.
type QueueStatus struct {
	Messages  int64
	Consumers int64
	// Bytes is the size of the messages as the broker's statistics have it, 0 if not known.
	Bytes int64
	// Known is false when the broker gave no counts (a stream, a queue a second old), and when what
	// it gives cannot be believed: see State.
	Known bool
	// State is the broker's word for a queue that is not at work ("down", "minority", "crashed",
	// "stopped"), "" for all others.
	State string
}

// Server describes the broker, as far as brokers differ.
type Server struct {
	Version       string // "4.3.6"; "" unknown
	ClusterName   string
	ExchangeTypes []string // enabled exchange types; nil unknown
	// DeniedFeatures are the deprecated features that this node refuses (/api/deprecated-features,
	// state denied or phase denied_by_default/removed): queue_master_locator,
	// transient_nonexcl_queues. nil means unknown (fact feature-lists).
	DeniedFeatures []string
	// DefaultQueueType is the node's own default, "" if unknown or none.
	DefaultQueueType string
	// Nodes are the nodes of the cluster that run, ordered; nil unknown (a login without the tag
	// monitoring, AMQP only).
	Nodes []string
	// User is the login that reads; Tags are its tags.
	User string
	Tags []string
	// AMQPOnly says that the management API was not used: see Live.Unreadable.
	AMQPOnly bool
}

// QueueCounts are the counts of one queue at this moment.
type QueueCounts struct {
	// Ready messages wait for a consumer, Unacked ones are held by one.
	Ready, Unacked int64
	// Consumers, and whether one of them is exclusive, are up to 5 s old.
	Consumers int64
	Exclusive bool
	// Known is false when the broker gave no counts of messages, as for a queue that has crashed.
	Known bool
}

// UsesPolicyKey reports whether a policy on the broker has that key.
func (l *Live) UsesPolicyKey(key string) bool {
	for _, o := range l.objects {
		if p, ok := o.(*Policy); ok {
			if _, used := p.Definition[key]; used {
				return true
			}
		}
	}
	return false
}

// DeleteConditions limit a deletion to what loses nothing, or no more than was allowed. Those of a
// vhost are about all queues in it together. A writer counts again just before it deletes. The zero
// value allows the loss of no message.
type DeleteConditions struct {
	// IfUnused leaves a queue with consumers, or an exchange with bindings, alone.
	IfUnused bool
	// IfEmpty leaves a queue that holds messages alone.
	IfEmpty bool
	// MaxMessages is how many messages may be lost when IfEmpty is false. Those of one
	// plan add up to no more than its user allowed.
	MaxMessages int64
}
