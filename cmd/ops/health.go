package ops

import (
	"context"
	"errors"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/health"
	"github.com/msgctl/msgctl/internal/health/inspect"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/lint/subject"
)

// HealthBroker is the set of broker operations that status and doctor use.
type HealthBroker interface {
	inspect.Broker
	// Close ends all connections.
	Close()
}

// OpenHealth creates a client that reads the state of the broker.
type OpenHealth func(ctx context.Context, conn *profile.Connection, command string) (HealthBroker, error)

// inspectBroker reads what status and doctor check: every vhost that the user may access, or the
// one named.
func inspectBroker(ctx context.Context, open OpenHealth, command string, conn *profile.Connection, one,
	deep bool) (*health.Inspection, *topology.Live, error) {
	b, err := open(ctx, conn, command)
	if err != nil {
		return nil, nil, err
	}
	defer b.Close()
	o := inspect.Options{Deep: deep}
	if one {
		o.VHost = &conn.VHost
	}
	i, live, err := inspect.Read(ctx, b, o)
	if err == nil && one {
		err = live.MissingVHost()
	}
	return i, live, err
}

// declaredBy compares topology files with the live state; it returns nil without files.
func declaredBy(d *cmdutil.Process, files *cmdutil.FileFlag, conn *profile.Connection,
	live *topology.Live) (*health.Declared, error) {
	in := &subject.Subject{}
	err := cmdutil.LoadSubject(d, in, files, cmdutil.ChooseVHost(conn))
	if errors.Is(err, cmdutil.ErrNoFiles) {
		return nil, nil //nolint:nilnil // no files, and that is fine
	}
	if err != nil {
		return nil, err
	}
	return inspect.Compare(in, live), nil
}

// failsOn reports whether a verdict is at least as severe as --fail-on. What the user may not read
// counts as a failure.
func failsOn(v health.Status, blind bool, on string) bool {
	switch {
	case on == cmdutil.Never:
		return false
	case blind:
		return true
	}
	switch on {
	case string(lint.Warning), string(lint.Note):
		return v.AtLeast(health.Warning)
	}
	return v.AtLeast(health.Error)
}
