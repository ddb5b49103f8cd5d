package rabbittest

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// VHost is a vhost for one test, with a user. Both are deleted when the test ends.
type VHost struct {
	// Broker is the broker that has the vhost.
	Broker *Broker
	// Name is the vhost's name.
	Name string
	// User has all permissions in the vhost and is an administrator, unless an option changes this.
	// It is embedded, so v.URL, v.API, v.Client() and v.Channel(t) work.
	User
}

// User is an account with access to one vhost.
type User struct {
	// Login and Password are the credentials.
	Login, Password string
	// URL is the AMQP URL with these credentials and the vhost.
	URL string
	// API is the base URL of the management API with these credentials and no path.
	API string
}

// Option is an option of VHost and AddUser.
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

// Tags replaces the default tag administrator. Tags() creates a user without tags,
// Tags("management") one without administrative rights.
func Tags(tags ...string) Option {
	return func(a *account) { a.tags = strings.Join(tags, ",") }
}

// Permissions sets the regular expressions of the three permissions in the vhost. Each defaults to
// ".*".
func Permissions(configure, write, read string) Option {
	return func(a *account) { a.perms = &permissions{configure, write, read} }
}

// NoAccess gives the user no permissions in the vhost.
func NoAccess() Option {
	return func(a *account) { a.perms = nil }
}

// VHostBody sets fields in the request that creates the vhost, such as {"default_queue_type":
// "quorum"}.
func VHostBody(fields map[string]any) Option {
	return func(a *account) { a.vhostBody = fields }
}

// Named replaces the default prefix of the vhost's name, for example to test special characters. A
// random suffix follows the prefix.
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

// VHost creates a vhost and a user, and deletes both when the test ends. It fails the test if the
// broker refuses.
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

// AddUser creates another user with access to the vhost, and deletes it when the test ends. It
// fails the test if the broker refuses.
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

// Dial opens an AMQP connection as the user. It fails the test on an error, and closes the
// connection when the test ends.
func (u User) Dial(tb testing.TB) *amqp.Connection {
	tb.Helper()
	conn, err := amqp.Dial(u.URL)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() }) // the test may have cut it
	return conn
}

// Channel opens a connection and a channel as the user. It fails the test on an error, and closes
// the connection when the test ends.
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
