package cmd

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// daysValue is a duration that may be written in days.
type daysValue time.Duration

// String, Set and Type make it a flag's value.
func (v *daysValue) String() string {
	if *v == 0 {
		return ""
	}
	return time.Duration(*v).String()
}

// Set reads what time.ParseDuration does, and days: 7d, 1d12h.
func (v *daysValue) Set(s string) error {
	var days float64
	rest := s
	if n, after, ok := strings.Cut(s, "d"); ok {
		var err error
		const most = 36500 // and no NaN
		if days, err = strconv.ParseFloat(n, 64); err != nil || !(days >= 0 && days <= most) {
			return errors.New("want 90s, 2h or 7d")
		}
		rest = after
	}
	var d time.Duration
	if rest != "" {
		var err error
		if d, err = time.ParseDuration(rest); err != nil {
			return errors.New("want 90s, 2h or 7d")
		}
	}
	total := time.Duration(days*float64(24*time.Hour)) + d
	if total <= 0 || s == "" {
		return errors.New("want more than nothing: 90s, 2h or 7d")
	}
	*v = daysValue(total)
	return nil
}

// Type names the value in help.
func (v *daysValue) Type() string { return "duration" }
