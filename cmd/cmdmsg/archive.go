package cmdmsg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/pkg/message"
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
		return archive.NewReader(d.Stdin(), archive.ReaderOptions{}), nil
	}
	f, err := d.Open(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, cmdutil.UsageError("", "read the archive: open archive: %w", err)
	case err != nil:
		return nil, fmt.Errorf("open archive: %w", err)
	}
	return archive.NewReader(f, archive.ReaderOptions{Close: f.Close}), nil
}

// maxForeignLines is how many lines may be no messages before the first one.
const maxForeignLines = 100

// Archive is the messages of an archive.
type Archive struct {
	*archive.Reader
	ahead []entry // the first entry, which CheckArchive has read
}

// entry is what one call of archive.Reader.Next returned.
type entry struct {
	m   *message.Message
	err error
}

// CheckArchive reads up to the first message. The error says that there is none, because the file
// called name is no archive; or it is context.Canceled, because reading was interrupted.
func CheckArchive(r *archive.Reader, name string) (*Archive, error) {
	a := &Archive{Reader: r}
	for {
		m, err := r.Next()
		a.ahead = append(a.ahead, entry{m, err})
		var broken *archive.BrokenError
		foreign := errors.As(err, &broken) && !broken.Final
		switch {
		case errors.Is(err, context.Canceled): // reading was interrupted
			return nil, err
		case len(a.ahead) > 1 && (errors.Is(err, io.EOF) || len(a.ahead) > maxForeignLines && foreign):
			return nil, cmdutil.UsageError("msgctl dlq export, msgctl dlq purge --archive and msgctl tail --save write archives",
				"%s is no archive of msgctl: %v", name, a.ahead[0].err)
		case !foreign:
			return a, nil
		}
	}
}

// Next is that of archive.Reader.
func (a *Archive) Next() (*message.Message, error) {
	if len(a.ahead) > 0 {
		next := a.ahead[0]
		a.ahead = a.ahead[1:]
		return next.m, next.err
	}
	return a.Reader.Next()
}
