package rabbittest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// RootsEnv is the name of the environment variable that says where each release line is installed.
// Its value is a space-separated list of LINE=DIRECTORY. "/" or an empty directory means the
// RabbitMQ of this machine. Any other directory contains a Debian system that the node runs in with
// chroot.
const RootsEnv = "MSGCTL_TEST_ROOTS"

// StartNode starts a private node that the test may stop, kill and freeze, and removes it when the
// test ends. line is a release line, or "" for the RabbitMQ of this machine. config holds
// additional lines for rabbitmq.conf. If the line is not installed, StartNode skips the test. If
// MSGCTL_TEST_ROOTS lists the line and the node does not start, the test fails.
func StartNode(tb testing.TB, line string, config ...string) *node.Node {
	tb.Helper()
	return StartNodeWith(tb, line, node.Options{Config: config})
}

// StartNodeWith is StartNode with all options. It sets o.Root.
func StartNodeWith(tb testing.TB, line string, o node.Options) *node.Node {
	tb.Helper()
	root, err := rootOf(os.Getenv(RootsEnv), line)
	if errors.Is(err, node.ErrNotInstalled) {
		tb.Skipf("no private node: %v", err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	o.Root = root
	n, err := node.Start(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := n.Close(); err != nil {
			tb.Error(err)
		}
	})
	if line != "" && n.Line() != line {
		tb.Fatalf("started RabbitMQ %s where the line %s was expected", n.Version, line)
	}
	return n
}

// Cluster starts more private nodes that join the cluster of first, and returns all of them, first
// included. config applies to the new nodes only. The new nodes are removed when the test ends.
// first has then lost the other members and may be unusable.
func Cluster(tb testing.TB, first *node.Node, more int, config ...string) []*node.Node {
	tb.Helper()
	nodes := []*node.Node{first}
	for range more {
		nodes = append(nodes, StartNodeWith(tb, first.Line(), node.Options{Config: config, Join: first}))
	}
	return nodes
}

// EachPrivateLine is EachLine with a private node for each line, which only f uses.
func EachPrivateLine(t *testing.T, f func(t *testing.T, n *node.Node)) {
	t.Helper()
	EachLine(t, func(t *testing.T, b *Broker) { f(t, StartNode(t, b.Line)) })
}

// rootOf returns the root directory of a release line. Its error wraps node.ErrNotInstalled if this
// machine does not have the line.
func rootOf(roots, line string) (string, error) {
	for _, entry := range strings.Fields(roots) {
		name, root, ok := strings.Cut(entry, "=")
		if !ok || !linePattern.MatchString(name) {
			return "", fmt.Errorf("read %s: %q must look like 4.0=/DIRECTORY", RootsEnv, entry)
		}
		if name != line {
			continue
		}
		if _, err := node.Installed(root); err != nil {
			return "", fmt.Errorf("%s names RabbitMQ %s: %s", RootsEnv, line, err) //nolint:errorlint // must fail, not skip
		}
		return root, nil
	}
	return "", ownIs(line)
}

// ownIs returns nil if the RabbitMQ of this machine belongs to the line, or if line is "".
func ownIs(line string) error {
	version, err := node.Installed("")
	if err != nil {
		return err
	}
	if line != "" && !strings.HasPrefix(version, line+".") {
		return fmt.Errorf("%w of the line %s: this machine has %s, and %s names no other",
			node.ErrNotInstalled, line, version, RootsEnv)
	}
	return nil
}
