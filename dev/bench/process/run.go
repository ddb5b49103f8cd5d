package process

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// Usage is the resource usage and output of one run of a program.
type Usage struct {
	Wall    time.Duration
	CPU     time.Duration // of its process, not of the broker's
	PeakKiB int64
	Out     []byte // what it wrote, to both streams
}

// Run runs a program until it ends, with env added to the environment. If the program fails, the
// error contains its output.
func Run(ctx context.Context, env []string, name string, args ...string) (Usage, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	start := time.Now()
	err := cmd.Start()
	var peak int64
	if err == nil {
		seen := WatchPeak(cmd.Process.Pid)
		err = cmd.Wait()
		peak = seen()
	}
	if err != nil {
		return Usage{}, fmt.Errorf("%s %v: %w\n%s", name, args, err, out.Bytes())
	}
	return Usage{
		Wall: time.Since(start), Out: out.Bytes(), PeakKiB: peak,
		CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
	}, nil
}
