package decode

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

// SharePattern is a regular expression of a Share.
const SharePattern = `^(100|[1-9][0-9]?)%$`

var shareText = regexp.MustCompile(SharePattern)

// DecodeNode reads the form of Share in a file.
func (v *Share) DecodeNode(d *Decoder, n *source.Node, f Field) {
	f.Example = "80%"
	switch {
	case n.Kind == source.String && n.Text == offText:
		*v = Off
	case n.Kind != source.String || !shareText.MatchString(n.Text):
		d.WrongType(n, f, "a share from 1% to 100%, or off")
	default:
		share, _ := strconv.ParseInt(strings.TrimSuffix(n.Text, "%"), 10, 64)
		*v = Share(share)
	}
}

// Threshold is a number that may not be exceeded, or Off. The file takes an integer or off.
type Threshold int64

// DecodeNode reads the form of Threshold in a file.
func (v *Threshold) DecodeNode(d *Decoder, n *source.Node, f Field) {
	f.Example = "100"
	i, ok := n.Value().(int64)
	switch {
	case n.Kind == source.String && n.Text == offText:
		*v = Off
	case !ok:
		d.WrongType(n, f, "an integer, or off")
	case i < 0:
		d.ErrorAt(n.Pos, f.Label()+" cannot be negative: off is never", "", f.Fix())
	default:
		*v = Threshold(i)
	}
}
