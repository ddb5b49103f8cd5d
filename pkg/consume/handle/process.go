package handle

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/msgctl/msgctl/internal/guarded"
)

// call is a message that a process holds.
type call struct {
	tag   uint64
	sent  time.Time
	place int // in line when it was sent, from 1
	// done receives the result; nil when the process ended because of another message.
	done chan *Result
}

// process is one run of the program.
type process struct {
	name    string
	timeout time.Duration
	cmd     *exec.Cmd
	stdin   *os.File
	stderr  output
	over    chan struct{} // closed when it has ended and every call has its result
	wrote   chan struct{} // closed when nothing more is written to it

	written int64 // by the writer; to be read when wrote is closed

	mu       sync.Mutex
	toWrite  *sync.Cond
	buffer   []byte // to be written
	hungUp   bool
	calls    []*call // the oldest first
	next     uint64
	answers  int64
	heard    time.Time // the last answer
	dead     bool
	guilty   *call // the call because of which it was killed
	sentence *Result
	why      string // it ended before it read anything; "" when it did not
}

// startProcess starts the program and the goroutines that serve it.
func startProcess(l *Lines) (*process, error) {
	// It does not use a message's context: the process outlives any single message.
	p := &process{name: l.Name(), timeout: l.Timeout,
		cmd: exec.CommandContext(context.Background(), l.Argv[0], l.Argv[1:]...), over: make(chan struct{}),
		wrote: make(chan struct{})}
	p.toWrite = sync.NewCond(&p.mu)
	ownGroup(p.cmd)
	p.cmd.Env, p.cmd.Stderr, p.cmd.WaitDelay = l.Env, &p.stderr, killAfter
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	// StdinPipe does not fit: it is closed before the unread bytes can be counted.
	stdin, end, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdin, p.stdin = stdin, end
	err = p.cmd.Start()
	_ = stdin.Close()
	if err != nil {
		_ = end.Close()
		return nil, err
	}
	quit := make(chan struct{})
	guarded.Go(p.write)
	if p.timeout > 0 {
		guarded.Go(func() { p.watch(quit) })
	}
	guarded.Go(func() {
		p.read(stdout)
		close(quit)
		p.finish()
	})
	return p, nil
}

// send gives the process a message. It returns false when the process is dead.
func (p *process) send(a *Attempt) (*call, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead || p.hungUp {
		return nil, false
	}
	p.next++
	c := &call{tag: p.next, sent: time.Now(), place: len(p.calls) + 1, done: make(chan *Result, 1)}
	p.calls = append(p.calls, c)
	p.buffer = append(AppendJSON(p.buffer, c.tag, a), '\n')
	p.toWrite.Signal()
	return c, true
}

// forget gives up a call: its answer will be ignored.
func (p *process) forget(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(c)
}

func (p *process) remove(c *call) {
	if i := slices.Index(p.calls, c); i >= 0 {
		p.calls = slices.Delete(p.calls, i, i+1)
	}
}

// write writes what has accumulated since the last write. It returns when the process ends.
func (p *process) write() {
	defer close(p.wrote)
	var spare []byte
	for {
		p.mu.Lock()
		for len(p.buffer) == 0 && !p.dead && !p.hungUp {
			p.toWrite.Wait()
		}
		if p.dead || len(p.buffer) == 0 {
			dead := p.dead
			p.mu.Unlock()
			if !dead { // else it is closed at the end, when it is known what was read
				_ = p.stdin.Close()
			}
			return
		}
		out := p.buffer
		p.buffer = spare[:0]
		p.mu.Unlock()
		// the process has ended or closed its stdin: it can receive no more messages
		n, err := p.stdin.Write(out)
		p.written += int64(n)
		if err != nil {
			p.kill(nil, nil)
			return
		}
		if spare = out; cap(spare) > 1<<20 {
			spare = nil
		}
	}
}

// read reads answers until the process closes its stdout.
func (p *process) read(stdout io.Reader) {
	in := bufio.NewReaderSize(stdout, maxAnswer)
	for {
		line, err := in.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		if err != nil && !tooLong {
			return
		}
		if !bytes.HasPrefix(line, []byte("{")) {
			for errors.Is(err, bufio.ErrBufferFull) { // not an answer: skip it, however long it is
				_, err = in.ReadSlice('\n')
			}
			continue
		}
		if tooLong {
			p.accuse(fmt.Errorf("it is longer than %d bytes", maxAnswer))
			_, _ = io.Copy(io.Discard, in)
			return
		}
		a, err := parseAnswer(line)
		if err == nil {
			err = p.answer(a)
		}
		if err != nil {
			p.accuse(err)
			_, _ = io.Copy(io.Discard, in) // until it is dead
			return
		}
	}
}

func (p *process) answer(a answer) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answers++
	p.heard = time.Now()
	for i, c := range p.calls {
		if c.tag == a.tag || a.tag == 0 {
			p.calls = slices.Delete(p.calls, i, i+1)
			c.done <- &a.result
			return nil
		}
	}
	if a.tag == 0 || a.tag > p.next {
		return errors.New("it is about no message in its hands")
	}
	return nil // about one that was given up
}

// accuse kills the process because of an invalid answer.
func (p *process) accuse(why error) {
	res := Again(ErrorAnswer, fmt.Sprintf("%s answered what is no answer: %v", p.name, why))
	p.kill(nil, &res)
}

// kill ends the process. The sentence is the result for the guilty call, or for the oldest if
// guilty is nil.
func (p *process) kill(guilty *call, sentence *Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.dead {
		return
	}
	p.dead, p.guilty = true, guilty
	if sentence != nil {
		p.sentence = sentence
	}
	p.toWrite.Signal()
	_ = terminate(p.cmd)
}

// watch kills the process when it takes too long. The oldest message's time starts when the message
// was sent or at the last answer, whichever is later: before that, the process was busy with other
// messages. A message that is always overtaken has a limit of its own: the timeout times its place
// in line.
func (p *process) watch(quit <-chan struct{}) {
	tick := time.NewTicker(min(max(p.timeout/20, time.Millisecond), time.Second))
	defer tick.Stop()
	for {
		select {
		case <-quit:
			return
		case now := <-tick.C:
			if c := p.late(now); c != nil {
				res := Again(ErrorTimeout, fmt.Sprintf("%s did not answer in %s%s", p.name, p.timeout, also(p.stderr.last())))
				p.kill(c, &res)
				return
			}
		}
	}
}

func (p *process) late(now time.Time) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, c := range p.calls {
		since := c.sent
		if p.heard.After(since) {
			since = p.heard
		}
		if i == 0 && now.Sub(since) > p.timeout || now.Sub(c.sent) > time.Duration(c.place)*p.timeout {
			return c
		}
	}
	return nil
}

// finish gives every call its result: the guilty call fails, the others go to the next process.
func (p *process) finish() {
	err := p.cmd.Wait()
	killGroup(p.cmd)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.dead = true
	p.toWrite.Signal()
	p.mu.Unlock()
	unborn := p.readNothing()
	_ = p.stdin.Close()
	p.mu.Lock()
	guilty, sentence := p.guilty, p.sentence
	if unborn && sentence == nil && p.answers == 0 {
		p.why = fmt.Sprintf("%s ended (%s) before it read a message%s", p.name, ending(err), also(p.stderr.last()))
		for _, c := range p.calls {
			c.done <- nil
		}
		p.calls = nil
	}
	left := len(p.calls)
	if guilty == nil && left > 0 && !p.retired(err) {
		guilty = p.calls[0]
	}
	if sentence == nil {
		res := Again(ErrorCrash, fmt.Sprintf("%s ended with the message in hand (%s)%s", p.name, ending(err),
			also(p.stderr.last())))
		sentence = &res
	}
	for _, c := range p.calls {
		if c == guilty {
			c.done <- sentence
		} else {
			c.done <- nil
		}
	}
	p.calls = nil
	close(p.over)
}

// readNothing reports whether the process ended without reading from stdin. It returns false where
// the system cannot tell.
func (p *process) readNothing() bool {
	select {
	case <-p.wrote:
	case <-time.After(killAfter): // something it started still holds its stdin
		return false
	}
	unread, ok := unreadBytes(p.stdin)
	return ok && unread >= p.written
}

// retired reports whether the process exited normally after it had answered at least once.
func (p *process) retired(err error) bool { return err == nil && p.sentence == nil && p.answers > 0 }

func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func (p *process) ended() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead
}

func (p *process) answered() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answers
}

// stillborn returns why the process ended before it read anything, or "" if it did not.
func (p *process) stillborn() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.why
}

// hangUp closes the process's stdin once everything is written.
func (p *process) hangUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hungUp = true
	p.toWrite.Signal()
}
