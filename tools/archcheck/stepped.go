package archcheck

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Stepped is the list of what is stepped or pure, and so gives the same output
// for the same input, byte for byte.
type Stepped struct {
	Cores []Core
	// Calls are packages from outside, also generated ones, whose functions a core
	// may call. Those of the standard library it may call but for a list of its own.
	Calls []Pattern
}

// Core is a package, or a file of one, that is stepped or pure.
type Core struct {
	// Path is a package, or a file where it ends in .go. Tests are not bound.
	Path Pattern
	// Shell are files of the package that are not bound: what waits and locks for
	// the core, where both are in one package.
	Shell []string
	// Integer says that no float may stand in it: Go fuses multiply and add by
	// processor, so one input would give two answers.
	Integer bool
	// Planned says that it is not written yet. A core that is neither there nor
	// planned is a fault, and so is one that is both: the list stays true.
	Planned bool
}

// isFile says whether the core is single files.
func (c Core) isFile() bool { return strings.HasSuffix(string(c.Path), ".go") }

// covers says whether a file of a package belongs to the core.
func (c Core) covers(path, file string) bool {
	if c.isFile() {
		return c.Path.Match(path + "/" + file)
	}
	return c.Path.Match(path) && !slices.Contains(c.Shell, file)
}

// coreOf is the core that a file belongs to, if any.
func (s Stepped) coreOf(path, file string) (Core, bool) {
	for _, core := range s.Cores {
		if core.covers(path, file) {
			return core, true
		}
	}
	return Core{}, false
}

func (s Stepped) check(ctx context.Context, tree *Tree) ([]Finding, error) {
	found := s.checkList(tree)
	bound := s.bound(tree)
	if len(bound) == 0 {
		return found, nil
	}
	exports, err := exportFiles(ctx, tree, bound)
	if err != nil {
		return nil, err
	}
	files := token.NewFileSet()
	imports := importer.ForCompiler(files, "gc", exports.open)
	for _, p := range bound {
		more, err := s.checkPackage(p, files, imports)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return found, nil
}

// checkList compares the list with what is there.
func (s Stepped) checkList(tree *Tree) []Finding {
	var found []Finding
	for _, core := range s.Cores {
		there := false
		shell := slices.Clone(core.Shell)
		for _, p := range tree.Packages {
			if core.Path.Match(p.Path) {
				there = true
				shell = slices.DeleteFunc(shell, func(name string) bool { return slices.Contains(p.Files, name) })
			}
			there = there || slices.ContainsFunc(p.Files, func(file string) bool { return core.covers(p.Path, file) })
		}
		fault := func(what, instead string) {
			found = append(found, Finding{Where: string(core.Path), Rule: "stepped", What: what, Instead: instead})
		}
		switch {
		case !there && !core.Planned:
			fault("is on the list and not in the tree", "a core that moved must move on the list too, or nothing checks it.")
		case there && core.Planned:
			fault("is marked as planned and is there", "it is checked already; take the mark off, so that it cannot vanish unseen.")
		}
		for _, name := range shell {
			if there {
				fault("has no shell file "+name, "take it off the list.")
			}
		}
	}
	return found
}

// bound are the packages with a file that belongs to a core.
func (s Stepped) bound(tree *Tree) []*Package {
	var bound []*Package
	for _, p := range tree.Packages {
		if slices.ContainsFunc(p.Files, func(file string) bool { _, ok := s.coreOf(p.Path, file); return ok }) {
			bound = append(bound, p)
		}
	}
	return bound
}

// checkPackage parses and type-checks a package and walks the files of its core.
func (s Stepped) checkPackage(p *Package, files *token.FileSet, imports types.Importer) ([]Finding, error) {
	var parsed []*ast.File
	for _, name := range p.Files {
		file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse core: %w", err)
		}
		parsed = append(parsed, file)
	}
	info := &types.Info{Types: map[ast.Expr]types.TypeAndValue{}, Uses: map[*ast.Ident]types.Object{}}
	config := types.Config{Importer: imports}
	if _, err := config.Check(p.ImportPath, files, parsed, info); err != nil {
		return []Finding{unchecked(p, err)}, nil
	}
	var found []Finding
	for i, name := range p.Files {
		if core, ok := s.coreOf(p.Path, name); ok {
			w := &walker{stepped: s, core: core, where: p.Path + "/" + name, files: files, info: info}
			found = append(found, w.file(parsed[i])...)
		}
	}
	return found, nil
}

// unchecked is the finding that a core does not type-check.
func unchecked(p *Package, err error) Finding {
	finding := Finding{Where: p.Path, Rule: "stepped", What: "does not type-check: " + err.Error(), Instead: "the core cannot be judged before it builds."}
	if fault, ok := errors.AsType[types.Error](err); ok {
		at := fault.Fset.Position(fault.Pos)
		finding.Where, finding.Line, finding.What = p.Path+"/"+filepath.Base(at.Filename), at.Line, "does not type-check: "+fault.Msg
	}
	return finding
}

// exports are where the compiled forms of packages lie, by import path.
type exports map[string]string

func (e exports) open(path string) (io.ReadCloser, error) {
	if e[path] == "" {
		return nil, fmt.Errorf("no compiled form of %s", path)
	}
	return os.Open(e[path])
}

// exportFiles has the go command compile what the packages import.
func exportFiles(ctx context.Context, tree *Tree, packages []*Package) (exports, error) {
	args := []string{"list", "-e", "-export", "-deps", "-json=ImportPath,Export"}
	for _, p := range packages {
		args = append(args, p.ImportPath)
	}
	out, err := goCommand(ctx, tree.Root, args...)
	if err != nil {
		return nil, fmt.Errorf("compile what cores import: %w", err)
	}
	found := exports{}
	return found, eachListed(out, func(entry listed) error {
		found[entry.ImportPath] = entry.Export
		return nil
	})
}
