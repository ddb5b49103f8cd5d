package cmd

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/msgctl/msgctl/pkg/message/archive"
)

// createArchive makes a new archive; one that exists may be the last copy of its messages.
func createArchive(name string) (*archive.Writer, error) {
	w, err := archive.Create(name)
	if errors.Is(err, fs.ErrExist) {
		return nil, &exitError{code: exitFailed,
			err: fmt.Errorf("%s exists already, and is not overwritten: it may be the last copy of its messages",
				name), advice: "name another file"}
	}
	return w, err
}

// openArchive opens an archive to read it; - is stdin.
func (d *deps) openArchive(name string) (*archive.Reader, error) {
	if name == "-" {
		return archive.NewReader(d.streams.In, archive.ReaderOptions{}), nil
	}
	return archive.Open(name, archive.ReaderOptions{})
}
