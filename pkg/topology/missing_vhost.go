package topology

import (
	"fmt"

	"github.com/msgctl/msgctl/internal/suggest"
)

// MissingVHostError says that a vhost that was asked for does not exist. To a login without access
// to it, the broker may say the same.
type MissingVHostError struct {
	Name string
	// Known are the vhosts that the login may see, in order; nil if they are unknown.
	Known []string
}

// Error implements error.
func (e *MissingVHostError) Error() string {
	return fmt.Sprintf("vhost %q does not exist, or this login may not see it", e.Name)
}

// Hint names the vhost that was meant, or those that there are.
func (e *MissingVHostError) Hint() string {
	switch near := suggest.Nearest(e.Name, e.Known); {
	case near != "":
		return fmt.Sprintf("did you mean vhost %q?", near)
	case len(e.Known) == 0:
		return "check the name"
	}
	return "this login may see: " + suggest.List(e.Known)
}

// MissingVHost returns a *MissingVHostError for the first of MissingVHosts, nil if there is none.
func (l *Live) MissingVHost() error {
	if len(l.MissingVHosts) == 0 {
		return nil
	}
	return l.WithoutVHost(l.MissingVHosts[0])
}

// WithoutVHost returns the error for a vhost that does not exist.
func (l *Live) WithoutVHost(name string) *MissingVHostError {
	e := &MissingVHostError{Name: name}
	for _, o := range l.Objects() {
		if v, ok := o.(*VHost); ok {
			e.Known = append(e.Known, v.Name)
		}
	}
	return e
}
