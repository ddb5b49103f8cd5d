//go:build unix

package bulk_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
	"github.com/msgctl/msgctl/pkg/publish/bulk"
)

// TestJournalThatNobodyWrites: a FIFO is no journal, and is refused before it is opened.
func TestJournalThatNobodyWrites(t *testing.T) {
	name := filepath.Join(t.TempDir(), "journal")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	refused, err := guarded.Within(t.Context(), time.Minute, func() error {
		_, _, _, _, err := bulk.ResumeJournal(name)
		return err
	})
	if err != nil || refused == nil || !strings.Contains(refused.Error(), "no regular file") {
		t.Errorf("%v, %v", refused, err)
	}
}
