package consume

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/msgctl/msgctl/cmd/cmdmsg"
	"github.com/msgctl/msgctl/cmd/cmdutil"
	"github.com/msgctl/msgctl/internal/profile"
	"github.com/msgctl/msgctl/internal/shell"
	"github.com/msgctl/msgctl/internal/units"
	"github.com/msgctl/msgctl/internal/yamltext"
	"github.com/msgctl/msgctl/pkg/consume/handle"
	"github.com/msgctl/msgctl/pkg/event"
	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/filter"
)

// makeHandler creates the handler that the flags select.
func (c *consuming) makeHandler() (handle.Handler, error) {
	h := &c.consumeOptions.handler
	switch {
	case h.file != "":
		return c.table(h.file)
	case h.print:
		return c.newPrintHandler(), nil
	case h.discard:
		return handle.Discard{}, nil
	}
	handler, err := c.one(handlerSpec{
		Exec: h.exec, Persistent: h.persistent, JSON: h.input.Value == "json", HTTP: h.http, Raw: h.httpFormat.Value == "raw",
		timeout: h.timeout,
	})
	if exit := (*cmdutil.ExitError)(nil); errors.As(err, &exit) {
		err = cmdutil.UsageError(exit.Advice, "%s%w", cmdutil.Where(c.cmd), exit.Err)
	}
	return handler, err
}

// handlerSpec is one handler, as named by flags or in a handlers file.
type handlerSpec struct {
	Exec       string `yaml:"exec"`
	Persistent bool   `yaml:"persistent"`
	JSON       bool   `yaml:"json"`
	HTTP       string `yaml:"http"`
	Raw        bool   `yaml:"raw"`
	Discard    bool   `yaml:"discard"`
	Timeout    string `yaml:"timeout"`
	timeout    time.Duration
}

func (c *consuming) one(s handlerSpec) (handle.Handler, error) {
	switch {
	case cmdutil.CountTrue(s.Exec != "", s.HTTP != "", s.Discard) != 1:
		return nil, errors.New("want one of exec, http and discard")
	case s.Discard:
		return handle.Discard{}, nil
	case s.HTTP != "":
		u, err := url.Parse(s.HTTP)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, cmdutil.UsageError("http://localhost:8080/orders", "%q is not the URL of an HTTP endpoint",
				cmdutil.Clean(s.HTTP))
		}
		h := handle.NewHTTP(u, c.concurrency)
		h.Raw, h.Timeout = s.Raw, s.timeout
		return h, nil
	}
	argv, err := shellCommand(s.Exec)
	if err != nil {
		return nil, err
	}
	if err := c.findProgram(s.Exec); err != nil {
		return nil, err
	}
	name := "exec " + firstWord(s.Exec)
	if s.Persistent {
		return &handle.Lines{Argv: argv, Env: c.environment(), Timeout: s.timeout, Label: name}, nil
	}
	return &handle.Exec{Argv: argv, Env: c.environment(), JSON: s.JSON, Timeout: s.timeout, Label: name}, nil
}

// environment is what a handler inherits: everything except msgctl's own credentials, unless
// --pass-env names them.
func (c *consuming) environment() []string {
	own := profile.CredentialVariables()
	return slices.DeleteFunc(os.Environ(), func(setting string) bool {
		name, _, _ := strings.Cut(setting, "=")
		return slices.Contains(own, name) && !slices.Contains(c.consumeOptions.handler.passEnv, name)
	})
}

// shellCommand runs a command line through the shell, as on a terminal.
func shellCommand(line string) ([]string, error) {
	argv := []string{"sh", "-c", line}
	if runtime.GOOS == "windows" {
		argv = []string{"cmd", "/c", line}
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, fmt.Errorf("run a command: %w", err)
	}
	return argv, nil
}

// plainWord is a word that a shell takes as it stands.
var plainWord = regexp.MustCompile(`^[\w./+-]+$`)

// findProgram returns an error if the shell does not find the first word of a command line, so that
// no message is taken for a handler that is not there. What only the shell can tell is left to it.
func (c *consuming) findProgram(line string) error {
	words := strings.Fields(line)
	if len(words) == 0 || !plainWord.MatchString(words[0]) || runtime.GOOS == "windows" {
		return nil
	}
	find := exec.Command("sh", "-c", `command -v -- "$1"`, "sh", words[0]) //nolint:noctx // it ends at once
	find.Env = c.environment()
	info, err := os.Stat(words[0])
	isPath, isFile := strings.Contains(words[0], "/"), err == nil && !info.IsDir()
	locked := isPath && isFile && info.Mode().Perm()&0o111 == 0
	var exit *exec.ExitError
	if !locked && !errors.As(find.Run(), &exit) {
		return nil
	}
	text := words[0] + " is no command that the shell finds: a handler that cannot start would handle no message"
	switch {
	case locked:
		return cmdutil.UsageError("chmod +x "+shell.Quote(words[0]), "%s; it is not executable", text)
	case isPath:
		return cmdutil.UsageError("check the path; it begins at the directory where msgctl runs", "%s", text)
	case isFile:
		return cmdutil.UsageError("name its path: ./"+words[0], "%s", text)
	}
	return cmdutil.UsageError("name its path, as in ./"+words[0]+", or install it", "%s", text)
}

// firstWord returns a command without its arguments, which may hold secrets. Leading variable
// assignments are skipped.
func firstWord(line string) string {
	for _, w := range strings.Fields(line) {
		if !strings.Contains(w, "=") {
			return w[strings.LastIndexByte(w, '/')+1:]
		}
	}
	return "command"
}

// maxHandlersFile limits the size of the handlers file, in bytes.
const maxHandlersFile = 1 << 20

// table reads a handlers file, which maps event types, or * for all others, to handlers.
func (c *consuming) table(name string) (handle.Handler, error) {
	text, err := c.proc.ReadFile(name, maxHandlersFile)
	if err != nil {
		return nil, cmdutil.CannotRead("the handlers", err)
	}
	var specs map[string]handlerSpec
	const example = "order.created: { exec: ./handle-order }"
	if err := yamltext.DecodeFile(name, text, &specs); err != nil {
		return nil, cmdutil.UsageError(example, "%w", err)
	}
	if len(specs) == 0 {
		return nil, cmdutil.UsageError(example, "handlers in %s: there are none", name)
	}
	t := &handle.Table{ByType: map[string]handle.Handler{}, Unknown: map[string]handle.Verdict{
		"ack": handle.Handled, "retry": handle.Retry, "dead-letter": handle.DeadLetter,
	}[c.consumeOptions.handler.unknown.Value]}
	for _, typ := range slices.Sorted(maps.Keys(specs)) {
		s := specs[typ]
		s.timeout = c.consumeOptions.handler.timeout
		if s.Timeout != "" {
			if s.timeout, err = units.ParseDuration(s.Timeout); err == nil && s.timeout < 0 {
				err = fmt.Errorf("%q is negative", s.Timeout)
			}
			if err != nil {
				return nil, cmdutil.UsageError("timeout: 30s", "handlers in %s: %s: timeout: %w", name, typ, err)
			}
		}
		if t.ByType[typ], err = c.one(s); err != nil {
			advice := example
			if exit := (*cmdutil.ExitError)(nil); errors.As(err, &exit) {
				advice = exit.Advice
			}
			return nil, cmdutil.UsageError(advice, "handlers in %s: %s: %w", name, typ, err)
		}
	}
	c.warnUnknownTypes(specs)
	return t, nil
}

// warnUnknownTypes warns about handlers for types that the topology file does not declare.
func (c *consuming) warnUnknownTypes(specs map[string]handlerSpec) {
	if c.known == nil {
		return
	}
	for typ := range specs {
		if _, err := c.known.Catalogue.Type(typ); err != nil && typ != "*" {
			c.proc.Warn("--handlers: " + err.Error())
		}
	}
}

// typer returns the type of a message and refuses an event that violates its schema.
func (c *consuming) typer() func(*message.Message) (string, *handle.Result) {
	h := &c.consumeOptions.handler
	check := c.known != nil && !h.unchecked && c.mayFail()
	if !check && h.file == "" {
		return nil // the type property is enough for logs and metrics
	}
	return func(m *message.Message) (string, *handle.Result) {
		if !check && m.Type != "" {
			return m.Type, nil
		}
		e, _, err := event.FromMessage(m)
		if err == nil && !check {
			return e.EventType, nil
		}
		if check {
			if wrong := invalid(c.known, m, e, err); wrong != nil {
				return m.Type, wrong
			}
		}
		if err != nil {
			return m.Type, nil
		}
		return e.EventType, nil
	}
}

// invalid validates a message against the catalogue. It returns nil if the message is valid or the
// catalogue does not declare its type. A message with a declared type that is not an event is
// invalid.
func invalid(d *cmdutil.Declared, m *message.Message, e *event.Envelope, err error) *handle.Result {
	if err != nil {
		if _, unknown := d.Catalogue.Type(m.Type); unknown == nil {
			res := handle.Never(handle.ErrorInvalid, fmt.Sprintf("%s is not an event: %v", m.Type, err))
			return &res
		}
		return nil
	}
	problems, err := d.Catalogue.Check(e)
	if err != nil || len(problems) == 0 {
		return nil // or the type is not declared
	}
	text := problems[0].String()
	if n := len(problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	res := handle.Never(handle.ErrorInvalid, e.EventType+" "+text)
	return &res
}

// orderKey returns the key function of --ordered-by, or nil.
func (o *consumeOptions) orderKey() (func(*message.Message) string, error) {
	switch o.orderedBy {
	case "":
		return nil, nil
	case "aggregateId":
		return func(m *message.Message) string {
			e, _, err := event.FromMessage(m)
			if err != nil {
				return ""
			}
			return e.AggregateID
		}, nil
	}
	key, err := filter.CompileKey(o.orderedBy, filter.Options{})
	if err != nil {
		return nil, cmdmsg.ExpressionError(o.cmd, "--ordered-by", err)
	}
	return func(m *message.Message) string {
		values := key.AppendValues(nil, m)
		if strings.Join(values, "") == "" {
			return ""
		}
		return strings.Join(values, "\x00")
	}, nil
}
