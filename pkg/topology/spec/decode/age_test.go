package decode

import "testing"

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

func FuzzParseAge(f *testing.F) {
	for _, seed := range []string{"24h", "1.5s", "7D", "1h1h1h", "00000001s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if age, err := parseAge(text); err == nil && !ageText.MatchString(age) {
			t.Errorf("%q becomes %q", text, age)
		}
	})
}
