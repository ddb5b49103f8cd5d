package dlq

import (
	"testing"
)

func TestPercentValue(t *testing.T) {
	for text, want := range map[string]float64{"5%": 5, "0": 0, "12.5": 12.5, "100%": 100} {
		var v percentValue
		if err := v.Set(text); err != nil || float64(v) != want {
			t.Errorf("%q is %v, %v; want %v", text, v, err, want)
		}
	}
	for _, text := range []string{"", "%", "101", "-1%", "five", "NaN"} {
		var v percentValue
		if err := v.Set(text); err == nil {
			t.Errorf("%q is %v", text, v)
		}
	}
}
