package cmdmsg

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/pkg/message/archive"
)

// CreateArchive creates an archive. It refuses to overwrite a file, which may hold the last copy of
// its messages.
func CreateArchive(name string) (*archive.Writer, error) {
	w, err := archive.Create(name)
	if errors.Is(err, fs.ErrExist) {
		return nil, &cmdutil.ExitError{Code: cmdutil.ExitFailed,
			Err: fmt.Errorf("%s already exists and is not overwritten: it may hold the last copy of its messages",
				name), Advice: "name another file"}
	}
	return w, err
}

// OpenArchive opens an archive for reading; - is stdin.
func OpenArchive(d *cmdutil.Process, name string) (*archive.Reader, error) {
	if name == "-" {
		return archive.NewReader(d.Streams.In, archive.ReaderOptions{}), nil
	}
	r, err := archive.Open(name, archive.ReaderOptions{})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cmdutil.UsageError("", "read the archive: %w", err)
	}
	return r, err
}
