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

// HealthBroker is what status and doctor need of a broker.
type HealthBroker interface {
	inspect.Broker
	// Close ends all connections.
	Close()
}

// OpenHealth prepares a client that looks at the broker itself.
type OpenHealth func(ctx context.Context, conn *profile.Connection, command string) (HealthBroker, error)

// inspectBroker reads what status and doctor judge: of every vhost that the user may see, or of the
// one that was named.
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
		err = cmdutil.Missing(live)
	}
	return i, live, err
}

// declaredBy compares topology files with what was read; nil without files.
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

// failsOn reports whether a verdict is as bad as --fail-on asks for. What the login may not see may
// be as bad as anything.
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
