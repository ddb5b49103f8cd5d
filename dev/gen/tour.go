package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// writeTour writes tour.svg, the picture in README.md. `msgctl graph` draws it from the topology of
// the tour, for a broker that needs wait queues for its retries: they show how a retry works.
func writeTour(dir string) error {
	picture, err := exec.Command("go", "run", "github.com/msgctl/msgctl", "graph", "-f", //nolint:noctx // it is short
		filepath.Join("examples", "tour", "topology.yaml"), "--broker", "4.0", "-o", "svg").Output()
	if err != nil {
		return fmt.Errorf("msgctl graph: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, "tour.svg"), picture, 0o644)
}
