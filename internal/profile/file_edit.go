package profile

import (
	"bytes"
	"os"
	"path/filepath"

	"gopkg.in/yaml.v3"
)

// Use makes a context the current one.
func (f *File) Use(name string) error {
	if _, err := f.get(name); err != nil {
		return err
	}
	f.Current = name
	setKey(f.mapping(), "current", scalar(name))
	return nil
}

// Add puts a context into the file. It checks everything that can be checked offline and refuses a
// password in the URL, because it would lie there in plain sight. An existing name is refused
// unless replace is true. The first context of a file becomes the current one.
func (f *File) Add(name string, c Context, replace bool) error {
	if err := f.checkNew(name, c, replace); err != nil {
		return err
	}
	var n yaml.Node
	if err := n.Encode(c); err != nil {
		return problem("", "write context %q: %v", name, err)
	}
	first := len(f.Contexts) == 0
	f.Contexts[name] = c
	contexts := getKey(f.mapping(), "contexts")
	if contexts == nil || contexts.Kind != yaml.MappingNode {
		contexts = &yaml.Node{Kind: yaml.MappingNode}
		setKey(f.mapping(), "contexts", contexts)
	}
	setKey(contexts, name, &n)
	if first && f.Current == "" {
		return f.Use(name)
	}
	return nil
}

func (f *File) checkNew(name string, c Context, replace bool) *Error {
	if !contextName().MatchString(name) {
		return problem("use letters, digits, dot, hyphen and underscore, and begin with a letter or digit",
			"%q cannot be the name of a context", name)
	}
	if _, exists := f.Contexts[name]; exists && !replace {
		return problem("add --replace to overwrite it", "context %q already exists", name)
	}
	if c.URL == "" && c.API == "" {
		return problem("add --url amqp://USER@HOST:5672/VHOST", "a context needs the broker's URL")
	}
	if c.holdsPassword() {
		return problem("leave the password out of the URL and say where it is kept: --password-command 'pass show NAME' "+
			"or --password-file FILE; or set MSGCTL_PASSWORD when you use the context",
			"the URL holds a password, and the context file would keep it in plain sight")
	}
	probe := &File{Path: f.Path, env: f.env, Contexts: map[string]Context{name: c}}
	_, all, err := probe.settings(name)
	if err != nil {
		return err
	}
	return all.checkAPI()
}

// Remove takes a context out of the file. Where it was the current one, none is afterwards.
func (f *File) Remove(name string) error {
	if _, err := f.get(name); err != nil {
		return err
	}
	delete(f.Contexts, name)
	dropKey(getKey(f.mapping(), "contexts"), name)
	if f.Current == name {
		f.Current = ""
		dropKey(f.mapping(), "current")
	}
	return nil
}

// Save writes the file in one step: readers see the old content or the new one, also after a crash.
// It is readable by its owner only. A symbolic link stays one.
func (f *File) Save() error {
	if f.Path == "" {
		return problem("set MSGCTL_CONFIG to a file, or HOME", "the location of the context file is unknown")
	}
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(f.mapping()); err != nil {
		return problem("", "write the context file: %v", err)
	}
	path := f.Path
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if err := writeAtomically(path, b.Bytes()); err != nil {
		return problem("", "write the context file: %v", err)
	}
	return nil
}

func writeAtomically(path string, content []byte) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), ".config-*") // created with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()
			_ = os.Remove(tmp.Name())
		}
	}()
	if _, err = tmp.Write(content); err != nil {
		return err
	}
	if err = tmp.Sync(); err != nil {
		return err
	}
	if err = tmp.Close(); err != nil {
		return err
	}
	return os.Rename(tmp.Name(), path)
}

func (f *File) mapping() *yaml.Node {
	if f.root == nil || f.root.Kind != yaml.MappingNode {
		f.root = &yaml.Node{Kind: yaml.MappingNode}
	}
	return f.root
}

func scalar(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	return n
}

func getKey(m *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			return m.Content[i+1]
		}
	}
	return nil
}

func setKey(m *yaml.Node, key string, value *yaml.Node) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content[i+1] = value
			return
		}
	}
	m.Content = append(m.Content, scalar(key), value)
}

func dropKey(m *yaml.Node, key string) {
	for i := 0; i+1 < len(m.Content); i += 2 {
		if m.Content[i].Value == key {
			m.Content = append(m.Content[:i], m.Content[i+2:]...)
			return
		}
	}
}
