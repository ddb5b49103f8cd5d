package topology

import "errors"

var (
	// ErrUnreachable is wrapped by a writer's error when the broker cannot be reached any more:
	// further steps are skipped.
	ErrUnreachable = errors.New("broker unreachable")
	// ErrInUse is wrapped when a guarded deletion found messages, consumers or bindings.
	ErrInUse = errors.New("in use")
	// ErrNotPermitted is wrapped when the broker refuses the login or the login lacks a permission
	// (exit code 4).
	ErrNotPermitted = errors.New("not permitted")
	// ErrVHostMissing is wrapped when the vhost does not exist.
	ErrVHostMissing = errors.New("vhost does not exist")
	// ErrLocked is wrapped when another apply of the same topology holds the lock.
	ErrLocked = errors.New("another apply is running")
	// ErrLimit is wrapped when a limit of the vhost or of the user is reached: queues, connections.
	ErrLimit = errors.New("limit reached")
	// ErrAPI is wrapped, besides another sentinel, when it is the management API that cannot be
	// used: AMQP may still do.
	ErrAPI = errors.New("management API unusable")
)

// LeftBehindError is that something temporary may still exist on the broker, because it could not
// be deleted. It is to be shown to the user also where the command was interrupted.
type LeftBehindError struct {
	// Text says what it is, and how to remove it.
	Text string
	// Cause is why it could not be deleted.
	Cause error
}

// Error implements error.
func (e *LeftBehindError) Error() string { return e.Text + ": " + e.Cause.Error() }

// Unwrap returns the cause.
func (e *LeftBehindError) Unwrap() error { return e.Cause }
