package spec

import (
	"testing"

	"pgregory.net/rapid"
)

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]int64{"0s": 0, "250ms": 250, "5s": 5000, "1.5s": 1500, "1m": 60000,
		"1h30m": 5400000, "24h": 86400000, "7d": 604800000, "0.001s": 1, "2562047788015h": 9223372036854000000} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "s", "-5s", "5 s", "5S", "1,5s", "0.5ms", "5us", "5w", "99999999999999999999h",
		"1.s", "5s ", "٥s"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{"0B": 0, "512B": 512, "1kB": 1000, "1KB": 1000, "1KiB": 1024,
		"10MB": 10000000, "10 MB": 10000000, "1.5GiB": 1610612736, "2TB": 2000000000000, "1TiB": 1 << 40} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "10M", "10mb", "-1B", "0.5B", "1.0001kB ", "99999999999TiB", "1kB1B", "1PB"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestParseAge(t *testing.T) {
	for text, want := range map[string]string{"7D": "7D", "1Y": "1Y", "3M": "3M", "12h": "12h", "5m": "5m", "30s": "30s",
		"7d": "7D", "1h30m": "90m", "24h": "24h", "1m30s": "90s", "0s": "0s"} {
		if got, err := parseAge(text); err != nil || got != want {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "7", "7 D", "D7", "1.5h", "500ms", "7w", "-1D"} {
		if got, err := parseAge(text); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

func TestUnitsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<62).Draw(t, "n")
		if got, err := ParseDuration(FormatDuration(n)); err != nil || got != n {
			t.Errorf("%d is written as %s and read as %d, %v", n, FormatDuration(n), got, err)
		}
		if got, err := ParseSize(FormatSize(n)); err != nil || got != n {
			t.Errorf("%d is written as %s and read as %d, %v", n, FormatSize(n), got, err)
		}
	})
}

func FuzzUnits(f *testing.F) {
	for _, seed := range []string{"24h", "1.5s", "10MB", "1GiB", "7D", "1h1h1h", "00000001s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if ms, err := ParseDuration(text); err == nil {
			if again, err := ParseDuration(FormatDuration(ms)); err != nil || again != ms || ms < 0 {
				t.Errorf("%q is %d, and comes back as %d, %v", text, ms, again, err)
			}
		}
		if n, err := ParseSize(text); err == nil {
			if again, err := ParseSize(FormatSize(n)); err != nil || again != n || n < 0 {
				t.Errorf("%q is %d, and comes back as %d, %v", text, n, again, err)
			}
		}
		if age, err := parseAge(text); err == nil && !ageText().MatchString(age) {
			t.Errorf("%q becomes %q", text, age)
		}
	})
}
