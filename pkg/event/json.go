package event

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// kindOf names what a valid JSON text is, for people.
func kindOf(text []byte) string {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return "nothing"
	}
	switch text[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	}
	return "a number"
}

func asSyntax(err error, into **json.SyntaxError) bool { return errors.As(err, into) }

func jsonProblem(err *json.SyntaxError) string {
	if strings.HasPrefix(err.Error(), "unexpected end") {
		return "the JSON ends too early"
	}
	return "not JSON: " + err.Error()
}

// position returns the line and the column (in characters), both from 1, of a byte.
func position(text []byte, at int) (line, column int) {
	at = min(max(at, 0), len(text))
	before := text[:at]
	return bytes.Count(before, []byte("\n")) + 1, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
}

// clip shortens a text from outside for a message.
func clip(s string) string {
	const most = 100
	if len(s) <= most {
		return s
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}
