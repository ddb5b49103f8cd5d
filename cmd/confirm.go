package cmd

import (
	"errors"
)

// plainYes is --yes without a value.
const plainYes = "yes"

// declined is the error that ends a command whose question was answered with no.
func declined(ok bool) error {
	if ok {
		return nil
	}
	return errors.New("nothing was changed: the answer was no")
}
