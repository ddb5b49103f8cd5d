//go:build unix

package handle_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/pkg/consume/handle"
)

func shell(line string, timeout time.Duration) *handle.Exec {
	return &handle.Exec{Argv: []string{"sh", "-c", line}, Env: os.Environ(), Timeout: timeout, Label: "exec test"}
}

func TestExec(t *testing.T) {
	for _, x := range []struct {
		line    string
		verdict handle.Verdict
		kind    string
		text    string
	}{
		{`test "$(cat)" = body`, handle.Handled, "", ""},
		{`cat >/dev/null; test "$MESSAGE_ID $MESSAGE_TYPE $MESSAGE_ROUTING_KEY $MESSAGE_ATTEMPT $MESSAGE_LAST_ATTEMPT" = "m-1 order.created k 2 false"`, handle.Handled, "", ""},
		{`cat >/dev/null; test "$MESSAGE_TIMESTAMP" = 2023-11-14T22:13:20Z`, handle.Handled, "", ""}, // in milliseconds
		{`case "$MESSAGE_HEADERS" in *'"tenant":"acme"'*) exit 0;; esac; exit 1`, handle.Handled, "", ""},
		{"exit 0", handle.Handled, "", ""}, // without reading the body
		{"echo nothing; echo locked >&2; exit 75", handle.Retry, handle.ErrorTemp, "locked"},
		{"echo first; echo no such customer; exit 1", handle.DeadLetter, "exit 1", "no such customer"},
		{"exit 3", handle.DeadLetter, "exit 3", "exec test ended with 3"},
		{"kill -SEGV $$", handle.DeadLetter, handle.ErrorSignal, "segmentation fault"},
		{"printf '\\377\\376 \\033[31mred' >&2; exit 1", handle.DeadLetter, "exit 1", "red"},
	} {
		r := shell(x.line, 0).Handle(t.Context(), attempt("body"))
		if r.Verdict != x.verdict || x.kind != "" && (r.Failure == nil || r.Failure.Type != x.kind ||
			!strings.Contains(r.Failure.Message, x.text)) {
			t.Errorf("%s: %+v %+v", x.line, r, r.Failure)
		}
	}
	missing := &handle.Exec{Argv: []string{"/no/such/program"}}
	if r := missing.Handle(t.Context(), attempt("")); r.Verdict != handle.Return || r.Fatal == nil {
		t.Errorf("a program that is missing: %+v", r)
	}
}

// TestExecThatCannotStart ends the run, and no message has failed for it.
func TestExecThatCannotStart(t *testing.T) {
	noRight := filepath.Join(t.TempDir(), "handler")
	if err := os.WriteFile(noRight, []byte("#!/bin/sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{"./no-such-handler": "127", noRight: "126", "exit 127": "127"} {
		r := shell(line, 0).Handle(t.Context(), attempt("body"))
		if r.Verdict != handle.Return || r.Fatal == nil || !strings.Contains(r.Fatal.Error(), want) {
			t.Errorf("%s: %+v", line, r)
		}
	}
}

// TestExecTimeoutKillsAll: what the command started is killed with it.
func TestExecTimeoutKillsAll(t *testing.T) {
	alive := filepath.Join(t.TempDir(), "alive")
	begin := time.Now()
	r := shell("(trap '' TERM; while :; do touch "+alive+"; sleep 0.05; done) & echo hangs >&2; wait",
		5*time.Second).Handle(t.Context(), attempt(""))
	if r.Verdict != handle.Retry || r.Failure.Type != handle.ErrorTimeout ||
		!strings.Contains(r.Failure.Message, "hangs") {
		t.Errorf("%+v %+v", r, r.Failure)
	}
	if took := time.Since(begin); took > 2*time.Minute {
		t.Errorf("it took %s", took)
	}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		_ = os.Remove(alive)
		time.Sleep(300 * time.Millisecond)
		if _, err := os.Stat(alive); err != nil {
			return
		}
	}
	t.Error("what the command started lives on")
}

func TestExecStopsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if r := shell("sleep 60", 0).Handle(ctx, attempt("")); r.Verdict != handle.Return {
		t.Errorf("%+v", r)
	}
}

// TestOutputIsBounded: 100 MB of output are read and forgotten but for their end.
func TestOutputIsBounded(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := shell("head -c 100000000 /dev/zero | tr '\\0' 'x' >&2; echo; echo the end >&2; exit 75", 0).Handle(t.Context(),
		attempt(""))
	runtime.ReadMemStats(&after)
	if r.Verdict != handle.Retry || !strings.HasSuffix(r.Failure.Message, "the end") {
		t.Errorf("%+v %.100s", r, r.Failure.Message)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 4<<20 {
		t.Errorf("it took %d KiB", grown>>10)
	}
}
