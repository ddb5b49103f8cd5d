package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/msgctl/msgctl/internal/guarded"
)

// NotInteractiveError is returned if a question cannot be asked because stdin is not a terminal.
type NotInteractiveError struct {
	Question string // what would have been asked, without "[y/N]"
	Flag     string // the flag that answers it beforehand, e.g. --yes
}

// Error implements error.
func (e *NotInteractiveError) Error() string {
	return fmt.Sprintf("confirmation needed, and stdin is not a terminal: %s", e.Question)
}

// Hint returns a sentence that names the flag to add.
func (e *NotInteractiveError) Hint() string {
	return fmt.Sprintf("to continue without confirmation, add %s", e.Flag)
}

// Confirm asks a yes/no question on stderr and reads the answer from stdin. Only "y" and "yes", in
// any case, mean yes; any other answer, an empty line and end of input mean no. If stdin is not a
// terminal, Confirm returns a *NotInteractiveError that names flag. If ctx ends first, Confirm
// returns the error of ctx. A goroutine then keeps reading stdin until a line arrives or stdin is
// closed, so the program should exit soon.
func (s *Streams) Confirm(ctx context.Context, question, flag string) (bool, error) {
	answer, err := s.ask(ctx, question, "[y/N] ", flag)
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// ConfirmName asks the user to type a name in full, to guard against accidental confirmation. It
// returns true only if the answer equals name, ignoring surrounding white space. Otherwise it
// behaves as Confirm.
func (s *Streams) ConfirmName(ctx context.Context, question, name, flag string) (bool, error) {
	answer, err := s.ask(ctx, question, fmt.Sprintf("type %s to continue: ", Neutralise(name)), flag)
	return err == nil && answer == strings.TrimSpace(name), err
}

func (s *Streams) ask(ctx context.Context, question, how, flag string) (string, error) {
	if !s.InTTY {
		return "", &NotInteractiveError{Question: question, Flag: flag}
	}
	if _, err := fmt.Fprintf(s.Err, "%s %s", question, how); err != nil {
		return "", fmt.Errorf("ask for confirmation: %w", err)
	}
	type result struct {
		line string
		err  error
	}
	done := make(chan result, 1)
	guarded.Go(func() {
		line, err := readLine(s.In)
		done <- result{line, err}
	})
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err)
		return "", ctx.Err()
	case r := <-done:
		return r.line, r.err
	}
}

// readLine reads one line, without surrounding white space. It reads byte by byte, because the
// bytes after the line belong to the next reader of the stream.
func readLine(r io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := r.Read(b[:])
		if n == 1 && b[0] == '\n' || err == io.EOF {
			return strings.TrimSpace(string(line)), nil
		}
		if err != nil {
			return "", fmt.Errorf("read the answer: %w", err)
		}
		line = append(line, b[:n]...)
	}
}
