package profile

import (
	"errors"

	"github.com/msgctl/msgctl/internal/units"
)

// defaultMaxMessage is the largest body that is read unless the flag says another, in bytes: what
// brokers accept by default at most.
const defaultMaxMessage = 128 << 20

const maxMessageFlag = "max-message-size"

// RegisterMaxMessage adds the flag of commands that read messages.
func (f *Flags) RegisterMaxMessage() {
	f.size = defaultMaxMessage
	f.set.Var(&f.size, maxMessageFlag, "largest message body that is read; a message with a larger one stays where it is")
}

// maxMessage is the flag's value, or the default.
func (f *Flags) maxMessage() int64 {
	if f == nil || f.size == 0 {
		return defaultMaxMessage
	}
	return int64(f.size)
}

// sizeFlag is a flag in bytes.
type sizeFlag int64

// String implements pflag.Value.
func (s *sizeFlag) String() string { return units.FormatSize(int64(*s)) }

// Set takes a size with a unit.
func (s *sizeFlag) Set(text string) error {
	n, err := units.ParseSize(text)
	if err != nil {
		return err
	}
	if n <= 0 {
		return errors.New("want a size greater than zero, like 128MiB")
	}
	*s = sizeFlag(n)
	return nil
}

// Type implements pflag.Value.
func (s *sizeFlag) Type() string { return "size" }
