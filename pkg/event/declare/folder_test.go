//go:build unix

package declare_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/event/declare"
)

// TestSchemaThatNobodyWrites: a FIFO is no schema, and is refused before it is opened.
func TestSchemaThatNobodyWrites(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(filepath.Join(dir, "a.schema.json"), 0o600); err != nil {
		t.Fatal(err)
	}
	catalogue := event.NewCatalogue([]event.Type{{Name: "a", Exchange: "x", Files: declare.Folder(dir),
		SchemaFile: "a.schema.json"}})
	violation, err := guarded.Within(t.Context(), time.Minute, func() error {
		_, err := catalogue.Validate("a", json.RawMessage("{}"))
		return err
	})
	if err != nil || violation == nil || !strings.Contains(violation.Error(), "no regular file") {
		t.Errorf("%v, %v", violation, err)
	}
}
