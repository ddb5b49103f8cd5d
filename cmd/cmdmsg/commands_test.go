package cmdmsg_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/archive"
)

// commands are those that speak AMQP. Each has a queue of its own, with dead letters. Files that they
// read are in the folder.
func commands(folder string) map[string][]string {
	archived := filepath.Join(folder, archiveName)
	return map[string][]string{
		"consume": {"consume", "consume", "--print"},
		"tail":    {"tail", "#", "--exchange", "amq.topic"},
		"publish": {"publish", "--exchange", "", "--key", "publish", "--data", "1"},
		"inspect": {"dlq", "inspect", "inspect"},
		"replay":  {"dlq", "replay", "replay", "--to", "queue:work"},
		"ls":      {"dlq", "ls"},

		"move":   {"dlq", "move", "move", "--to", "queue:work"},
		"import": {"dlq", "import", archived, "--to", "queue:work"},
		"again":  {"publish", "--archive", archived},
		"lines": {"publish", "--exchange", "", "--key", "work", "--ndjson", filepath.Join(folder, linesName),
			"--journal", "none"},
		"transfer": {"consume", "transfer", "--exec", "exit 1", "--dead-letter-to", "queue:work", "--log-format=text"},
	}
}

// archiveName and linesName are the files: three messages each.
const archiveName, linesName = "archive.ndjson", "lines.ndjson"

// writeFiles writes the files that commands read into a new folder.
func writeFiles(t *testing.T) (folder string) {
	folder = t.TempDir()
	w, err := archive.Create(filepath.Join(folder, archiveName))
	for range 3 {
		if err == nil {
			err = w.Write(&message.Message{Queue: "work", RoutingKey: "work", Body: []byte("1")})
		}
	}
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, linesName), []byte("1\n2\n3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// deadLetters creates a queue for each of the commands, with dead letters.
func deadLetters(t *testing.T, b *rabbittest.Broker, commands ...string) *cmdtest.Fixture {
	f := cmdtest.NewFixture(t, b)
	f.Declare("work", nil)
	for _, queue := range commands {
		f.Declare(queue+".work", map[string]any{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": queue})
		f.Declare(queue, nil)
		f.Publish(queue+".work", 3)
		f.Reject(queue+".work", queue, 3)
	}
	return f
}
