package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
)

// Why migrations are refused. Every one of these stops the start: to go on would
// leave a database that no list of files describes.
var (
	// ErrMigrationName says that a .sql file is not called NNNN_name.sql.
	ErrMigrationName = errors.New("migration has a wrong name")

	// ErrMigrationDuplicate says that two files have the same number, mostly
	// because two branches each added one.
	ErrMigrationDuplicate = errors.New("migration number is used twice")

	// ErrMigrationMissing says that a number between two others is not there, or
	// that the database has a migration that this program does not know: it was
	// removed, or a newer program was here before.
	ErrMigrationMissing = errors.New("migration is missing")

	// ErrMigrationEdited says that a file is not what was applied under its name.
	ErrMigrationEdited = errors.New("migration was edited or renamed after it was applied")
)

// migration is one file.
type migration struct {
	number   int
	name     string // the file's
	sql      string
	checksum string // SHA-256 of sql, in hex
	inTx     bool   // false: it says "-- no-tx" in its first line
}

// noTxLine is the first line of a file that wants no transaction.
const noTxLine = "-- no-tx"

var migrationName = regexp.MustCompile(`^([0-9]{4})_[a-z0-9_]+\.sql$`)

// readMigrations returns the .sql files of the folder in order, numbered from 1
// without a hole. Other files are left alone.
func readMigrations(files fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var all []migration
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) != ".sql" {
			continue
		}
		m, err := readMigration(files, entry.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: the folder holds no .sql file (is it the right one of the embedded folders?)", ErrMigrationMissing)
	}
	slices.SortFunc(all, func(a, b migration) int { return a.number - b.number })
	for i, m := range all {
		switch {
		case i > 0 && m.number == all[i-1].number:
			return nil, fmt.Errorf("%w: %s and %s: give the newer one the next number", ErrMigrationDuplicate, all[i-1].name, m.name)
		case m.number != i+1:
			return nil, fmt.Errorf("%w: the folder has no number %04d, but %s", ErrMigrationMissing, i+1, m.name)
		}
	}
	return all, nil
}

func readMigration(files fs.FS, name string) (migration, error) {
	match := migrationName.FindStringSubmatch(name)
	if match == nil {
		return migration{}, fmt.Errorf("%w: %s is not of the form 0001_lower_case.sql", ErrMigrationName, name)
	}
	number, err := strconv.Atoi(match[1])
	if err != nil {
		return migration{}, fmt.Errorf("%w: %s: %w", ErrMigrationName, name, err)
	}
	content, err := fs.ReadFile(files, name)
	if err != nil {
		return migration{}, fmt.Errorf("read migration: %w", err)
	}
	content = bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")) // a checkout may have changed line ends
	sum := sha256.Sum256(content)
	first, _, _ := bytes.Cut(content, []byte("\n"))
	return migration{
		number: number, name: name, sql: string(content), checksum: hex.EncodeToString(sum[:]),
		inTx: string(bytes.TrimSpace(first)) != noTxLine,
	}, nil
}
