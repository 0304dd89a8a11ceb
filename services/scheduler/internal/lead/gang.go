package lead

import (
	"slices"
	"strconv"
	"strings"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// gangOf is the gang of a job, with the groups that the job is in.
func (b *board) gangOf(rec *record) schedule.Gang {
	g := schedule.Gang{
		ID: schedule.GangID(rec.gang.ID), Queue: schedule.QueueID(rec.set.queue),
		Cardinality: rec.gang.Cardinality, Label: rec.gang.UniformityLabel, Tier: b.tier(rec.gang.Tier),
		Min: rec.gang.Min, Want: rec.gang.Want,
	}
	if rec.gang.Group == "" {
		return g
	}
	parent := ""
	tiers, labels := strings.Split(rec.gang.GroupTiers, "/"), strings.Split(rec.gang.GroupLabels, ",")
	mins, wants := strings.Split(rec.gang.GroupMins, "/"), strings.Split(rec.gang.GroupWants, "/")
	for i, name := range strings.Split(rec.gang.Group, "/") {
		group := schedule.Group{ID: schedule.GroupID(name), Parent: schedule.GroupID(parent)}
		if parent != "" {
			group.ID = schedule.GroupID(parent + "/" + name)
		}
		if i < len(tiers) {
			group.Tier = b.tier(tiers[i])
		}
		if i < len(labels) {
			group.Label = labels[i]
		}
		if i < len(mins) {
			group.Min = members(mins[i])
		}
		if i < len(wants) {
			group.Want = members(wants[i])
		}
		g.Groups = append(g.Groups, group)
		parent = string(group.ID)
	}
	return g
}

// members is a number of members as submit took it; empty: zero.
func members(text string) uint32 {
	n, _ := strconv.ParseUint(text, 10, 32) // submit has refused what is none
	return uint32(n)
}

// tier is a tier of the configuration by its name. One that the configuration does not name
// any more binds nothing: else what was submitted under it could not be planned at all.
func (b *board) tier(name string) schedule.TierID {
	if slices.ContainsFunc(b.cfg.Tiers, func(t schedule.Tier) bool { return string(t.ID) == name }) {
		return schedule.TierID(name)
	}
	return ""
}

// gangsKept are the gangs of a snapshot as the configuration of now can plan them.
func (b *board) gangsKept(rows []schedule.GangRow) []schedule.GangRow {
	out := slices.Clone(rows)
	for i := range out {
		g := &out[i]
		g.Tier, g.Groups = b.tier(string(g.Tier)), slices.Clone(g.Groups)
		for j := range g.Groups {
			g.Groups[j].Tier = b.tier(string(g.Groups[j].Tier))
		}
	}
	return out
}

// gangRows are the gangs of a content, found by name.
type gangRows struct {
	at map[gangKey]int
	// groups are those that a gang has.
	groups map[gangKey]map[schedule.GroupID]bool
}

func newGangRows(rows []schedule.GangRow) gangRows {
	r := gangRows{at: map[gangKey]int{}, groups: map[gangKey]map[schedule.GroupID]bool{}}
	for i := range rows {
		r.note(&rows[i], i)
	}
	return r
}

func (r gangRows) note(row *schedule.GangRow, at int) {
	key := gangKey{string(row.Queue), string(row.ID)}
	r.at[key], r.groups[key] = at, map[schedule.GroupID]bool{}
	for _, g := range row.Groups {
		r.groups[key][g.ID] = true
	}
}

// add has a content have the gang of a job, and the groups that the job is in.
func (r gangRows) add(g schedule.Gang, rows []schedule.GangRow) []schedule.GangRow {
	key := gangKey{string(g.Queue), string(g.ID)}
	at, known := r.at[key]
	if !known { // no member of it could be planned before
		rows = append(rows, schedule.GangRow{Gang: g})
		r.note(&rows[len(rows)-1], len(rows)-1)
		return rows
	}
	for _, group := range g.Groups {
		if !r.groups[key][group.ID] {
			r.groups[key][group.ID] = true
			if rows[at].Min == 0 { // the gang that is known is not elastic
				group.Min, group.Want = 0, 0
			}
			rows[at].Groups = append(rows[at].Groups, group)
		}
	}
	return rows
}
