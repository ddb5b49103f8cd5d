package terminal

import (
	"context"
	"fmt"
	"strconv"
)

// Choose lists numbered options on stderr and asks for one of them. It returns the index of the
// chosen option, or -1 if the answer is empty or not a number in the list. If stdin is not a
// terminal, it returns a *NotInteractiveError that names instead, which is what to type without a
// prompt. Choose treats ctx as Confirm does.
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
