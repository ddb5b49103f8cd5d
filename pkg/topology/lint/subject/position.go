package subject

import (
	"bytes"
	"slices"

	"github.com/msgctl/msgctl/pkg/topology/diag"
	"github.com/msgctl/msgctl/pkg/topology/lint"
	"github.com/msgctl/msgctl/pkg/topology/source"
)

func (s *Subject) literal(text string) bool {
	if len(s.Files) == 0 {
		return true
	}
	return slices.ContainsFunc(s.Files, func(i source.Input) bool { return bytes.Contains(i.Data, []byte(text)) })
}

// point adds JSON Pointers to findings in JSON files.
func (s *Subject) point(list []lint.Finding) {
	wanted := map[diag.Position]bool{}
	for _, f := range list {
		wanted[f.Position] = true
	}
	pointers := map[string]map[diag.Position]string{}
	for i := range list {
		f := &list[i]
		if f.Position.Line == 0 {
			continue
		}
		if _, ok := pointers[f.Position.File]; !ok {
			pointers[f.Position.File] = s.pointers(f.Position.File, wanted)
		}
		f.Pointer = pointers[f.Position.File][f.Position]
	}
}

func (s *Subject) pointers(file string, wanted map[diag.Position]bool) map[diag.Position]string {
	i := slices.IndexFunc(s.Files, func(i source.Input) bool { return i.Name == file })
	if i < 0 || source.FormatOf(file, s.Files[i].Data) != source.JSON {
		return nil
	}
	docs, _ := source.Parse(file, s.Files[i].Data)
	if len(docs) != 1 {
		return nil
	}
	return docs[0].Pointers(wanted)
}
