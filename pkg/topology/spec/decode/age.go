package decode

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/msgctl/msgctl/internal/units"
)

const (
	// AgePattern is a regular expression of the broker's form of an age.
	AgePattern = `^[0-9]+[YMDhms]$`
	// AgeDurationPattern is a duration of whole seconds.
	AgeDurationPattern = `^([0-9]+(s|m|h|d))+$`
)

var (
	ageText     = regexp.MustCompile(AgePattern)
	ageDuration = regexp.MustCompile(AgeDurationPattern)
)

// parseAge reads the age of a stream and returns it in the broker's form, such as 7D. The units are
// Y, M (months), D, h, m (minutes) and s. It also reads a duration of whole seconds.
func parseAge(s string) (string, error) {
	if ageText.MatchString(s) {
		return s, nil
	}
	ms, err := units.ParseMilliseconds(s)
	if err != nil || !ageDuration.MatchString(s) {
		advice := "write a number and one of Y, M, D, h, m, s, like 7D"
		if meant := units.MeantDuration(s); ageDuration.MatchString(meant) {
			advice = "did you mean " + meant + "?"
		}
		return "", fmt.Errorf("%.40q is not an age; %s", s, advice)
	}
	for _, u := range []struct {
		name string
		ms   int64
	}{{"D", 86_400_000}, {"h", 3_600_000}, {"m", 60_000}} {
		if ms > 0 && ms%u.ms == 0 {
			return strconv.FormatInt(ms/u.ms, 10) + u.name, nil
		}
	}
	return strconv.FormatInt(ms/1000, 10) + "s", nil
}
