package rabbittest

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// VHost is a vhost of one test's own with one user, both deleted at the test's end.
type VHost struct {
	// Broker is where it lives.
	Broker *Broker
	// Name is the vhost's name.
	Name string
	// User may do everything in the vhost and is an administrator, unless an option says otherwise.
	// Its fields and methods are the vhost's too: v.URL, v.API, v.Client(), v.Channel(t).
	User
}

// User is an account with access to one vhost.
type User struct {
	// Login and Password are the credentials.
	Login, Password string
	// URL is the AMQP address with these credentials and the vhost.
	URL string
	// API is the management address with these credentials and no path.
	API string
}

// Option changes the user that VHost or AddUser creates.
type Option func(*account)

type account struct {
	tags      string
	perms     *permissions
	vhostBody map[string]any
	name      string
}

type permissions struct {
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

// Tags replaces the tag administrator: Tags() is a user without any, Tags("management") one without
// power.
func Tags(tags ...string) Option {
	return func(a *account) { a.tags = strings.Join(tags, ",") }
}

// Permissions replaces ".*" three times.
func Permissions(configure, write, read string) Option {
	return func(a *account) { a.perms = &permissions{configure, write, read} }
}

// NoAccess gives no permissions in the vhost at all.
func NoAccess() Option {
	return func(a *account) { a.perms = nil }
}

// VHostBody sets fields of the vhost itself ({"default_queue_type": "quorum"}).
func VHostBody(fields map[string]any) Option {
	return func(a *account) { a.vhostBody = fields }
}

// Named sets the vhost's name instead of a random one, for names with odd characters. A random
// suffix is still added.
func Named(prefix string) Option {
	return func(a *account) { a.name = prefix }
}

func newAccount(opts []Option) account {
	a := account{tags: "administrator", perms: &permissions{".*", ".*", ".*"}, vhostBody: map[string]any{},
		name: "msgctl-test"}
	for _, o := range opts {
		o(&a)
	}
	return a
}

// VHost creates a vhost and a user, and deletes both when the test ends.
func (b *Broker) VHost(tb testing.TB, opts ...Option) *VHost {
	tb.Helper()
	a := newAccount(opts)
	v := &VHost{Broker: b, Name: a.name + "-" + random()}
	admin := b.Admin().patient()
	path := Path("vhosts", v.Name)
	tb.Cleanup(func() { admin.Delete(tb, path) })
	admin.Put(tb, path, a.vhostBody)
	v.User = v.AddUser(tb, opts...)
	return v
}

// AddUser creates a further user of the vhost, and deletes it when the test ends.
func (v *VHost) AddUser(tb testing.TB, opts ...Option) User {
	tb.Helper()
	a := newAccount(opts)
	u := User{Login: "msgctl-test-" + random(), Password: rand.Text()}
	u.URL = withUser(tb, v.Broker.URL, u, "/"+url.PathEscape(v.Name))
	u.API = withUser(tb, v.Broker.API, u, "")
	admin := v.Broker.Admin()
	path := Path("users", u.Login)
	tb.Cleanup(func() { admin.Delete(tb, path) })
	admin.Put(tb, path, map[string]string{"password": u.Password, "tags": a.tags})
	if a.perms != nil {
		admin.Put(tb, Path("permissions", v.Name, u.Login), a.perms)
	}
	return u
}

// Client returns a management client with the user's credentials.
func (u User) Client() *Client { return NewClient(u.API) }

// Dial opens an AMQP connection as the user, closed when the test ends.
func (u User) Dial(tb testing.TB) *amqp.Connection {
	tb.Helper()
	conn, err := amqp.Dial(u.URL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // the test may have cut it
	return conn
}

// Channel opens a connection and a channel as the user, closed when the test ends.
func (u User) Channel(tb testing.TB) *amqp.Channel {
	tb.Helper()
	ch, err := u.Dial(tb).Channel()
	if err != nil {
		tb.Fatal(err)
	}
	return ch
}

func withUser(tb testing.TB, raw string, u User, path string) string {
	tb.Helper()
	parsed, err := url.Parse(raw)
	if err != nil {
		tb.Fatal("a broker's address is not a URL")
	}
	prefix := url.URL{Scheme: parsed.Scheme, User: url.UserPassword(u.Login, u.Password), Host: parsed.Host}
	return prefix.String() + path
}

func random() string { return strings.ToLower(rand.Text()[:12]) }
