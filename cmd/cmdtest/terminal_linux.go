package cmdtest

import (
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Terminal is a msgctl under way whose three streams are a terminal.
type Terminal struct {
	*Running
	screen *os.File
}

// StartOnTerminal starts msgctl on a terminal of that many columns. All that it writes is in Stdout,
// control sequences included. Ctrl-C is sent with Type("\x03").
func (p *Program) StartOnTerminal(columns int, args ...string) *Terminal {
	p.T.Helper()
	screen, line, err := openTerminal(columns)
	if err != nil {
		p.T.Fatal(err)
	}
	r := &Terminal{Running: &Running{Cmd: p.Command(args...), done: make(chan struct{})}, screen: screen}
	r.Cmd.Env = append(r.Cmd.Env, "TERM=xterm-256color")
	r.Cmd.Stdin, r.Cmd.Stdout, r.Cmd.Stderr = line, line, line
	r.Cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	err = r.Cmd.Start()
	_ = line.Close() // msgctl has its own
	if err != nil {
		p.T.Fatal(err)
	}
	go func() {
		_, _ = io.Copy(&r.Stdout, screen) // an error is its end: nobody has the terminal open
		r.err = r.Cmd.Wait()
		close(r.done)
	}()
	p.T.Cleanup(func() {
		_ = r.Cmd.Process.Kill()
		<-r.done
		_ = screen.Close()
	})
	return r
}

// Type types on the terminal.
func (r *Terminal) Type(text string) {
	_, _ = r.screen.WriteString(text) // a program that has ended reads nothing
}

// AwaitText waits until the terminal has shown a text, two minutes at most; false when it has not.
func (r *Terminal) AwaitText(text string) bool {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if strings.Contains(r.Stdout.String(), text) {
			return true
		}
		if r.Ended() {
			return strings.Contains(r.Stdout.String(), text)
		}
	}
	return false
}

// openTerminal returns both ends of a new terminal: screen is the person's, line the program's.
func openTerminal(columns int) (screen, line *os.File, err error) {
	screen, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(screen.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		line, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 50, Col: uint16(columns)}) //nolint:gosec // few
	}
	if err != nil {
		_ = screen.Close()
		return nil, nil, fmt.Errorf("open a terminal: %w", err)
	}
	return screen, line, nil
}
