package schedule_test

import (
	"fmt"
	"strings"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// reserveConfig reads what the configuration says of reservations.
func (s *script) reserveConfig(c command) {
	s.t.Helper()
	if v := c.value("reserveafter"); v != "" {
		s.cfg.ReserveAfter = int64(seconds(number(s.t, v)))
		s.cfg.ReservationsMax = 1
	}
	if v := c.value("reservations"); v != "" {
		s.cfg.ReservationsMax = int(number(s.t, v))
	}
}

// lasts reads how long jobs of a shape run.
func (s *script) lasts(c command, shape *schedule.Shape) {
	s.t.Helper()
	if v := c.value("limit"); v != "" {
		shape.Limit = int32(number(s.t, v))
	}
	if v := c.value("expect"); v != "" {
		shape.Expect = int32(number(s.t, v))
	}
}

// unreserve and reserve make facts of what the newest plan says of reservations.
func (s *script) unreserve() {
	for _, name := range s.plan.Unreserves {
		s.apply(schedule.ReservationGone{Job: name})
	}
}

func (s *script) reserve() {
	for _, r := range s.plan.Reservations {
		s.apply(schedule.ReservationSet{Reservation: r})
	}
}

// assumeReserved lays it over the state, settleReserved makes facts of it then.
func (s *script) assumeReserved() {
	for _, name := range s.plan.Unreserves {
		s.decisions[unreserved(name)] = s.state.AssumeUnreserved(name)
	}
	for _, r := range s.plan.Reservations {
		id, err := s.state.AssumeReserved(r)
		s.decided(schedule.RunID(r.Job), id, err)
	}
}

func (s *script) settleReserved() {
	s.unreserve()
	for _, name := range s.plan.Unreserves {
		s.state.Settled(s.decisions[unreserved(name)])
	}
	s.reserve()
	for _, r := range s.plan.Reservations {
		s.state.Settled(s.decisions[schedule.RunID(r.Job)])
	}
}

// unreserved is the name under which the end of a reservation is assumed.
func unreserved(name schedule.JobID) schedule.RunID { return runID("no." + text(name)) }

func (s *script) sayReservations() {
	for _, name := range s.plan.Unreserves {
		s.say("unreserve %s", text(name))
	}
	for _, r := range s.plan.Reservations {
		s.say("reserve %s", reservation(r))
	}
}

// reservation is one in words.
func reservation(r schedule.Reservation) string {
	var members []string
	for _, m := range r.Members {
		members = append(members, text(m.Job)+" on "+short(m.Node))
	}
	if r.Time == 0 {
		return strings.Join(members, ", ")
	}
	return fmt.Sprintf("%s from %d", strings.Join(members, ", "), r.Time/1e9)
}
