package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
)

func install(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, text, 0o755)
}

func (b *benchmark) build(ctx context.Context) error {
	built := b.msgctl() + ".built"
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", built, ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	// Measure an installed copy: a binary that the linker has just written starts a fifth slower.
	return install(built, b.msgctl())
}
