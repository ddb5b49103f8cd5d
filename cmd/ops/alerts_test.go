package ops_test

import (
	"path/filepath"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/promtest"
)

// TestAlertsOfExamples: the rules of our own examples are valid.
func TestAlertsOfExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(cmdtest.Repository(t), "examples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	p := cmdtest.NewProgram(t, "amqp://localhost:1/", "http://localhost:1") // nobody is asked
	for _, file := range files {
		for _, source := range []string{"exporter", "rabbitmq"} {
			r := p.Run("alerts", "-f", file, "--source", source)
			r.Want(t, cmdutil.ExitOK, "MsgctlDeadLetters")
			promtest.CheckRules(t, []byte(r.Stdout))
		}
	}
}

// TestAlertsOfCorpus: so are those of definitions files of other teams, as far as these can be read
// without errors.
func TestAlertsOfCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(cmdtest.Corpus(t), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	p, read := cmdtest.NewProgram(t, "amqp://localhost:1/", "http://localhost:1"), 0
	for _, file := range files {
		r := p.Run("alerts", "-f", file)
		if r.Code == cmdutil.ExitOK {
			read++
			promtest.CheckRules(t, []byte(r.Stdout))
		}
	}
	if read < len(files)/2 {
		t.Errorf("only %d of %d files could be read", read, len(files))
	}
}
