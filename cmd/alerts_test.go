package cmd

import (
	"path/filepath"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/promtest"
)

// TestAlertsOfExamples: the rules of our own examples are valid.
func TestAlertsOfExamples(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(repository(t), "examples", "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	p := newProgram(t, "amqp://localhost:1/", "http://localhost:1") // nobody is asked
	for _, file := range files {
		for _, source := range []string{"exporter", "rabbitmq"} {
			r := p.run("alerts", "-f", file, "--source", source)
			r.want(t, cmdutil.ExitOK, "MsgctlDeadLetters")
			promtest.CheckRules(t, []byte(r.stdout))
		}
	}
}

// TestAlertsOfCorpus: so are those of definitions files of other teams, as far as these can be read
// without errors.
func TestAlertsOfCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpusDir(t), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	p, read := newProgram(t, "amqp://localhost:1/", "http://localhost:1"), 0
	for _, file := range files {
		r := p.run("alerts", "-f", file)
		if r.code == cmdutil.ExitOK {
			read++
			promtest.CheckRules(t, []byte(r.stdout))
		}
	}
	if read < len(files)/2 {
		t.Errorf("only %d of %d files could be read", read, len(files))
	}
}
