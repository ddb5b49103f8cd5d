package terminal

import (
	"context"
	"fmt"
	"strconv"
)

// Choose shows numbered options on stderr and asks for one. It returns its index, or -1 when the
// answer was empty or no number of the list. instead is named in the error when stdin is not a
// terminal: what to type there. Otherwise as Confirm.
func (s *Streams) Choose(ctx context.Context, question string, options []string, instead string) (int, error) {
	if !s.InTTY {
		return -1, &NotInteractiveError{Question: question, Flag: instead}
	}
	for i, option := range options {
		if _, err := fmt.Fprintf(s.Err, "  %d  %s\n", i+1, Neutralise(option)); err != nil {
			return -1, fmt.Errorf("ask: %w", err)
		}
	}
	answer, err := s.ask(ctx, question, fmt.Sprintf("[1-%d, or Enter for none] ", len(options)), instead)
	if err != nil {
		return -1, err
	}
	n, err := strconv.Atoi(answer)
	if err != nil || n < 1 || n > len(options) {
		return -1, nil //nolint:nilerr // any other answer is none
	}
	return n - 1, nil
}
