package cmd

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
	"path"
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

// mayPanic are the folders of helpers for tests, and what guards the others.
var mayPanic = regexp.MustCompile(`^(cmd/cmdtest|internal/(guarded|rabbittest|promtest))/`)

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
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err == nil {
			each(filepath.ToSlash(strings.TrimPrefix(path, ".."+string(filepath.Separator))), set, f)
		}
		return err
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files in %s: %v", files, folder, err)
	}
}

// TestFoldersAreSmall: a folder has at most fifteen source files, so that their names can be read at
// a glance.
func TestFoldersAreSmall(t *testing.T) {
	for _, folder := range []string{"cmd", "dev", "internal", "pkg"} {
		files := map[string]int{}
		parseFolder(t, folder, func(name string, _ *token.FileSet, _ *ast.File) {
			if files[path.Dir(name)]++; files[path.Dir(name)] == 16 {
				t.Errorf("%s has more than fifteen source files", path.Dir(name))
			}
		})
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

// TestOptionsEmbedNothing: the options of a command name what they share with others, so that a
// reader sees where a flag comes from. What runs a command may embed its options: one level.
func TestOptionsEmbedNothing(t *testing.T) {
	found := 0
	parseFolder(t, "cmd", func(_ string, set *token.FileSet, f *ast.File) {
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok || !isOptions(spec.Name.Name) {
				return true
			}
			s, ok := spec.Type.(*ast.StructType)
			if !ok {
				return true
			}
			found++
			for _, field := range s.Fields.List {
				if len(field.Names) == 0 {
					t.Errorf("%s: %s embeds %s: give the field a name", set.Position(field.Pos()), spec.Name.Name,
						types.ExprString(field.Type))
				}
			}
			return true
		})
	})
	if found < 25 {
		t.Errorf("only %d structs of options were found", found)
	}
}

// longest is how many words a sentence of a comment may have.
const longest = 30

// TestCommentsAreReadable: every exported name has a comment, and a sentence says one thing. Lists
// and indented examples count as no sentences.
func TestCommentsAreReadable(t *testing.T) {
	example := regexp.MustCompile(`(?m)^(\t| {4,}).*$`)
	end := regexp.MustCompile(`[.!?](\s+|$)|\n\s*\n|\n\s*- `)
	for _, folder := range []string{"cmd", "dev", "internal", "pkg"} {
		parseFolder(t, folder, func(_ string, set *token.FileSet, f *ast.File) {
			for _, c := range f.Comments {
				for _, sentence := range end.Split(example.ReplaceAllString(c.Text(), ""), -1) {
					if n := len(strings.Fields(sentence)); n > longest {
						t.Errorf("%s: a sentence of %d words: %q", set.Position(c.Pos()), n, sentence)
					}
				}
			}
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Doc == nil && fn.Name.IsExported() && receiverIsExported(fn) {
					t.Errorf("%s: %s has no comment", set.Position(fn.Pos()), fn.Name.Name)
				}
			}
		})
	}
}

func receiverIsExported(fn *ast.FuncDecl) bool {
	return fn.Recv == nil || ast.IsExported(strings.TrimLeft(types.ExprString(fn.Recv.List[0].Type), "*"))
}

func isOptions(name string) bool {
	return strings.HasSuffix(name, "Options") || strings.HasSuffix(name, "Flags")
}

// TestLibrariesGuardGoroutines: a panic in a goroutine that nothing guards prints credentials.
func TestLibrariesGuardGoroutines(t *testing.T) {
	isGuarded := func(n ast.Expr) bool {
		c, ok := n.(*ast.CallExpr)
		return ok && strings.HasPrefix(types.ExprString(c.Fun), "guarded.")
	}
	for _, folder := range []string{"cmd", "internal", "pkg"} {
		parseFolder(t, folder, func(path string, set *token.FileSet, f *ast.File) {
			if mayPanic.MatchString(path) {
				return
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch x := n.(type) {
				case *ast.GoStmt:
					t.Errorf("%s: use guarded.Go", set.Position(x.Pos()))
				case *ast.CallExpr:
					s, ok := x.Fun.(*ast.SelectorExpr)
					if begins := ok && (s.Sel.Name == "Go" || s.Sel.Name == "TryGo" || s.Sel.Name == "AfterFunc"); begins &&
						!isGuarded(x) && !isGuarded(x.Args[len(x.Args)-1]) {
						t.Errorf("%s: pass guarded.Func or guarded.Try", set.Position(x.Pos()))
					}
				}
				return true
			})
		})
	}
}
