package graph

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"io"

	model "github.com/msgctl/msgctl/pkg/topology/graph"
)

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

// HTML writes a page with the picture that supports panning, zooming, searching and hovering. The
// page is one file and loads nothing. Its content security policy allows only its own script, by
// its hash, so that no name in the page can become a script.
func HTML(w io.Writer, g *model.Graph) error {
	out := bufio.NewWriter(w)
	hash := sha256.Sum256([]byte(pageJS))
	fmt.Fprintf(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "+
		"content=\"width=device-width\">\n"+
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src "+
		"'sha256-%s'\">\n",
		base64.StdEncoding.EncodeToString(hash[:]))
	fmt.Fprintf(out, "<title>%s</title>\n<style>\n%s</style>\n", text(titleOf(g)), pageCSS)
	fmt.Fprintf(out, "<header><h1>%s</h1><input type=\"search\" placeholder=\"search: press /\" "+
		"aria-label=\"search\"><span id=\"count\"></span>"+
		"<button id=\"in\" title=\"enlarge (+)\">+</button><button id=\"out\" title=\"reduce "+
		"(-)\">&minus;</button><button id=\"fit\" title=\"all of it (0)\">all</button></header>\n<main>\n", text(titleOf(g)))
	newScene(g).write(out, "")
	fmt.Fprintf(out, "<aside></aside>\n</main>\n<script>%s</script>\n</html>\n", pageJS)
	return out.Flush()
}
