package spec

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/msgctl/msgctl/pkg/topology/source"
)

// Off is the value of a threshold that is never reached.
const Off = -1

// offText is how the file writes it.
const offText = "off"

// Share is a part of a limit in per cent, from 1% to 100%, or Off. The file takes 80% or off.
type Share int64

const sharePattern = `^(100|[1-9][0-9]?)%$`

var shareText = regexp.MustCompile(sharePattern)

func (v *Share) decodeNode(d *decoder, n *source.Node, f field) {
	f.example = "80%"
	switch {
	case n.Kind == source.String && n.Text == offText:
		*v = Off
	case n.Kind != source.String || !shareText.MatchString(n.Text):
		d.wrongType(n, f, "a share from 1% to 100%, or off")
	default:
		share, _ := strconv.ParseInt(strings.TrimSuffix(n.Text, "%"), 10, 64)
		*v = Share(share)
	}
}

// Threshold is a number that may not be exceeded, or Off. The file takes an integer or off.
type Threshold int64

func (v *Threshold) decodeNode(d *decoder, n *source.Node, f field) {
	f.example = "100"
	i, ok := n.Value().(int64)
	switch {
	case n.Kind == source.String && n.Text == offText:
		*v = Off
	case !ok:
		d.wrongType(n, f, "an integer, or off")
	case i < 0:
		d.errorAt(n.Pos, f.label()+" cannot be negative: off is never", "", f.fix())
	default:
		*v = Threshold(i)
	}
}
