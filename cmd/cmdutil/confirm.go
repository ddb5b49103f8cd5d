package cmdutil

import (
	"errors"
)

// PlainYes is --yes without a value.
const PlainYes = "yes"

// Declined is the error that ends a command whose question was answered with no.
func Declined(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("nothing was changed: not confirmed")
}
