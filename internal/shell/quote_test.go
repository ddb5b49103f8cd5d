package shell_test

import (
	"testing"

	"github.com/msgctl/msgctl/internal/shell"
)

func TestQuote(t *testing.T) {
	for text, want := range map[string]string{
		"orders.dlq": "orders.dlq", "": "''", "a b": "'a b'", "it's": `'it'\''s'`, "$x": "'$x'", "a\nb": "'a\nb'",
		"exchange:X/key": "exchange:X/key", "~": "'~'",
	} {
		if got := shell.Quote(text); got != want {
			t.Errorf("%q is %s, want %s", text, got, want)
		}
	}
}
