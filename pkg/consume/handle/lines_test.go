//go:build unix

package handle_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/message"
)

func lines(t *testing.T, script string, timeout time.Duration) *handle.Lines {
	l := &handle.Lines{Argv: []string{"sh", "-c", script}, Env: os.Environ(), Timeout: timeout, Label: "exec test"}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return l
}

// many handles n messages at once, in the order of their numbers, and returns the results.
func many(t *testing.T, h handle.Handler, n int) []handle.Result {
	t.Helper()
	results := make([]handle.Result, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			results[i] = h.Handle(t.Context(), &handle.Attempt{Number: 1, Message: &message.Message{Body: []byte("m" +
				strconv.Itoa(i))}})
		})
		time.Sleep(2 * time.Millisecond) // so that they are sent in this order
	}
	all.Wait()
	return results
}

// reply is a handler in the shell: it reads line by line, and runs the case for it with $tag.
func reply(cases string) string {
	return `while read -r line; do tag=${line#*:}; tag=${tag%%,*}; case $line in ` + cases + ` esac; done`
}

const ack = `echo "{\"tag\":$tag,\"result\":\"ack\"}"`

func TestLines(t *testing.T) {
	r := many(t, lines(t, reply(`
		*m1*) echo "{\"tag\":$tag,\"result\":\"retry\",\"type\":\"db\",\"error\":\"locked\",\"after\":\"30s\"}";;
		*m2*) echo "{\"tag\":$tag,\"result\":\"retry\",\"after\":2.5}";;
		*m3*) echo "{\"tag\":$tag,\"result\":\"dead-letter\",\"error\":\"no such customer\"}";;
		*m4*) echo 'debug: a line that is no answer'; echo '{"result":"ack"}';;
		*) `+ack+`;;`), 0), 6)
	want := []string{"1 <nil> 0s", "2 db: locked 30s", "2 temporary: the handler wants it later 2.5s",
		"3 refused: no such customer 0s", "1 <nil> 0s", "1 <nil> 0s"}
	for i, w := range want {
		got := fmt.Sprintf("%d <nil> %s", r[i].Verdict, r[i].After)
		if r[i].Failure != nil {
			got = fmt.Sprintf("%d %s %s", r[i].Verdict, r[i].Failure.Error(), r[i].After)
		}
		if got != w {
			t.Errorf("message %d: %s, want %s", i, got, w)
		}
	}
}

// TestLinesFaults: whatever the process does wrong, one message has failed for it, and the others
// are handled.
func TestLinesFaults(t *testing.T) {
	for name, x := range map[string]struct {
		fault string
		kind  string
		text  string
	}{
		"crash":         {"echo 'panic: 7' >&2; exit 3", handle.ErrorCrash, "exit status 3"},
		"killed":        {"kill -9 $$", handle.ErrorCrash, "signal: killed"},
		"nonsense":      {"echo '{nonsense'; sleep 60", handle.ErrorAnswer, "no answer"},
		"wrong result":  {`echo '{"result":"maybe"}'; sleep 60`, handle.ErrorAnswer, `"maybe"`},
		"foreign tag":   {`echo '{"tag":99,"result":"ack"}'; sleep 60`, handle.ErrorAnswer, "no message in its hands"},
		"endless line":  {"printf '{'; head -c 10000000 /dev/zero | tr '\\0' x; sleep 60", handle.ErrorAnswer, "longer than"},
		"hang":          {"echo 'waits for ever' >&2; sleep 60", handle.ErrorTimeout, "waits for ever"},
		"closed stdout": {"exec >/dev/null; exit 0", handle.ErrorCrash, "exit status 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			timeout := time.Minute
			if x.kind == handle.ErrorTimeout {
				timeout = 10 * time.Second
			}
			r := many(t, lines(t, reply("*m0*) "+x.fault+";; *) "+ack+";;"), timeout), 20)
			if f := r[0].Failure; r[0].Verdict != handle.Retry || f.Type != x.kind || !strings.Contains(f.Message, x.text) {
				t.Errorf("%+v %+v", r[0], f)
			}
			for i, res := range r[1:] {
				if res.Verdict != handle.Handled {
					t.Errorf("message %d: %+v %+v", i+1, res, res.Failure)
				}
			}
		})
	}
}

// TestLinesThatCannotBegin: a process that ends before it has read anything handles nothing, and no
// message has failed for it.
func TestLinesThatCannotBegin(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("it cannot be seen here what a process has read")
	}
	for script, want := range map[string]string{
		"echo 'no module named x' >&2; exit 1": "no module named x", "./no-such-handler": "127", "exit 0": "exit status 0",
	} {
		for i, r := range many(t, lines(t, script, time.Minute), 3) {
			if r.Verdict != handle.Return || r.Fatal == nil || !strings.Contains(r.Fatal.Error(), want) {
				t.Errorf("%s: message %d: %+v", script, i, r)
			}
		}
	}
	// Once it has answered, the next may fail to begin for a while.
	dir := t.TempDir()
	script := "cd " + dir + "; if test -e was && ! test -e twice; then touch twice; exit 1; fi; touch was; " +
		`read -r line; echo '{"result":"ack"}'`
	for i, r := range many(t, lines(t, script, time.Minute), 3) {
		if r.Verdict != handle.Handled {
			t.Errorf("message %d after a good beginning: %+v", i, r)
		}
	}
}

// TestLinesThatRetire: a process may end after some messages; nobody has failed for that.
func TestLinesThatRetire(t *testing.T) {
	for i, res := range many(t, lines(t,
		`n=0; while [ $n -lt 3 ] && read -r line; do n=$((n+1)); echo '{"result":"ack"}'; done`, 0), 10) {
		if res.Verdict != handle.Handled {
			t.Errorf("message %d: %+v %+v", i, res, res.Failure)
		}
	}
}

func TestLinesStopWithTheContext(t *testing.T) {
	l := lines(t, "sleep 60", 0)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if r := l.Handle(ctx, attempt("")); r.Verdict != handle.Return {
		t.Errorf("%+v", r)
	}
	closing, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	begin := time.Now()
	if err := l.Close(closing); err != nil || time.Since(begin) > 30*time.Second {
		t.Errorf("close took %s: %v", time.Since(begin), err)
	}
}
