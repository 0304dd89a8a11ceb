package archcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// modulePrefix is what every module path of the project begins with.
const modulePrefix = "github.com/fairlead-batch/fairlead/"

// Tree is what the go command says of a workspace: its packages, and all that
// they import. It is read only once loaded.
type Tree struct {
	// Root is the folder of go.work, absolute.
	Root string
	// Packages are those of the workspace's modules, sorted by path.
	Packages []*Package

	all map[string]*Package // by path, the standard library's too
}

// Package is one package of a [Tree].
type Package struct {
	// Path is the import path; of a package of ours, its part behind the project's
	// prefix, which is its folder in the tree.
	Path string
	// ImportPath is the path as it stands in an import.
	ImportPath string
	// Name is the name in its package clause.
	Name string
	// Doc is the first sentence of the package comment; empty where there is none.
	Doc string
	// Dir is the folder, absolute.
	Dir string
	// Std says that it is the standard library's.
	Std bool
	// Files, TestFiles and OtherFiles are file names in Dir: those built here, tests
	// inside and outside of the package, and those left out by a build constraint.
	Files, TestFiles, OtherFiles []string
	// Imports and TestImports are paths, sorted.
	Imports, TestImports []string
}

// Generated says that a generator writes the package: it lies in a gen folder.
func (p *Package) Generated() bool {
	return slices.Contains(strings.Split(p.Path, "/"), "gen")
}

// Load reads the workspace whose go.work lies in root. It fails when the go
// command does, or when a package of ours cannot be read.
func Load(ctx context.Context, root string) (*Tree, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("find root: %w", err)
	}
	patterns, err := modulePatterns(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("read go.work: %w", err)
	}
	args := append([]string{"list", "-e", "-deps", "-json=" + listFields}, patterns...)
	out, err := goCommand(ctx, root, args...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	tree := &Tree{Root: root, all: map[string]*Package{}}
	if err := eachListed(out, tree.add); err != nil {
		return nil, err
	}
	slices.SortFunc(tree.Packages, func(a, b *Package) int { return strings.Compare(a.Path, b.Path) })
	return tree, nil
}

// listFields are the fields of listed that a tree is made from; the go command
// computes no others.
const listFields = "ImportPath,Name,Doc,Dir,Standard,GoFiles,CgoFiles,IgnoredGoFiles,TestGoFiles,XTestGoFiles,Imports,TestImports,XTestImports,Error"

// listed is one package as the go command prints it.
type listed struct {
	ImportPath     string   `json:"ImportPath"`
	Name           string   `json:"Name"`
	Doc            string   `json:"Doc"`
	Dir            string   `json:"Dir"`
	Standard       bool     `json:"Standard"`
	Export         string   `json:"Export"`
	GoFiles        []string `json:"GoFiles"`
	CgoFiles       []string `json:"CgoFiles"`
	IgnoredGoFiles []string `json:"IgnoredGoFiles"`
	TestGoFiles    []string `json:"TestGoFiles"`
	XTestGoFiles   []string `json:"XTestGoFiles"`
	Imports        []string `json:"Imports"`
	TestImports    []string `json:"TestImports"`
	XTestImports   []string `json:"XTestImports"`
	Error          *struct {
		Err string `json:"Err"`
	} `json:"Error"`
}

// eachListed decodes what go list printed, package by package.
func eachListed(out []byte, take func(listed) error) error {
	decoder := json.NewDecoder(bytes.NewReader(out))
	for {
		var entry listed
		if err := decoder.Decode(&entry); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("decode package list: %w", err)
		}
		if err := take(entry); err != nil {
			return err
		}
	}
}

// add takes a package over. Only one of ours may not fail to load: what is wrong
// in others shows in the build.
func (t *Tree) add(entry listed) error {
	path, ours := strings.CutPrefix(entry.ImportPath, modulePrefix)
	if ours && entry.Error != nil {
		return fmt.Errorf("load %s: %s", path, entry.Error.Err)
	}
	p := &Package{
		Path:        path,
		ImportPath:  entry.ImportPath,
		Name:        entry.Name,
		Doc:         entry.Doc,
		Dir:         entry.Dir,
		Std:         entry.Standard,
		Files:       slices.Concat(entry.GoFiles, entry.CgoFiles),
		TestFiles:   slices.Concat(entry.TestGoFiles, entry.XTestGoFiles),
		OtherFiles:  entry.IgnoredGoFiles,
		Imports:     paths(entry.Imports),
		TestImports: paths(slices.Concat(entry.TestImports, entry.XTestImports)),
	}
	t.all[path] = p
	if ours {
		t.Packages = append(t.Packages, p)
	}
	return nil
}

// paths cuts our prefix off import paths, sorts them and drops doubles.
func paths(imports []string) []string {
	out := make([]string, 0, len(imports))
	for _, path := range imports {
		out = append(out, strings.TrimPrefix(path, modulePrefix))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// modulePatterns are the go command's patterns for all packages of each module.
func modulePatterns(ctx context.Context, root string) ([]string, error) {
	out, err := goCommand(ctx, root, "work", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var work struct {
		Use []struct {
			DiskPath string `json:"DiskPath"`
		} `json:"Use"`
	}
	if err := json.Unmarshal(out, &work); err != nil {
		return nil, fmt.Errorf("decode: %w", err)
	}
	var patterns []string
	for _, use := range work.Use {
		patterns = append(patterns, "./"+filepath.ToSlash(filepath.Clean(use.DiskPath))+"/...")
	}
	return patterns, nil
}

// goCommand runs the go command in dir, in the workspace there, and returns what
// it printed. Its error carries what it complained about.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PWD="+dir, "GOWORK="+filepath.Join(dir, "go.work"))
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
