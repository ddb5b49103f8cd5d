package terminal

import (
	"context"
	"fmt"
	"io"
	"strings"
)

// NotInteractiveError is returned where a question has nobody to answer it: stdin is not a
// terminal.
type NotInteractiveError struct {
	Question string // what would have been asked, without "[y/N]"
	Flag     string // the flag that answers it beforehand, e.g. --yes
}

// Error says what is missing; Hint what to type instead.
func (e *NotInteractiveError) Error() string {
	return fmt.Sprintf("confirmation needed, and stdin is not a terminal: %s", e.Question)
}

// Hint names the flag that makes the question unnecessary.
func (e *NotInteractiveError) Hint() string {
	return fmt.Sprintf("to continue without confirmation, add %s", e.Flag)
}

// Confirm asks a yes/no question on stderr and reads the answer from stdin. Only y or yes (any
// case) is a yes; an empty line, end of input and anything else is a no. flag is named in the error
// when stdin is not a terminal. When ctx ends first its error is returned, and one goroutine stays
// behind until stdin yields or closes: end the program soon.
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

// ConfirmName asks for a name to be typed in full, for what must not happen by a slip of the hand.
// It is true only when the answer equals name exactly, blanks around it aside. Otherwise as
// Confirm.
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
	go func() {
		line, err := readLine(s.In)
		done <- result{line, err}
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(s.Err)
		return "", ctx.Err()
	case r := <-done:
		return r.line, r.err
	}
}

// readLine reads byte by byte, because what follows the line belongs to the next reader of the
// stream.
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
