package management

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/msgctl/msgctl/internal/refusal"
)

// addressRemedy stands for the reason that the command completes with the flag for the address.
const addressRemedy = "the address's remedy"

// A server that is no broker, or a hostile one, must not hang the client, exhaust it or be
// believed.
func TestHostileServers(t *testing.T) {
	text := func(status int, kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	endless := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `[{"name":"`)
		block := strings.Repeat("x", 1<<20)
		for range 1000 {
			if _, err := io.WriteString(w, block); err != nil {
				return
			}
		}
	}
	cases := map[string]struct {
		handler http.HandlerFunc
		words   []string
	}{
		"web page":    {text(200, "text/html", "<html>Welcome to nginx</html>"), []string{"text/html", addressRemedy}},
		"error page":  {text(404, "text/html", "<html>Not Found</html>"), []string{addressRemedy}},
		"forbidden":   {text(403, "text/html", "<html>Forbidden</html>"), []string{"refused the login"}},
		"bad gateway": {text(502, "text/html", "<html>Bad gateway</html>"), nil},
		"redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://sso.example.org/", http.StatusFound)
		}, []string{"redirect", "sso.example.org"}},
		"empty":         {text(200, "application/json", ""), nil},
		"a number":      {text(200, "application/json", "7"), []string{"not what RabbitMQ"}},
		"wrong types":   {text(200, "application/json", `[{"name":7,"tags":{}}]`), []string{"not what RabbitMQ"}},
		"cut":           {text(200, "application/json", `[{"name":"a"},{"na`), nil},
		"deep":          {text(200, "application/json", strings.Repeat("[", 100000)), []string{"not what RabbitMQ"}},
		"escape codes":  {text(400, "application/json", `{"error":"\u001b[2J","reason":["\u001b[31m",{"a":1}]}`), nil},
		"never answers": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, []string{"no answer in"}},
		"endless":       {endless, []string{"longer than 8 MiB"}},
		"slow": {func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "[")
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, []string{"no answer in"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(tc.handler)
			defer server.Close()
			defer server.CloseClientConnections()
			timeout := time.Minute // however slow the machine is
			if name == "never answers" || name == "slow" {
				timeout = 2 * time.Second
			}
			c, err := New(Options{URL: server.URL, User: "u", Password: "pa55", Timeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			c.limit = 8 << 20
			defer c.Close()
			_, err = c.ReadLive(t.Context(), Scope{VHosts: []string{"v"}})
			if err == nil {
				t.Fatal("no error")
			}
			for _, w := range tc.words {
				if w == addressRemedy {
					if refusal.RemedyOf(err) != refusal.APIAddress {
						t.Errorf("%q does not say that the address may be wrong", err)
					}
					continue
				}
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q does not say %q", err, w)
				}
			}
			if strings.ContainsAny(err.Error(), "\x1b<") || strings.Contains(err.Error(), "pa55") {
				t.Errorf("%q", err)
			}
		})
	}
}

// An element without any of the columns is an empty array: it is nobody. A field of another type is
// named, with the list that it is in.
func TestOddElementsOfLists(t *testing.T) {
	answer := `[[],{"name":"a"},[]]`
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL, User: "u", Password: "p", Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	type named struct {
		Name string `json:"name"`
	}
	var names []string
	read := func() error {
		return list(t.Context(), c, "queues/v", func(n *named) error { names = append(names, n.Name); return nil })
	}
	if err := read(); err != nil || len(names) != 1 || names[0] != "a" {
		t.Errorf("%v %v", names, err)
	}
	answer = `[{"name":{}}]`
	if err := read(); err == nil || !strings.Contains(err.Error(), "/api/queues/v: the field name is an object") {
		t.Errorf("%v", err)
	}
}
