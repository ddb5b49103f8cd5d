package cmdutil

import (
	"testing"
	"time"
)

func TestDaysValue(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "2h": 2 * time.Hour, "7d": 7 * 24 * time.Hour, "1d12h": 36 * time.Hour,
		"0.5d": 12 * time.Hour,
		"":     0, "d": 0, "-1h": 0, "0s": 0, "7": 0, "soon": 0, "1d-30h": 0, "NaNd": 0, "1e300d": 0, "-1d": 0,
	} {
		var v DurationFlag
		err := v.Set(text)
		if (err == nil) != (want != 0) || time.Duration(v) != want {
			t.Errorf("%q is %v, %v; want %v", text, time.Duration(v), err, want)
		}
	}
}
