package project

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrations is own, the migrations of a service, with those of this package among
// them. The tables stand in the service's schema, since they move with its rows,
// and a schema has one numbered list of migrations: so the service says at which
// of its numbers each of ours is applied, oldest first.
//
//	project.Migrations(files, "0001_project.sql")
//
// A name for each of ours is required, and none that own has: else it panics, for
// it is a mistake in the code that shows at the first start.
func Migrations(own fs.FS, names ...string) fs.FS {
	ours, err := fs.ReadDir(migrationFiles, "migrations")
	if err != nil || len(ours) != len(names) {
		panic(fmt.Sprintf("project: %d names for %d migrations (%v)", len(names), len(ours), err))
	}
	joined := joined{own: own, ours: make(map[string]fs.DirEntry, len(names))}
	for i, name := range names {
		if _, err := fs.Stat(own, name); err == nil {
			panic("project: the service has a migration " + name + " of its own")
		}
		joined.ours[name] = ours[i]
	}
	return joined
}

// joined is a folder of own files and of ours under other names.
type joined struct {
	own  fs.FS
	ours map[string]fs.DirEntry
}

var _ fs.ReadDirFS = joined{}

// Open opens a file of either.
func (j joined) Open(name string) (fs.File, error) {
	if entry, ok := j.ours[name]; ok {
		return migrationFiles.Open(path.Join("migrations", entry.Name()))
	}
	return j.own.Open(name)
}

// ReadDir lists both, sorted by name.
func (j joined) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(j.own, name)
	if err != nil || name != "." {
		return entries, err
	}
	for alias, entry := range j.ours {
		entries = append(entries, renamed{entry, alias})
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

// renamed is an entry under another name.
type renamed struct {
	fs.DirEntry
	name string
}

// Name is the name in the joined folder.
func (r renamed) Name() string { return r.name }
