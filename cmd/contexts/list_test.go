package contexts

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/terminal"
)

func TestListShowsNoPassword(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("contexts: { prod: { url: 'amqp://u:s3cr3t@h/orders' } }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout strings.Builder
	p := &cmdutil.Process{Streams: terminal.New(strings.NewReader(""), &stdout, &strings.Builder{}, nil),
		Env:    func(name string) (string, bool) { return file, name == "MSGCTL_CONFIG" },
		Colour: terminal.ColourNever}
	c := newContextListCmd(p)
	c.SetArgs([]string{"-o", "json"})
	if err := c.ExecuteContext(t.Context()); err != nil || !strings.Contains(stdout.String(), `"vhost": "orders"`) ||
		strings.Contains(stdout.String(), "s3cr3t") {
		t.Errorf("%v\n%s", err, stdout.String())
	}
}
