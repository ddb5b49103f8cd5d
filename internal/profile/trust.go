package profile

import (
	"os"
	"runtime"
)

// untrusted says why the commands in the context file are not run: somebody else may have written
// them. It is nil on Windows, where mode bits say nothing.
func (f *File) untrusted() *Error {
	if runtime.GOOS == "windows" {
		return nil
	}
	info, err := os.Stat(f.Path)
	if err != nil {
		return nil //nolint:nilerr // it was read a moment ago; what cannot be looked at any more cannot be written either
	}
	if info.Mode().Perm()&0o022 != 0 {
		return problem("chmod go-w "+f.Path, "its passwordCommand is not run: other users can write the context file %s",
			f.Path)
	}
	if owner, known := ownerOf(info); known && owner != os.Geteuid() && owner != 0 {
		return problem("copy the file, so that it is yours, and look at its commands",
			"its passwordCommand is not run: the context file %s belongs to another user (uid %d)", f.Path, owner)
	}
	return nil
}
