package topology_test

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/cmd/cmdtest"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/rabbittest"
	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

// applyCorpus applies every file: either the second plan is empty, or the first apply is refused
// before it writes anything, for the reason in corpusRefusals.
func applyCorpus(t *testing.T, n *node.Node) {
	dir := cmdtest.Corpus(t)
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in %s: %v", dir, err)
	}
	admin := rabbittest.Of(n).Admin()
	admin.Put(t, "/api/users/corpus-admin", map[string]string{"password": "corpus", "tags": "administrator"})
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { applyCorpusFile(t, n, file) })
	}
}

func applyCorpusFile(t *testing.T, n *node.Node, file string) {
	api := withLogin(t, n.API)
	client := rabbittest.NewClient(api)
	emptyNode(t, client)
	before := snapshot(t, client)
	p := cmdtest.NewProgram(t, withLogin(t, n.URL), api)
	res := p.Run("apply", "-f", file, "--yes", "--create-vhost")
	reason := corpusRefusal(filepath.Base(file), n.Line())
	if reason != "" {
		res.Want(t, cmdutil.ExitFailed, reason)
		if after := snapshot(t, client); after != before {
			t.Errorf("refused, but something was written:\n%s\n%s", before, after)
		}
		return
	}
	res.Want(t, cmdutil.ExitOK)
	p.Run("plan", "-f", file, "--detailed-exitcode").Want(t, cmdutil.ExitOK, "No changes")
}

func withLogin(t *testing.T, raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("corpus-admin", "corpus")
	return u.String()
}

// emptyNode removes what the file before has left.
func emptyNode(t *testing.T, c *rabbittest.Client) {
	type named struct {
		Name string `json:"name"`
	}
	var vhosts, users, parameters []named
	c.Get(t, "/api/vhosts", &vhosts)
	c.Get(t, "/api/users", &users)
	c.Get(t, "/api/global-parameters", &parameters)
	for _, v := range vhosts {
		c.Delete(t, rabbittest.Path("vhosts", v.Name))
	}
	for _, u := range users {
		if u.Name != "corpus-admin" {
			c.Delete(t, rabbittest.Path("users", u.Name))
		}
	}
	for _, p := range parameters {
		if strings.HasPrefix(p.Name, "msgctl.") {
			c.Delete(t, rabbittest.Path("global-parameters", p.Name))
		}
	}
	c.Put(t, rabbittest.Path("vhosts", "/"), map[string]any{})
	c.Put(t, rabbittest.Path("permissions", "/", "corpus-admin"),
		map[string]string{"configure": ".*", "write": ".*", "read": ".*"})
}

// snapshot is the broker's own export: what there is, in words that can be compared.
func snapshot(t *testing.T, c *rabbittest.Client) string {
	var all map[string]any
	c.Get(t, "/api/definitions", &all)
	return canonical(t, all)
}
