package schedule

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// GroupDepthMax is how deep groups are nested at most.
const GroupDepthMax = 8

// noGroup is the group of a job that is in none of its gang.
const noGroup int32 = -1

// groupRow is a group of a gang.
type groupRow struct {
	Group
	parent int32
	depth  int
	// bound is how its jobs are bound; none: only as its parent's are.
	bound int32
	// done are those of its own members that ended of themselves, in an elastic gang.
	done int32
}

// groupOf is the handle of a group in its gang; noGroup where it has none of that name.
func (s *State) groupOf(gang int32, id GroupID) int32 {
	if gang == none || id == "" {
		return noGroup
	}
	if group, is := s.gangs[gang].groupOf[id]; is {
		return group
	}
	return noGroup
}

// groupID is the name of a group; empty for noGroup.
func (g *gang) groupID(group int32) GroupID {
	if group == noGroup {
		return ""
	}
	return g.groups[group].ID
}

// content is the gang as it was told of, its groups by name.
func (g *gang) content() Gang {
	out := g.Gang
	for i := range g.groups {
		out.Groups = append(out.Groups, g.groups[i].Group)
	}
	slices.SortFunc(out.Groups, func(a, b Group) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// newGroups are the groups that a gang is to get, each behind its parent. Those that it has
// stay as they are. A group must be part of one that is known, or of the gang, which is told
// with a least.
func (s *State) newGroups(g *gang, told []Group, least uint32) (rows []groupRow, err error) {
	at := map[GroupID]int32{}
	find := func(id GroupID) (int32, int, bool) {
		if group, is := g.groupOf[id]; is {
			return group, g.groups[group].depth, true
		}
		group, is := at[id]
		if !is {
			return noGroup, 0, id == ""
		}
		return group, rows[int(group)-len(g.groups)].depth, true
	}
	for left := told; len(left) > 0; {
		var orphans []Group
		for _, group := range left {
			if _, _, is := find(group.ID); is && group.ID != "" {
				continue
			}
			parent, depth, is := find(group.Parent)
			if !is {
				orphans = append(orphans, group)
				continue
			}
			if group.ID == "" || !s.knowsTier(group.Tier) || depth == GroupDepthMax {
				return nil, fmt.Errorf("%w: group %q at depth %d of tier %q: it needs a name and a known tier, at a depth of at most %d",
					ErrInvalid, group.ID, depth+1, group.Tier, GroupDepthMax)
			}
			if group.Want > 0 && group.Min > group.Want || least == 0 && !g.isElastic() && max(group.Min, group.Want) > 0 {
				return nil, fmt.Errorf("%w: group %q of at least %d and at most %d members: the gang must have a least, and no least be above a most",
					ErrInvalid, group.ID, group.Min, group.Want)
			}
			if !g.isElastic() {
				group.Min, group.Want = 0, 0 // the gang is known, and is none
			}
			at[group.ID] = int32(len(g.groups) + len(rows)) //nolint:gosec // below 2^31
			rows = append(rows, groupRow{Group: group, parent: parent, depth: depth + 1})
		}
		if len(orphans) == len(left) {
			return nil, fmt.Errorf("%w: group %q is part of %q, which is not known", ErrInvalid, left[0].ID, left[0].Parent)
		}
		left = orphans
	}
	return rows, nil
}

// addGroups gives a gang groups.
func (s *State) addGroups(g *gang, rows []groupRow) {
	if len(rows) > 0 && g.groupOf == nil {
		g.groupOf = map[GroupID]int32{}
	}
	for _, row := range rows {
		row.bound = s.bindingFor(row.Tier, row.Label)
		g.groupOf[row.ID] = int32(len(g.groups)) //nolint:gosec // below 2^31
		g.groups = append(g.groups, row)
	}
}

func (g *gang) clone() {
	g.queued, g.runs = slices.Clone(g.queued), slices.Clone(g.runs)
	g.groups, g.groupOf = slices.Clone(g.groups), maps.Clone(g.groupOf)
	g.roundGang = roundGang{}
}
