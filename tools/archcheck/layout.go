package archcheck

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Names says what packages may be called. Generated packages are not bound.
type Names struct {
	// Edges are names that every service has again.
	Edges []string
	// Empty are names that say nothing of what is inside.
	Empty []string
}

func (n Names) check(tree *Tree) []Finding {
	var found []Finding
	first := map[string]string{}
	for _, p := range tree.Packages {
		if p.Generated() || p.Name == "" {
			continue
		}
		if slices.Contains(n.Empty, p.Name) {
			found = append(found, Finding{
				Where: p.Path, Rule: "name", What: "a package called " + p.Name,
				Instead: "the name says nothing of what is inside. Name the noun it is about, or move the code to who owns the fact.",
			})
		}
		if slices.Contains(n.Edges, p.Name) {
			continue
		}
		if other, taken := first[p.Name]; taken {
			found = append(found, Finding{
				Where: p.Path, Rule: "name", What: fmt.Sprintf("package %s is also %s", p.Name, other),
				Instead: "a reader finds a thing by its noun, so a name stands for one package. Rename one of them.",
			})
			continue
		}
		first[p.Name] = p.Path
	}
	return found
}

// checkDocs asks for a package comment on each package that has code of ours.
func checkDocs(tree *Tree) []Finding {
	var found []Finding
	for _, p := range tree.Packages {
		if p.Doc == "" && len(p.Files) > 0 && !p.Generated() {
			found = append(found, Finding{
				Where: p.Path, Rule: "doc", What: "no package comment",
				Instead: "say what it is, its model, what it guarantees, and what happens when each neighbour fails.",
			})
		}
	}
	return found
}

// Length limits files written by hand, tests among them.
type Length struct {
	// LinesMax is the most a file may have; zero: no limit.
	LinesMax int
	// Ratchet are files that may be longer, and how long: this number only falls.
	Ratchet map[string]int
}

func (l Length) check(tree *Tree) ([]Finding, error) {
	var found []Finding
	long := map[string]bool{}
	for _, p := range tree.Packages {
		for _, name := range slices.Concat(p.Files, p.TestFiles, p.OtherFiles) {
			text, err := os.ReadFile(filepath.Join(p.Dir, name))
			if err != nil {
				return nil, fmt.Errorf("count lines: %w", err)
			}
			lines, file := bytes.Count(text, []byte("\n")), p.Path+"/"+name
			if l.LinesMax == 0 || lines <= l.LinesMax || generatedFile.Match(text) {
				continue
			}
			long[file] = true
			if most := max(l.LinesMax, l.Ratchet[file]); lines > most {
				found = append(found, Finding{
					Where: file, Rule: "length", What: fmt.Sprintf("%d lines, at most %d", lines, most),
					Instead: "a file is about one noun: look for the second one and give it a file of its own.",
				})
			}
		}
	}
	for file := range l.Ratchet {
		if !long[file] {
			found = append(found, Finding{
				Where: file, Rule: "length", What: fmt.Sprintf("is on the ratchet list, and not over %d lines", l.LinesMax),
				Instead: "take it off the list, so that it cannot grow again.",
			})
		}
	}
	return found, nil
}

// generatedFile is the line by which Go's tools know generated code.
var generatedFile = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// migrationName is a number, and what the migration does.
var migrationName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9]+(_[a-z0-9]+)*\.sql$`)

// checkMigrations looks into each folder called migrations. Two of one number
// have no order, and one of them would never run on somebody's database.
func checkMigrations(tree *Tree) ([]Finding, error) {
	var found []Finding
	err := filepath.WalkDir(tree.Root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		switch name := entry.Name(); {
		case path != tree.Root && (strings.HasPrefix(name, ".") || name == "bin" || name == "node_modules" || name == "testdata"):
			return fs.SkipDir
		case name == "migrations":
			more, err := migrationFaults(tree.Root, path)
			found = append(found, more...)
			return err
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for migrations: %w", err)
	}
	return found, nil
}

func migrationFaults(root, dir string) ([]Finding, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	where, err := filepath.Rel(root, dir)
	if err != nil {
		return nil, err
	}
	var found []Finding
	taken := map[string]string{}
	for _, entry := range entries {
		name := entry.Name()
		if filepath.Ext(name) != ".sql" {
			continue
		}
		number := ""
		if parts := migrationName.FindStringSubmatch(name); parts != nil {
			number = parts[1]
		}
		what := ""
		switch {
		case number == "":
			what = "is not called like 0001_what_it_does.sql"
		case taken[number] != "":
			what = "has the number of " + taken[number]
		default:
			taken[number] = name
			continue
		}
		found = append(found, Finding{
			Where: filepath.ToSlash(filepath.Join(where, name)), Rule: "migration", What: what,
			Instead: "migrations run in the order of their names, each once. Take the next free number of four digits.",
		})
	}
	return found, nil
}

// Requires says that a module needs another and what that one needs, and nothing
// else: who imports it takes on no more.
type Requires struct {
	// Module and Only are folders at the root.
	Module, Only string
}

func checkRequires(ctx context.Context, tree *Tree, rules []Requires) ([]Finding, error) {
	var found []Finding
	for _, rule := range rules {
		allowed, err := requirements(ctx, tree, rule.Only)
		if err != nil {
			return nil, err
		}
		allowed = append(allowed, modulePrefix+rule.Only)
		needed, err := requirements(ctx, tree, rule.Module)
		if err != nil {
			return nil, err
		}
		for _, module := range needed {
			if !slices.Contains(allowed, module) {
				found = append(found, Finding{
					Where: rule.Module + "/go.mod", Rule: "requires", What: "needs " + module,
					Instead: fmt.Sprintf("people import %s: it needs %s and what that needs, no more. Do without, or put what needs it into tools.", rule.Module, rule.Only),
				})
			}
		}
	}
	return found, nil
}

// requirements are the modules that a module's go.mod names.
func requirements(ctx context.Context, tree *Tree, module string) ([]string, error) {
	out, err := goCommand(ctx, tree.Root, "mod", "edit", "-json", filepath.Join(tree.Root, module, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("read %s/go.mod: %w", module, err)
	}
	var file struct {
		Require []struct {
			Path string `json:"Path"`
		} `json:"Require"`
	}
	if err := json.Unmarshal(out, &file); err != nil {
		return nil, fmt.Errorf("decode %s/go.mod: %w", module, err)
	}
	var paths []string
	for _, require := range file.Require {
		paths = append(paths, require.Path)
	}
	return paths, nil
}
