package cmd

import (
	"testing"
	"time"
)

func TestDaysValue(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "2h": 2 * time.Hour, "7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour, "0.5d": 12 * time.Hour,
		"": 0, "d": 0, "-1h": 0, "0s": 0, "7": 0, "soon": 0, "1d-30h": 0, "NaNd": 0, "1e300d": 0, "-1d": 0,
	} {
		var v daysValue
		err := v.Set(text)
		if (err == nil) != (want != 0) || time.Duration(v) != want {
			t.Errorf("%q is %v, %v; want %v", text, time.Duration(v), err, want)
		}
	}
}

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
