package profile

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestPasswordCommandsOfOthersAreNotRun: what others can write would run with the user's rights.
func TestPasswordCommandsOfOthersAreNotRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("mode bits say nothing")
	}
	path := filepath.Join(t.TempDir(), "config.yaml")
	content := "contexts: { a: { url: 'amqp://u@h', passwordCommand: 'echo secret' } }\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	password := func() error {
		f, err := Load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, s, problem := f.settings("a")
		if problem != nil {
			t.Fatal(problem)
		}
		_, err = s.password.value.read(t.Context(), "u")
		return err
	}
	if err := password(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range []os.FileMode{0o620, 0o602, 0o666} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if err := password(); err == nil || !strings.Contains(err.Error(), "other users can write") {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	if os.Geteuid() != 0 {
		return // only root gives files away
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, 12345, -1); err != nil {
		t.Fatal(err)
	}
	if err := password(); err == nil || !strings.Contains(err.Error(), "uid 12345") {
		t.Errorf("owner: %v", err)
	}
}
