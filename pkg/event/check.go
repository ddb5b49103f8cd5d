package event

import (
	"errors"
	"fmt"

	"github.com/msgctl/msgctl/pkg/message"
	"github.com/msgctl/msgctl/pkg/message/body"
)

// maxDecoded bounds what a compressed body may become.
const maxDecoded = 16 << 20

// CheckChanged says what is wrong with an event that something made of a message: it must satisfy
// the schema of its type. nil when it does, and for messages that are no business of the
// catalogue's. What was an event of a declared type, or bears the name of one, must still be an
// event of a declared type. Compressed bodies are opened.
func (c *Catalogue) CheckChanged(before, after *message.Message) error {
	e, err := readPlain(after)
	if err != nil {
		if c.declares(before) || c.declares(after) {
			return fmt.Errorf("it is no event any more: %w", err)
		}
		return nil
	}
	problems, err := c.Check(e)
	var unknown *UnknownTypeError
	switch {
	case errors.As(err, &unknown) && !c.declares(before):
		return nil
	case err != nil:
		return err
	case len(problems) == 0:
		return nil
	}
	text := e.EventType + " " + problems[0].String()
	if n := len(problems) - 1; n > 0 {
		text += fmt.Sprintf(" (and %d more)", n)
	}
	return errors.New(text)
}

// declares reports whether the message is an event of a declared type, or bears the name of one.
func (c *Catalogue) declares(m *message.Message) bool {
	if _, err := c.Type(m.Type); err == nil {
		return true
	}
	e, err := readPlain(m)
	if err != nil {
		return false
	}
	_, err = c.Type(e.EventType)
	return err == nil
}

// readPlain reads the event of a message whose body may be compressed.
func readPlain(m *message.Message) (*Envelope, error) {
	plain, encodings, err := body.Decode(m.Body, m.ContentEncoding, maxDecoded)
	if err != nil {
		return nil, err
	}
	if len(encodings) > 0 {
		c := *m
		c.Body, c.ContentEncoding = plain, ""
		m = &c
	}
	e, _, err := FromMessage(m)
	return e, err
}
