package units

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseMilliseconds(t *testing.T) {
	for text, want := range map[string]int64{"0s": 0, "250ms": 250, "5s": 5000, "1.5s": 1500, "1m": 60000,
		"1h30m": 5400000, "24h": 86400000, "7d": 604800000, "0.001s": 1, "2562047788015h": 9223372036854000000} {
		if got, err := ParseMilliseconds(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "5", "s", "-5s", "5 s", "5S", "1,5s", "0.5ms", "5us", "5w", "99999999999999999999h",
		"1.s", "5s ", "٥s"} {
		if got, err := ParseMilliseconds(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestMeant(t *testing.T) {
	for text, want := range map[string]string{"24hours": "24h", "1 day": "1d", "5 min": "5m", "1w": "7d", "2 Weeks": "14d",
		"1 hour, 30 minutes": "1h30m", "250 MSECS": "250ms", "1 fortnight": "", "": "", "x5s": "", "5": "", "1h 1h1": "",
		strings.Repeat("9", 200) + "hours": ""} {
		if got := MeantDuration(text); got != want {
			t.Errorf("%.20q: %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"10mb": "10MB", "10M": "10MB", "1.5 gigabytes": "1.5GB", "64Ki": "64KiB",
		"10": "", "10 x": "", "": "", "1k1k": ""} {
		if got := MeantSize(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	_, err := ParseMilliseconds("24hours")
	_, sizeErr := ParseSize("10mb")
	if want := `"24hours" is not a duration; did you mean 24h?; "10mb" is not a size; did you mean 10MB?`; want !=
		fmt.Sprint(err, "; ", sizeErr) {
		t.Error(err, sizeErr)
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

func TestFormatMilliseconds(t *testing.T) {
	for ms, want := range map[int64]string{
		0: "0s", 250: "250ms", 5_000: "5s", 5_400_000: "1h30m", 86_400_000: "24h", 90_061_001: "25h1m1s1ms",
		-1_500:        "-1s500ms",
		math.MinInt64: "-2562047788015h12m55s808ms",
	} {
		if got := FormatMilliseconds(ms); got != want {
			t.Errorf("FormatMilliseconds(%d) = %q, want %q", ms, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		ms := rapid.Int64Range(-9e12, 9e12).Draw(t, "ms")
		back, err := time.ParseDuration(FormatMilliseconds(ms))
		if err != nil || back != time.Duration(ms)*time.Millisecond {
			t.Fatalf("%d ms -> %s -> %v, %v", ms, FormatMilliseconds(ms), back, err)
		}
	})
}

func TestFormatSize(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0B", 1: "1B", 1000: "1kB", 1024: "1KiB", 1536: "1536B", 10_000_000: "10MB", 1 << 20: "1MiB", 3 << 29: "1536MiB",
		1_234_567: "1234567B", 5 << 30: "5GiB", 2e12: "2TB", -2048: "-2KiB", 1024 * 1000: "1000KiB",
	} {
		if got := FormatSize(n); got != want {
			t.Errorf("FormatSize(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestUnitsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(0, 1<<62).Draw(t, "n")
		if got, err := ParseMilliseconds(FormatMilliseconds(n)); err != nil || got != n {
			t.Errorf("%d is written as %s and read as %d, %v", n, FormatMilliseconds(n), got, err)
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
		if ms, err := ParseMilliseconds(text); err == nil {
			if again, err := ParseMilliseconds(FormatMilliseconds(ms)); err != nil || again != ms || ms < 0 {
				t.Errorf("%q is %d, and comes back as %d, %v", text, ms, again, err)
			}
		}
		if n, err := ParseSize(text); err == nil {
			if again, err := ParseSize(FormatSize(n)); err != nil || again != n || n < 0 {
				t.Errorf("%q is %d, and comes back as %d, %v", text, n, again, err)
			}
		}
	})
}

func TestParseDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"90s": 90 * time.Second, "2h30m": 150 * time.Minute,
		"7d": 7 * 24 * time.Hour, "1w2d": 9 * 24 * time.Hour, "1.5d": 36 * time.Hour, " 1h ": time.Hour,
		"-1d": -24 * time.Hour} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "d", "7", "soon", "1d-30h", "NaNd", "1e300d", "1000000000w"} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestRoundedSizes(t *testing.T) {
	for n, want := range map[int64][2]string{
		0: {"0 B", "0 B"}, 999: {"999 B", "999 B"}, 1000: {"1.0 kB", "1000 B"}, 1024: {"1.0 kB", "1.0 KiB"},
		1234: {"1.2 kB", "1.2 KiB"}, 16_800_000: {"16.8 MB", "16 MiB"}, 970_981_376: {"971.0 MB", "926 MiB"},
		10_093_173_145: {"10.1 GB", "9.4 GiB"}, 5e15: {"5000.0 TB", "4547 TiB"},
	} {
		if got := [2]string{RoundSize(n), RoundMemory(n)}; got != want {
			t.Errorf("%d bytes are %q, want %q", n, got, want)
		}
	}
}
