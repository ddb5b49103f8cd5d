package node

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
)

// ErrNotInstalled means that no usable RabbitMQ server was found.
var ErrNotInstalled = errors.New("no rabbitmq-server")

// debianSbin is the directory of the RabbitMQ scripts on Debian and Ubuntu. The rabbitmq-server in
// /usr/sbin cannot start a private node: it is a wrapper that switches to the user rabbitmq and the
// system directories.
const debianSbin = "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin"

// installation is a RabbitMQ server on disk.
type installation struct {
	root    string // "" for this machine's own
	sbin    string // as seen inside root
	version string // from the directory's name; "" when it does not tell
}

var versionInPath = regexp.MustCompile(`rabbitmq(?:_server)?[-/](\d+\.\d+\.\d+)`)

// Installed returns the version of the RabbitMQ server below root without starting it. "" and "/"
// mean this machine. The version is "" if it is not part of the path. The error wraps
// ErrNotInstalled if there is no server.
func Installed(root string) (version string, err error) {
	in, err := findInstallation(root)
	return in.version, err
}

func findInstallation(root string) (installation, error) {
	if root == "/" {
		root = ""
	}
	found, err := filepath.Glob(filepath.Join(root+"/", debianSbin))
	if err != nil {
		return installation{}, fmt.Errorf("look for rabbitmq-server below %q: %w", root, err)
	}
	if len(found) > 0 {
		sort.Strings(found)
		sbin := found[len(found)-1]
		return newInstallation(root, sbin[len(root):]), nil
	}
	if root != "" {
		return installation{}, fmt.Errorf("%w below %s", ErrNotInstalled, root)
	}
	return installationInPath()
}

// installationInPath finds generic tarballs and Homebrew installations. Their rabbitmq-server is
// the script itself or a link to it.
func installationInPath() (installation, error) {
	script, err := exec.LookPath("rabbitmq-server")
	if err != nil {
		return installation{}, fmt.Errorf("%w on this machine", ErrNotInstalled)
	}
	if script, err = filepath.EvalSymlinks(script); err != nil {
		return installation{}, fmt.Errorf("follow rabbitmq-server: %w", err)
	}
	sbin := filepath.Dir(script)
	if _, err := os.Stat(filepath.Join(sbin, "rabbitmq-env")); err != nil {
		return installation{}, fmt.Errorf("%w that can run privately: %s is a wrapper", ErrNotInstalled, script)
	}
	return newInstallation("", sbin), nil
}

func newInstallation(root, sbin string) installation {
	in := installation{root: root, sbin: sbin}
	if m := versionInPath.FindStringSubmatch(sbin); m != nil {
		in.version = m[1]
	}
	return in
}

// tool returns the path, inside root, of one of Erlang's own programs.
func (in installation) tool(name string) (string, error) {
	if in.root != "" {
		path := "/usr/bin/" + name
		_, err := os.Stat(in.root + path)
		return path, err
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	erl, err := exec.LookPath("erl")
	if err != nil {
		return "", fmt.Errorf("find erl, which RabbitMQ needs: %w", err)
	}
	if erl, err = filepath.EvalSymlinks(erl); err != nil {
		return "", fmt.Errorf("follow erl: %w", err)
	}
	beside := filepath.Join(filepath.Dir(erl), name)
	if _, err := os.Stat(beside); err != nil {
		return "", fmt.Errorf("find Erlang's %s: %w", name, err)
	}
	return beside, nil
}
