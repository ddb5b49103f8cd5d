// Package jsonnumber bounds the numbers of JSON that others wrote, before anybody computes with
// them. An exact decoder makes of 1e999999999, eleven bytes, an integer of a billion digits.
package jsonnumber

import (
	"fmt"
	"strconv"
)

const (
	// MaxDigits is how many digits a number may be written with.
	MaxDigits = 1000
	// MaxExponent is how large its exponent may be, and how small: an IEEE double ends at 308.
	MaxExponent = 1000
)

// Check returns an error that names the first number of a JSON text that is out of bounds; nil when
// there is none. The text need not be valid JSON. It takes time in proportion to its length, and no
// memory.
func Check(text []byte) error {
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '"':
			i = afterString(text, i)
		case c == '-' || c >= '0' && c <= '9':
			end := afterNumber(text, i)
			if err := check(text[i:end]); err != nil {
				return err
			}
			i = end
		default:
			i++
		}
	}
	return nil
}

// afterString returns the index behind the string that begins at i.
func afterString(text []byte, i int) int {
	for i++; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

func afterNumber(text []byte, i int) int {
	for i < len(text) {
		switch c := text[i]; {
		case c >= '0' && c <= '9', c == '-', c == '+', c == '.', c == 'e', c == 'E':
			i++
		default:
			return i
		}
	}
	return i
}

func check(number []byte) error {
	digits := 0
	for i, c := range number {
		if c == 'e' || c == 'E' {
			exponent, err := strconv.Atoi(string(number[i+1 : min(len(number), i+12)]))
			if len(number) > i+12 || err != nil || exponent > MaxExponent || exponent < -MaxExponent {
				return fmt.Errorf("the number %s is out of bounds: exponents are from -%d to %d", clip(number), MaxExponent,
					MaxExponent)
			}
			break
		}
		if c >= '0' && c <= '9' {
			digits++
		}
	}
	if digits > MaxDigits {
		return fmt.Errorf("the number %s is out of bounds: it has %d digits, and %d are the most", clip(number), digits,
			MaxDigits)
	}
	return nil
}

func clip(number []byte) string {
	const most = 24
	if len(number) <= most {
		return string(number)
	}
	return string(number[:most]) + "…"
}
