package topology

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// MigrationPrefix begins the names of the queues and exchanges that replacements of queues make.
const MigrationPrefix = "msgctl.migration."

// Migration is the replacement of a queue that has not ended, as far as others have to know of it.
type Migration struct {
	ID, VHost string
	// From and To are the names of the queue before and afterwards. They are "" if the record cannot be
	// read: Unread says why.
	From, To string
	Unread   string
	// Stage is how far it is.
	Stage string
	// Running reports whether a msgctl is at work on it.
	Running bool
	// Messages wait in the queues that belong to it, some seconds ago.
	Messages int64
}

// OfMigration returns the ID of the migration that made a queue or an exchange, and false for any
// other.
func OfMigration(name string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(name, MigrationPrefix)
	id, _, _ = strings.Cut(rest, ".")
	return id, ok
}

// MigrationOf returns the unfinished migration that a queue or an exchange belongs to, nil if there
// is none.
func (l *Live) MigrationOf(vhost, name string) *Migration {
	id, ok := OfMigration(name)
	for i, m := range l.Migrations {
		if ok && m.VHost == vhost && m.ID == id {
			return &l.Migrations[i]
		}
	}
	return nil
}

// Replaces reports whether a queue may be the one that is replaced. Any may be if the record cannot
// be read.
func (m *Migration) Replaces(ref Ref) bool {
	return ref.Kind == KindQueue && ref.VHost == m.VHost && (ref.Name == m.From || ref.Name == m.To || m.From == "")
}

// String says what is replaced, how far it is, and where messages are.
func (m *Migration) String() string {
	text := fmt.Sprintf("queue %q of vhost %q is being replaced (migration %s, stage %s)", m.From, m.VHost, m.ID, m.Stage)
	switch {
	case m.From == "":
		text = fmt.Sprintf("a queue of vhost %q is being replaced (migration %s, which cannot be read: %s)", m.VHost, m.ID,
			m.Unread)
	case m.From != m.To:
		text = fmt.Sprintf("queue %q of vhost %q is being renamed to %q (migration %s, stage %s)", m.From, m.VHost, m.To,
			m.ID, m.Stage)
	}
	if !m.Running {
		text += " and was interrupted"
	}
	if m.Messages == 1 {
		text += "; 1 message waits in its queues"
	} else if m.Messages > 1 {
		text += fmt.Sprintf("; %d messages wait in its queues", m.Messages)
	}
	return text
}

// Next says what to do about it.
func (m *Migration) Next() string {
	if m.Running {
		return "wait until it has ended: msgctl queue jobs ls shows it"
	}
	return "msgctl queue jobs resume " + m.ID + " goes on with it"
}

// DroppingKeys are the policy keys by which a queue may lose messages before they are consumed.
func DroppingKeys() []string {
	return []string{"message-ttl", "expires", "max-length", "max-length-bytes", "delivery-limit"}
}

// MigratedError says that a queue belongs to a migration, so that nobody may take messages out of it.
type MigratedError struct {
	Queue string
	Of    Migration
}

// Error implements error.
func (e *MigratedError) Error() string {
	return fmt.Sprintf("queue %q belongs to a migration, and may have the only copy of its messages: %s: %s", e.Queue,
		e.Of.String(), e.Of.Next())
}

// Migrated returns a *MigratedError if a queue belongs to an unfinished migration, and nil if not.
func (l *Live) Migrated(vhost, queue string) error {
	if m := l.MigrationOf(vhost, queue); m != nil {
		return &MigratedError{Queue: queue, Of: *m}
	}
	return nil
}

// lockPrefix begins the names of the queues that are locks. They belong to no topology.
const lockPrefix = "msgctl.lock."

// maxLockName is how long the name of a lock may be, in bytes, so that a refusal can be read
// (fact refusal-of-long-names).
const maxLockName = 100

// LockName returns the name of the queue that is the lock of a topology or a job of that name.
func LockName(name string) string {
	if len(lockPrefix+name) > maxLockName {
		return fmt.Sprintf("%s%x", lockPrefix, sha256.Sum256([]byte(name)))
	}
	return lockPrefix + name
}

// IsQueueLock reports whether a lock may be one of a job that works on a queue.
func IsQueueLock(lock string) bool {
	return strings.HasPrefix(lock, lockPrefix+QueueLock("")) || len(lock) == len(lockPrefix)+2*sha256.Size
}

// QueueLock returns the name of the lock of a job that works on a queue: see LockName.
func QueueLock(queue string) string { return "queue " + queue }

// IsLock reports whether a queue that is exclusive to its connection is a lock.
func IsLock(queue string) bool { return strings.HasPrefix(queue, lockPrefix) }
