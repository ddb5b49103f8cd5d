package publish_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/event"
)

// TestPublishLargeAndStrangePayloads: what the broker takes arrives byte for byte, and what it does
// not take is refused with the reason.
func TestPublishLargeAndStrangePayloads(t *testing.T) {
	rabbittest.EachLine(t, func(t *testing.T, b *rabbittest.Broker) {
		v := b.VHost(t)
		t.Cleanup(func() { cmdtest.RemoveRecords(t, b, v.Name) })
		topologyFile := cmdtest.WriteFile(t, "name: large\nexchanges: { x: { type: fanout } }\nqueues: { q: { bindings: [{ "+
			"exchange: x }] } }\nevents: { e: { exchange: x } }\n")
		p := cmdtest.NewProgram(t, v.URL, v.API)
		p.Run("apply", "-f", topologyFile, "--yes").Want(t, cmdutil.ExitOK)
		file := func(text []byte) string {
			name := filepath.Join(t.TempDir(), "payload.json")
			if err := os.WriteFile(name, text, 0o600); err != nil {
				t.Fatal(err)
			}
			return "@" + name
		}
		of := func(n int) []byte {
			return append(append([]byte(`{"fill": "`), bytes.Repeat([]byte("ü"), n/2)...), `"}`...)
		}
		strange := []byte("{\"nul\":\"\\u0000\",\"line\":\"\u2028\",\"html\":\"<&>\"," +
			"\"big\":123456789012345678901234567890,\"exp\":1E+2,\"lone\":\"\\ud800\"}")
		for _, payload := range [][]byte{of(15 << 20), strange} {
			p.Run("publish", "e", "-f", topologyFile, "--data", file(payload)).Want(t, cmdutil.ExitOK, "confirmed")
			d, ok, err := v.Channel(t).Get("q", true)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			e, err := event.Parse(d.Body)
			if err != nil || !bytes.Equal(e.Payload, payload) {
				t.Errorf("a payload of %d bytes came back with %d bytes, %v", len(payload), len(e.Payload), err)
			}
		}
		p.Run("publish", "e", "-f", topologyFile, "--data", file([]byte("{\"a\":\"\xff\"}"))).Want(t, cmdutil.ExitFailed,
			"byte 6 is not UTF-8", "nothing was sent")
		if b.Line != "3.10" { // whose limit is 128 MiB
			p.Run("publish", "e", "-f", topologyFile, "--data", file(of(16<<20))).Want(t, cmdutil.ExitFailed,
				"more than the 16777216")
		}
	})
}
