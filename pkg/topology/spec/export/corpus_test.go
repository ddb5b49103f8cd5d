package export_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/pkg/topology"
	"github.com/msgctl/msgctl/pkg/topology/source"
	"github.com/msgctl/msgctl/pkg/topology/spec"
	"github.com/msgctl/msgctl/pkg/topology/spec/export"
)

// corpusFiles are real definitions files from public repositories. They are not part of the
// project.
func corpusFiles(t *testing.T) []string {
	t.Helper()
	dir := os.Getenv("MSGCTL_TEST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "..", "shared", "corpus")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Skipf("no corpus of definitions files in %s (set MSGCTL_TEST_CORPUS)", dir)
	}
	return files
}

// refused are the files with a fault that every broker refuses, and a word of the reason.
func refused() map[string]string {
	return map[string]string{
		"adrienKoumgangT+distriqueue.json":             "a policy cannot set the type of queues",
		"architect21-team1+shopping-mall-backend.json": `queue "ORDER_CANCELED_EVENT" is not declared`,
		"percybolmer+event-driven-rabbitmq.json":       `exchange "customers_events" is not declared`,
	}
}

// TestCorpus: every file is read completely, or refused with a reason and its place.
func TestCorpus(t *testing.T) {
	for _, file := range corpusFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := filepath.Base(file)
			_, state, problems := spec.Read([]source.Input{{Name: name, Data: data}}, spec.Options{})
			for _, p := range problems {
				t.Log(p.Severity, p.Error())
				if p.Position.File != name || p.Position.Line == 0 || p.Position.Column == 0 {
					t.Errorf("no position: %s", p.Error())
				}
			}
			if reason := refused()[name]; problems.HasErrors() != (reason != "") || !strings.Contains(problems.Error(), reason) {
				t.Errorf("want it refused because of %q, got %v", reason, problems.Err())
			}
			if !problems.HasErrors() {
				complete(t, data, state)
				readsBack(t, state)
			}
		})
	}
}

// complete counts what the file lists, without queues that a broker has named, and their bindings.
func complete(t *testing.T, data []byte, s *topology.State) {
	t.Helper()
	var file map[string]any
	if err := json.Unmarshal(bytes.TrimPrefix(data, []byte("\ufeff")), &file); err != nil {
		t.Fatal(err)
	}
	counts := map[topology.Kind]int{}
	for _, o := range s.Objects() {
		counts[o.Ref().Kind]++
	}
	for section, kind := range map[string]topology.Kind{
		"users": topology.KindUser, "vhosts": topology.KindVHost, "permissions": topology.KindPermission,
		"topic_permissions": topology.KindTopicPermission,
		"policies":          topology.KindPolicy, "queues": topology.KindQueue, "exchanges": topology.KindExchange,
		"bindings": topology.KindBinding,
	} {
		list, _ := file[section].([]any)
		list = slices.DeleteFunc(list, func(e any) bool {
			o, _ := e.(map[string]any)
			queue, _ := o["destination"].(string)
			if section == "queues" {
				queue, _ = o["name"].(string)
			}
			return strings.HasPrefix(queue, "amq.")
		})
		if len(list) != counts[kind] {
			t.Errorf("%s: %d in the file, %d in the state", section, len(list), counts[kind])
		}
	}
}

// readsBack writes a state in both forms.
func readsBack(t *testing.T, s *topology.State) {
	t.Helper()
	o := export.Options{Users: true, Secrets: true}
	var yaml, definitions bytes.Buffer
	if err := export.WriteYAML(&yaml, s, o); err != nil {
		t.Fatal(err)
	}
	if err := export.WriteDefinitions(&definitions, s, o); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"t.yaml": yaml.Bytes(), "t.json": definitions.Bytes()} {
		_, again, problems := spec.Read([]source.Input{{Name: name, Data: text}}, spec.Options{})
		undeclared := 0
		for _, v := range s.VHosts() {
			if !s.Has(topology.Ref{Kind: topology.KindVHost, Name: v}) {
				undeclared++
			}
		}
		if name == "t.yaml" && undeclared > 1 {
			continue // a topology file declares the vhosts that it has objects in
		}
		if diff := same(s, again); diff != "" || problems.HasErrors() {
			t.Errorf("%s: %v\n%s", name, problems.Err(), diff)
		}
	}
}
