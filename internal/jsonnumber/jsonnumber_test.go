package jsonnumber_test

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"github.com/msgctl/msgctl/internal/jsonnumber"
)

func TestCheck(t *testing.T) {
	long := strings.Repeat("7", jsonnumber.MaxDigits)
	for _, good := range []string{
		"1", "-0.5e-3", `{"a":1e308,"b":[1E+1000,1e-1000]}`, `"1e999999999"`, `{"1e999999999":"\"1e999999999"}`, long, "null", "",
		`"\\",1`,
	} {
		if err := jsonnumber.Check([]byte(good)); err != nil {
			t.Errorf("%.40s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"1e999999999", "-1E+1001", "1e-1001", `{"a":[1,{"b":1e99999999999999999999}]}`, long + "7", "0." + long, `"\\",1e1001`,
		"1e00000000000000000001", "[1e1e1]",
	} {
		err := jsonnumber.Check([]byte(bad))
		if err == nil || !strings.Contains(err.Error(), "out of bounds") || len(err.Error()) > 200 {
			t.Errorf("%.40s: %v", bad, err)
		}
	}
}

// What is taken, an exact decoder computes with at once.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(`{"a":1e999999999}`))
	f.Add([]byte(`[0.1e-7,"x\"1e9",-12]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if jsonnumber.Check(text) != nil || !json.Valid(text) {
			return
		}
		d := json.NewDecoder(strings.NewReader(string(text)))
		d.UseNumber()
		for {
			token, err := d.Token()
			if err != nil {
				return
			}
			if n, ok := token.(json.Number); ok {
				if r, ok := new(big.Rat).SetString(n.String()); ok && r.Num().BitLen() > 8000 {
					t.Errorf("%s is a number of %d bits", n, r.Num().BitLen())
				}
			}
		}
	})
}
