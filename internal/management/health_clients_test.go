package management

import (
	"encoding/json"
	"testing"
)

// TestChannelIsYoung: only what was published 10 s ago shows that the flags of a channel are known.
func TestChannelIsYoung(t *testing.T) {
	for stats, want := range map[string]bool{
		`{"rate":0.9}`: false, // a broker without samples: it is judged by what there is
		`{"samples":[{"sample":9,"timestamp":30000}]}`:                                     true,
		`{"samples":[{"sample":9,"timestamp":30000},{"sample":0,"timestamp":20000}]}`:      true,
		`{"samples":[{"sample":9,"timestamp":30000},{"sample":9,"timestamp":25000}]}`:      true,
		`{"samples":[{"sample":9,"timestamp":30000},{"sample":9,"timestamp":20000}]}`:      false,
		`{"samples":[{"sample":9,"timestamp":30000},{"sample":8,"timestamp":20000},null]}`: false,
	} {
		var p publishJSON
		if err := json.Unmarshal([]byte(stats), &p); err != nil {
			t.Fatal(err)
		}
		if got := p.young(); got != want {
			t.Errorf("%s: young is %v", stats, got)
		}
	}
}
