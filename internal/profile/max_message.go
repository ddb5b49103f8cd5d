package profile

import (
	"errors"

	"github.com/msgctl/msgctl/internal/units"
)

// DefaultMaxMessage is the largest body that is read unless the flag says another, in bytes: what
// brokers accept by default at most.
const DefaultMaxMessage = 128 << 20

const maxMessageFlag = "max-message-size"

// RegisterMaxMessage adds the flag of commands that read messages.
func (f *Flags) RegisterMaxMessage() {
	size := sizeFlag(DefaultMaxMessage)
	f.set.Var(&size, maxMessageFlag, "largest message body that is read; the connection ends at a larger one")
}

// maxMessage is the flag's value, or the default.
func (f *Flags) maxMessage() int64 {
	if f != nil && f.set != nil {
		if flag := f.set.Lookup(maxMessageFlag); flag != nil {
			if size, ok := flag.Value.(*sizeFlag); ok {
				return int64(*size)
			}
		}
	}
	return DefaultMaxMessage
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
