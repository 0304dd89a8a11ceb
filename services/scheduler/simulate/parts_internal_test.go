package simulate

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The tail is exponential: its mean, its median and its ninth decile are those, within
// what a hundred thousand draws differ by, and it agrees with the logarithm.
func TestTail(t *testing.T) {
	t.Parallel()
	const mean = 100 * time.Second
	list := make([]time.Duration, 100_000)
	sum := time.Duration(0)
	for i := range list {
		u := draw(7, forRuntime, 3, uint64(i))
		list[i] = tail(u, mean)
		sum += list[i]
		if exact := -math.Log(float64(u)/(1<<63)/2) * float64(mean); math.Abs(float64(list[i])-exact) > 1000 {
			t.Fatalf("of %d: %v, want %v", u, list[i], time.Duration(exact))
		}
	}
	slices.Sort(list)
	for what, pair := range map[string][2]time.Duration{
		"mean":   {sum / time.Duration(len(list)), mean},
		"median": {list[len(list)/2], 69_314_718_056},
		"p90":    {list[len(list)*9/10], time.Duration(math.Log(10) * float64(mean))},
	} {
		if off := pair[0] - pair[1]; off.Abs() > mean/50 {
			t.Errorf("%s %v, want %v", what, pair[0], pair[1])
		}
	}
	for _, u := range []uint64{0, 1, math.MaxUint64} {
		if d := tail(u, SpanMax); d < 0 || d > 45*SpanMax {
			t.Errorf("of %d: %v", u, d)
		}
	}
	if tail(1, 0) != 0 {
		t.Error("a tail of nothing")
	}
}

func TestAgenda(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	var a agenda
	var want []event
	for range 5000 {
		e := event{at: time.Duration(random.IntN(300)), kind: uint8(random.IntN(3)), ref: int32(random.IntN(50)), turn: uint32(random.IntN(9))}
		want = append(want, e)
		a.push(e)
		if random.IntN(3) == 0 {
			slices.SortFunc(want, func(x, y event) int {
				if x.before(y) {
					return -1
				}
				return 1
			})
			if got := a.pop(); got != want[0] {
				t.Fatalf("got %+v, want %+v", got, want[0])
			}
			want = want[1:]
		}
	}
}

// However long it becomes, a curve keeps what is under it.
func TestCurve(t *testing.T) {
	t.Parallel()
	var c Curve
	c.add(Whole, 0, time.Second)
	c.add(Whole/2, 2*time.Second, 3*time.Second)
	c.add(Whole, 5000*time.Second, 5001*time.Second)
	points, span := c.Points(6000 * time.Second)
	if len(points) > binsMax || span < 6000*time.Second/binsMax {
		t.Fatalf("%d points of %v", len(points), span)
	}
	sum := uint64(0)
	for _, s := range c.sums {
		sum += s
	}
	if want := uint64(5*time.Second) << 15; sum != want {
		t.Errorf("area %d, want %d", sum, want)
	}
	if points, _ := new(Curve).Points(time.Second); len(points) != 4 || points[0] != 0 {
		t.Errorf("nothing is %v", points)
	}
}

func TestArea(t *testing.T) {
	t.Parallel()
	var a area
	a.add(math.MaxInt64, 3)
	a.add(math.MaxInt64, 5)
	if got := a.over(8); got != math.MaxInt64 {
		t.Errorf("got %d", got)
	}
	a.add(-1, 5)
	both := a.plus(a)
	if both.over(16) != math.MaxInt64 || a.over(0) != 0 {
		t.Error("sums")
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	k := Key{Template: 5, Number: 70_000, Attempt: 3}
	if keyOf(k.jobID()) != k || rowOf(k.runID(9)) != 9 || k.gangID(100) != "5/700/3" {
		t.Errorf("%v: %x %x %s", k, k.jobID(), k.runID(9), k.gangID(100))
	}
}
