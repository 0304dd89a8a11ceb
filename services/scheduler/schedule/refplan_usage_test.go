package schedule_test

import (
	"math/big"

	"github.com/fairlead-batch/fairlead/services/scheduler/schedule"
)

// refEpoch is how often usage is reckoned anew.
const refEpoch = 30_000_000_000

// refWeightAt is the weight of time that is so many epochs old, in 2^-32: 2^-(age / half-life),
// the root of a number whose logarithm is whole.
func refWeightAt(epochs, steps int64) *big.Int {
	halves, rest := epochs/steps, epochs%steps
	power := new(big.Int).Lsh(big.NewInt(1), uint(32*steps-rest))
	least, most := big.NewInt(0), big.NewInt(1<<32)
	for least.Cmp(most) < 0 {
		middle := new(big.Int).Add(least, most)
		middle.Add(middle, big.NewInt(1)).Rsh(middle, 1)
		if new(big.Int).Exp(middle, big.NewInt(steps), nil).Cmp(power) <= 0 {
			least = middle
		} else {
			most = middle.Sub(middle, big.NewInt(1))
		}
	}
	return least.Rsh(least, uint(halves))
}

// refWeightOf is the weight of all time that is so old or older: on a line between epochs.
func (r *ref) refWeightOf(age schedule.Time) *big.Int {
	steps := r.cfg.UsageHalfLife / refEpoch
	epochs, part := int64(age)/refEpoch, int64(age)%refEpoch
	from, to := refWeightAt(epochs, steps), refWeightAt(epochs+1, steps)
	fall := new(big.Int).Sub(from, to)
	fall.Mul(fall, big.NewInt(part)).Quo(fall, big.NewInt(refEpoch))
	return from.Sub(from, fall)
}

// usage is what a queue held of the pool on average, newer time counting more.
func (r *ref) usage(q *refQueue) schedule.Vec {
	sum := make(schedule.Vec, len(r.cfg.Resources))
	if r.cfg.UsageHalfLife == 0 {
		return sum
	}
	epoch := int64(r.round.Now) / refEpoch
	at := schedule.Time(epoch * refEpoch)
	for i := range sum {
		total := new(big.Int)
		for _, u := range r.rows.Usage {
			if u.Queue != q.ID || u.Pool != r.pool {
				continue
			}
			used := new(big.Int).SetUint64(u.Amount[i].Hi)
			used.Lsh(used, 64).Add(used, new(big.Int).SetUint64(u.Amount[i].Lo))
			if u.Epoch < epoch {
				used.Mul(used, r.refWeightOf(schedule.Time((epoch-u.Epoch)*refEpoch))).Rsh(used, 32)
			}
			total.Add(total, used)
		}
		for k := range r.runs {
			run := &r.runs[k]
			if run.Queue != q.ID || run.Pool != r.pool || run.Since >= at {
				continue
			}
			weight := new(big.Int).Sub(big.NewInt(1<<32), r.refWeightOf(at-run.Since))
			total.Add(total, weight.Mul(weight, big.NewInt(r.shape(run.Shape).Request[i])))
		}
		sum[i] = min(new(big.Int).Rsh(total, 32).Int64(), 1<<56)
	}
	return sum
}

// wakeForUsage has the round wake when usage is reckoned anew.
func (r *ref) wakeForUsage() {
	if r.cfg.UsageHalfLife > 0 && len(r.queues) > 0 {
		r.wakeAt(schedule.Time((int64(r.round.Now)/refEpoch + 1) * refEpoch))
	}
}
