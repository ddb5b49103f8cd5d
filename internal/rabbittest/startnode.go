package rabbittest

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// RootsEnv names the variable that says where each line is installed: a space-separated list of
// LINE=DIRECTORY, where "/" or nothing is this machine's own RabbitMQ and any other directory a
// Debian to chroot into.
const RootsEnv = "MSGCTL_TEST_ROOTS"

// StartNode starts a private node of a line, or of this machine's own RabbitMQ if line is "", that
// the test may stop, kill and freeze; it is removed when the test ends. Where the line is not
// installed the test is skipped and says so; a line that MSGCTL_TEST_ROOTS names must start.
func StartNode(tb testing.TB, line string, config ...string) *node.Node {
	tb.Helper()
	return StartNodeWith(tb, line, node.Options{Config: config})
}

// StartNodeWith is StartNode with all options; Root is set here.
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

// Cluster starts more private nodes, which form one cluster with the first, and returns all of them.
// They are removed when the test ends; the first may be of no use then, as it has lost the others.
func Cluster(tb testing.TB, first *node.Node, more int, config ...string) []*node.Node {
	tb.Helper()
	nodes := []*node.Node{first}
	for range more {
		nodes = append(nodes, StartNodeWith(tb, first.Line(), node.Options{Config: config, Join: first}))
	}
	return nodes
}

// EachPrivateLine is EachLine with a private node of the line for f alone.
func EachPrivateLine(t *testing.T, f func(t *testing.T, n *node.Node)) {
	t.Helper()
	EachLine(t, func(t *testing.T, b *Broker) { f(t, StartNode(t, b.Line)) })
}

// rootOf finds the directory of a line. Errors that wrap node.ErrNotInstalled mean that this
// machine has no such line.
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

// ownIs returns nil if this machine's own RabbitMQ is of the line.
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
