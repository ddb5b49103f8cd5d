package topology

import "errors"

var (
	// ErrUnreachable is wrapped by a writer's error when the broker cannot be reached any more: further steps are skipped.
	ErrUnreachable = errors.New("broker unreachable")
	// ErrInUse is wrapped when a guarded deletion found messages, consumers or bindings.
	ErrInUse = errors.New("in use")
	// ErrNotPermitted is wrapped when the broker refuses the login or the login lacks a permission (exit code 4).
	ErrNotPermitted = errors.New("not permitted")
	// ErrVHostMissing is wrapped when the vhost does not exist.
	ErrVHostMissing = errors.New("vhost does not exist")
	// ErrMoved is wrapped when the broker changed between the plan that was shown and its execution.
	ErrMoved = errors.New("the broker changed since the plan was made")
)
