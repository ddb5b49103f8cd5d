package publish_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
)

// TestArchiveTiming: an archive is played with the pauses that there were, as many times as fast as
// asked.
func TestArchiveTiming(t *testing.T) {
	c := cmdtest.NewFixture(t, rabbittest.Any(t))
	c.Check(c.Ch.ExchangeDeclare("x", "topic", true, false, false, false, nil))
	c.Declare("q", nil)
	c.Check(c.Ch.QueueBind("q", "#", "x", false, nil))
	file := filepath.Join(t.TempDir(), "a.ndjson")
	text := `{"v":1,"seen":1000000,"exchange":"x","routingKey":"k","headers":{"x-death":[],"x-stream-offset":{"int64":7},"mine":"kept"},"body":"1"}
{"v":1,"seen":1060000,"exchange":"x","routingKey":"k","body":"2"}
{"v":1,"exchange":"","routingKey":"","body":"nowhere"}
{"v":1,"seen":1000001,"exchange":"x","routingKey":"k","body":"3"}
`
	c.Check(os.WriteFile(file, []byte(text), 0o600))
	p := cmdtest.NewProgram(t, c.VHost.URL, c.VHost.API)
	start := time.Now()
	p.Run("publish", "--archive", file, "--speed", "30").Want(t, cmdutil.ExitPartly, "3  to exchange x with key k",
		"not published 1")
	if took := time.Since(start); took < 2*time.Second {
		t.Errorf("a minute at thirty times the speed took %v", took)
	}
	start = time.Now()
	p.Run("publish", "--archive", file, "--speed", "0").Want(t, cmdutil.ExitPartly, "3  to exchange x with key k")
	if took := time.Since(start); took > 40*time.Second {
		t.Errorf("without pauses it took %v", took)
	}
	d, ok, err := c.Ch.Get("q", true)
	if err != nil || !ok || d.Headers["mine"] != "kept" || d.Headers["x-msgctl-archive"] != "a.ndjson" ||
		d.Headers["x-death"] != nil || d.Headers["x-stream-offset"] != nil {
		t.Errorf("%v %v %v", ok, err, d.Headers)
	}
	p.Run("publish", "order.created", "--archive", file).Want(t, cmdutil.ExitUsage,
		"the messages of an archive have their own types")
	p.Run("publish", "--archive", file, "--data", "{}").Want(t, cmdutil.ExitUsage, "exclude each other")
	p.Run("publish", "--speed", "2", "--exchange", "x").Want(t, cmdutil.ExitUsage, "--speed needs --archive")
	p.Run("publish", "--archive", "nothing.ndjson").Want(t, cmdutil.ExitUsage, "no such file")
	missing := strings.ReplaceAll(text, `"exchange":"x"`, `"exchange":"nowhere"`)
	c.Check(os.WriteFile(file, []byte(missing), 0o600))
	p.Run("publish", "--archive", file, "--speed", "0").Want(t, cmdutil.ExitPartly, "nowhere")
	inMS := `{"v":1,"exchange":"x","routingKey":"k","properties":{"timestamp":1700000000000},"body":"1"}
{"v":1,"exchange":"x","routingKey":"k","properties":{"timestamp":1700000600000},"body":"2"}
`
	c.Check(os.WriteFile(file, []byte(inMS), 0o600)) // ten minutes, not seven days
	p.Run("publish", "--archive", file, "--speed", "1000").Want(t, 0, "2  to exchange x with key k")
}
