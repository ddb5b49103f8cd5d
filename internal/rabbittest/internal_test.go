package rabbittest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/msgctl/msgctl/internal/rabbittest/node"
)

func TestParseBrokers(t *testing.T) {
	good := "3.10,amqp://g:g@h:1/,http://g:g@h:2  4.0,amqps://g:g@h:3/,https://g:g@h:4/"
	got, err := parseBrokers(good)
	if err != nil || len(got) != 2 || got[0].Line != "3.10" || got[1].API != "https://g:g@h:4" {
		t.Errorf("got %v, %v", got, err)
	}
	for _, bad := range []string{" ", "4.0", "4.0,amqp://g:g@h:1/", "x,amqp://g:g@h:1/,http://g:g@h:2",
		"4.0,amqp://h:1/,http://g:g@h:2", "4.0,http://g:g@h:2,amqp://g:g@h:1/"} {
		if got, err := parseBrokers(bad); err == nil {
			t.Errorf("parseBrokers(%q) = %v; want an error", bad, got)
		}
	}
}

func TestRootOf(t *testing.T) {
	if _, err := rootOf("4.0=/no/such/root", "4.0"); err == nil || errors.Is(err, node.ErrNotInstalled) {
		t.Errorf("a named root without RabbitMQ: %v; want an error that fails the test", err)
	}
	if _, err := rootOf("4.0=/no/such/root", "1.0"); !errors.Is(err, node.ErrNotInstalled) {
		t.Errorf("a line that is nowhere: %v; want ErrNotInstalled", err)
	}
	if _, err := rootOf("nonsense", "4.0"); err == nil || errors.Is(err, node.ErrNotInstalled) {
		t.Errorf("a malformed list: %v; want an error that fails the test", err)
	}
}

func TestDeletionWithoutAnAnswerIsAskedAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if asked++; asked < 3 {
			panic(http.ErrAbortHandler) // the connection is closed without an answer
		}
		w.WriteHeader(http.StatusNotFound) // it had been deleted meanwhile
	}))
	t.Cleanup(server.Close)
	NewClient("http://guest:guest@"+server.Listener.Addr().String()).Delete(t, "/api/vhosts/x")
	if asked != 3 {
		t.Errorf("asked %d times", asked)
	}
}
