package archcheck

import (
	"cmp"
	"context"
	"fmt"
	"slices"
)

// House is the rules of a project. The zero House forbids little: packages must
// still have a doc, migrations unique numbers.
type House struct {
	Reach    []Reach
	Doors    Doors
	Names    Names
	Length   Length
	Requires []Requires
	Stepped  Stepped
}

// Finding is one fault against the rules.
type Finding struct {
	// Where is the path of a package or a file, from the project's root.
	Where string
	// Line is the line of the file; zero: there is none.
	Line int
	// Rule is the rule's name, as in the package comment.
	Rule string
	// What was found.
	What string
	// Instead is why the rule is, and the way out.
	Instead string
}

// String is the finding for a person, over two lines.
func (f Finding) String() string {
	where := f.Where
	if f.Line > 0 {
		where = fmt.Sprintf("%s:%d", f.Where, f.Line)
	}
	return fmt.Sprintf("%s: %s: %s\n\t%s", where, f.Rule, f.What, f.Instead)
}

// Check compares a tree with the rules and returns what is wrong, sorted by
// place. It fails when the go command does, and then says nothing of the tree.
func Check(ctx context.Context, tree *Tree, house House) ([]Finding, error) {
	var found []Finding
	for _, reach := range house.Reach {
		found = append(found, reach.check(tree)...)
	}
	found = append(found, house.Doors.check(tree)...)
	found = append(found, house.Names.check(tree)...)
	found = append(found, checkDocs(tree)...)
	for _, check := range []func() ([]Finding, error){
		func() ([]Finding, error) { return house.Length.check(tree) },
		func() ([]Finding, error) { return checkMigrations(tree) },
		func() ([]Finding, error) { return checkRequires(ctx, tree, house.Requires) },
		func() ([]Finding, error) { return house.Stepped.check(ctx, tree) },
	} {
		more, err := check()
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Where, b.Where), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.What, b.What))
	})
	return slices.Compact(found), nil
}
