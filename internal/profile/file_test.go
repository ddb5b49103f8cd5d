package profile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestDefaultPath(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{[]string{"MSGCTL_CONFIG", "/x/y.yaml", "HOME", "/h"}, "/x/y.yaml"},
		{[]string{"XDG_CONFIG_HOME", "/xdg", "HOME", "/h"}, "/xdg/msgctl/config.yaml"},
		{[]string{"XDG_CONFIG_HOME", "relative", "HOME", "/h"}, "/h/.config/msgctl/config.yaml"},
		{[]string{"HOME", "/h"}, "/h/.config/msgctl/config.yaml"},
		{nil, ""},
	} {
		if got := filepath.ToSlash(DefaultPath(envOf(c.env...))); got != c.want {
			t.Errorf("%v: %s, want %s", c.env, got, c.want)
		}
	}
}

func TestMissingFileIsEmpty(t *testing.T) {
	f, err := Load(filepath.Join(t.TempDir(), "none.yaml"), nil)
	if err != nil || len(f.Names()) != 0 || f.Current != "" {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestFileErrorsTeach(t *testing.T) {
	for content, want := range map[string][2]string{
		"contexts:\n  a:\n    ulr: x\n":                    {`line 3: unknown field "ulr"`, "did you mean url?"},
		"contexts:\n  a:\n    tls: { certificate: x }\n":   {`line 3: unknown field "certificate"`, ""},
		"contexts:\n  a:\n    protcted: true\n":            {`unknown field "protcted"`, "did you mean protected?"},
		"context: {}\n":                                    {`unknown field "context"`, "did you mean contexts?"},
		"- a\n":                                            {"not a mapping", ""},
		"contexts: [":                                      {"line 1", ""},
		"contexts:\n  a:\n    timeout: soon\n":             {"line 3", ""},
		"contexts:\n  a: {url: 'amqp://h'}\n  a: {api: x}": {"already defined", ""},
	} {
		path := filepath.Join(t.TempDir(), "c.yaml")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Load(path, nil)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.Error(), want[0]) || !strings.Contains(e.Hint(), want[1]) ||
			!strings.Contains(e.Error(), path) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestReadablePasswordIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.yaml")
	content := []byte("contexts: {a: {url: 'amqp://u:s3cr3t@h'}}\n")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path, nil)
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.Hint(), "chmod 600") || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("err = %v", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if f, err := Load(path, nil); err != nil || len(f.Warnings) != 1 || strings.Contains(f.Warnings[0], "s3cr3t") {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestEditKeepsCommentsAndModes(t *testing.T) {
	f := loadContexts(t, contexts)
	if err := f.Add("new", Context{URL: "amqp://n@newhost", PasswordCommand: Command{"pass", "show", "x"},
		Protected: true}, false); err != nil {
		t.Fatal(err)
	}
	if err := f.Use("new"); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove("prod"); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	b, _ := os.ReadFile(f.Path)
	want := `# my brokers
current: new
contexts:
  dev:
    url: amqp://dev@devhost/dev # the shared one
    passwordCommand: [echo, devpass]
    file: dev.yaml
  new:
    url: amqp://n@newhost
    passwordCommand: [pass, show, x]
    protected: true
`
	if string(b) != want {
		t.Errorf("got\n%s", b)
	}
	info, err := os.Stat(f.Path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := Load(f.Path, nil)
	if err != nil || strings.Join(again.Names(), " ") != "dev new" || again.Current != "new" ||
		!again.Contexts["new"].Protected {
		t.Errorf("%+v, %v", again, err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(f.Path), ".config-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestRemovingTheCurrentContextLeavesNone(t *testing.T) {
	f := loadContexts(t, contexts)
	if err := f.Remove("dev"); err != nil || f.Current != "" {
		t.Errorf("current %q, %v", f.Current, err)
	}
}

func TestFirstContextBecomesCurrentAndSaveMakesDirectories(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "down", "config.yaml")
	f, err := Load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Add("a", Context{URL: "amqp://h"}, false); err != nil || f.Current != "a" {
		t.Fatalf("current %q, %v", f.Current, err)
	}
	if err := f.Save(); err != nil {
		t.Fatal(err)
	}
	if again, err := Load(path, nil); err != nil || again.Current != "a" {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestSaveKeepsASymbolicLink(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "dotfiles.yaml"), filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(target, []byte(contexts), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	f, err := Load(link, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Use("prod"), f.Save()); err != nil {
		t.Fatal(err)
	}
	info, _ := os.Lstat(link)
	b, _ := os.ReadFile(target)
	if info.Mode()&os.ModeSymlink == 0 || !strings.Contains(string(b), "current: prod") {
		t.Errorf("mode %v, content %s", info.Mode(), b)
	}
}

func TestAddRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		name string
		c    Context
		want string
	}{
		"a password":                  {"x", Context{URL: "amqp://u:s3cr3t@h"}, "plain sight"},
		"a password in the API's URL": {"x", Context{URL: "amqp://h", API: "http://u:s3cr3t@h"}, "plain sight"},
		"an odd name":                 {"a b", Context{URL: "amqp://h"}, "cannot be the name"},
		"an existing one":             {"dev", Context{URL: "amqp://h"}, "already"},
		"a wrong URL":                 {"x", Context{URL: "h:5672"}, "url: the URL does not begin"},
		"a wrong API": {"x", Context{URL: "amqp://h", API: "amqp://h"},
			"api: amqp:// is the broker's scheme"},
		"no broker": {"x", Context{VHost: "v"}, "needs the broker's URL"},
		"two passwords": {"x", Context{URL: "amqp://h", PasswordFile: "x", PasswordCommand: Command{"y"}},
			"both"},
	} {
		f := loadContexts(t, contexts)
		err := f.Add(c.name, c.c, false)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
		if len(f.Names()) != 2 {
			t.Errorf("%s: added all the same", name)
		}
	}
	f := loadContexts(t, contexts)
	if err := f.Add("dev", Context{URL: "amqp://h"}, true); err != nil {
		t.Errorf("replace: %v", err)
	}
}
