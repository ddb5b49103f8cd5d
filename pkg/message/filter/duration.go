package filter

import "github.com/msgctl/msgctl/internal/units"

// duration is the expression's function of that name.
func duration(params ...any) (any, error) {
	s, _ := params[0].(string)
	return units.ParseDuration(s)
}
