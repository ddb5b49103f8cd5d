package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// mayNameFlags are the folders outside cmd whose texts have words like --flag, with the reason.
var mayNameFlags = map[string]string{
	"internal/render":     "the output of the commands: it is told which option helps, and says how that is typed",
	"internal/profile":    "registers the flags of connections, and names a setting by its source: flag --url",
	"internal/exporter":   "alerts, metrics and panels quote whole command lines to people who see them in Prometheus",
	"internal/promtest":   "flags of promtool and prometheus",
	"internal/rabbittest": "flags of docker and apt-get",
}

var flagInText = regexp.MustCompile(`(^|[^\w-])--[a-z][a-z-]*`)

// parseFolder calls each with every file of Go below a folder that is no test.
func parseFolder(t *testing.T, folder string, each func(path string, set *token.FileSet, f *ast.File)) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(filepath.Join("..", folder), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err == nil {
			each(filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))), set, f)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files in %s: %v", files, folder, err)
	}
}

// TestLibrariesNameNoFlags: a library says what is wrong and which of its options would help; only
// the command line knows what a flag is called.
func TestLibrariesNameNoFlags(t *testing.T) {
	for _, folder := range []string{"pkg", "internal"} {
		parseFolder(t, folder, func(path string, set *token.FileSet, f *ast.File) {
			for allowed := range mayNameFlags {
				if strings.HasPrefix(path, allowed+"/") {
					return
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if text, _ := strconv.Unquote(l.Value); flagInText.MatchString(text) && !othersFlag(text) {
						t.Errorf("%s names a flag: %s", set.Position(l.Pos()), l.Value)
					}
				}
				return true
			})
		})
	}
}

// othersFlag reports whether a text quotes a command line of another program.
func othersFlag(text string) bool {
	return strings.Contains(text, "rabbitmqctl ")
}

// TestOptionsEmbedOneLevel: options may embed others, which embed none.
func TestOptionsEmbedOneLevel(t *testing.T) {
	embeds := map[string][]string{} // by package and type
	parseFolder(t, "cmd", func(_ string, _ *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if s, ok := spec.Type.(*ast.StructType); ok {
				name := f.Name.Name + "." + spec.Name.Name
				embeds[name] = embedded(f.Name.Name, s)
			}
			return true
		})
	})
	found := 0
	for name, list := range embeds {
		if !strings.HasSuffix(name, "Options") && !strings.HasSuffix(name, "Flags") {
			continue
		}
		found++
		for _, e := range list {
			if len(embeds[e]) > 0 {
				t.Errorf("%s embeds %s, which embeds %v", name, e, embeds[e])
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d structs of options were found", found)
	}
}

func embedded(pkg string, s *ast.StructType) (list []string) {
	for _, field := range s.Fields.List {
		if len(field.Names) > 0 {
			continue
		}
		typ := field.Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		switch x := typ.(type) {
		case *ast.Ident:
			list = append(list, pkg+"."+x.Name)
		case *ast.SelectorExpr:
			if of, ok := x.X.(*ast.Ident); ok {
				list = append(list, of.Name+"."+x.Sel.Name)
			}
		}
	}
	return list
}
