package source

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Input is one file that was read. Name stands in positions, and references in the file are
// relative to its directory.
type Input struct {
	Name string
	Data []byte
}

// FileSystem is how Files reaches files. The zero value is the operating system's, without standard
// input.
type FileSystem struct {
	// Stdin is what "-" reads.
	Stdin io.Reader
	// Stat, ReadDir, Glob and Open replace those of os and filepath; all or none are set.
	Stat    func(name string) (fs.FileInfo, error)
	ReadDir func(name string) ([]fs.DirEntry, error)
	Glob    func(pattern string) ([]string, error)
	Open    func(name string) (fs.File, error)
}

func (f FileSystem) orReal() FileSystem {
	if f.Stat == nil {
		f.Stat, f.ReadDir, f.Glob = os.Stat, os.ReadDir, filepath.Glob
		f.Open = func(name string) (fs.File, error) { return os.Open(name) }
	}
	return f
}

// Files reads what -f names, in that order: files, directories, globs, and - for standard input. Of
// a directory it reads *.yaml, *.yml and *.json in the order of names, but not those of directories
// below, and no *.schema.json. Names that begin with a dot are left out: editors and systems leave
// such files behind. A glob leaves them out unless its last part begins with a dot. A name that
// exists is never taken for a glob. The error names everything that could not be read.
func Files(names []string, system FileSystem) ([]Input, error) {
	system = system.orReal()
	var inputs []Input
	var problems []error
	stdin := false
	for _, name := range names {
		if name == "-" {
			if stdin || system.Stdin == nil {
				problems = append(problems, errors.New("read standard input: it can be named once only, and must be there"))
				continue
			}
			stdin = true
			data, err := bounded("standard input", system.Stdin)
			inputs, problems = append(inputs, Input{Name: "<stdin>", Data: data}), append(problems, err)
			continue
		}
		paths, err := system.find(name)
		problems = append(problems, err)
		for _, path := range paths {
			data, err := system.read(path)
			inputs, problems = append(inputs, Input{Name: path, Data: data}), append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return inputs, nil
}

// find returns the files that a name stands for.
func (f FileSystem) find(name string) ([]string, error) {
	info, err := f.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return f.Directory(name)
	case err == nil:
		return []string{name}, nil
	case !strings.ContainsAny(name, "*?["):
		return nil, fmt.Errorf("read topology %q: %w", name, plainCause(err))
	}
	paths, err := f.Glob(name)
	if err != nil {
		return nil, fmt.Errorf("read topology %q: %w", name, err)
	}
	var files []string
	for _, p := range paths {
		hidden := isHidden(filepath.Base(p)) && !isHidden(filepath.Base(name))
		if info, err := f.Stat(p); err == nil && !info.IsDir() && !hidden {
			files = append(files, p)
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read topology %q: no file matches", name)
	}
	slices.Sort(files)
	return files, nil
}

// Directory returns the files that Files reads of a directory, in the order of their names. It is
// an error if there are none.
func (f FileSystem) Directory(name string) ([]string, error) {
	entries, err := f.orReal().ReadDir(name)
	if err != nil {
		return nil, fmt.Errorf("read topology %q: %w", name, plainCause(err))
	}
	var files []string
	for _, e := range entries {
		ext := strings.ToLower(filepath.Ext(e.Name()))
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml", ".json"}, ext) &&
			!strings.HasSuffix(e.Name(), ".schema.json") && !isHidden(e.Name()) {
			files = append(files, filepath.Join(name, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("read topology %q: the directory has no *.yaml, *.yml or *.json", name)
	}
	slices.Sort(files)
	return files, nil
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") }

func (f FileSystem) read(path string) ([]byte, error) {
	file, err := f.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read topology %q: %w", path, plainCause(err))
	}
	defer func() { _ = file.Close() }()
	return bounded(fmt.Sprintf("topology %q", path), file)
}

// bounded reads one byte more than Parse takes, so that it is Parse that refuses a
// file without end.
func bounded(what string, r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, plainCause(err))
	}
	return data, nil
}

// plainCause drops the operation and the path of an error, which the message names already.
func plainCause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
