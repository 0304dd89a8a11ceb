package jobfile_test

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/fairlead-batch/fairlead/tools/fairlead/internal/jobfile"
)

// The files that people begin with are read, and keep to what servers ask of a job.
func TestExamples(t *testing.T) {
	t.Parallel()
	want := map[string]int{ // jobs
		"sweep.yaml": 200, "gang.yaml": 3, "elastic.yaml": 6, "compete-a.yaml": 40, "compete-b.yaml": 40, "fail.yaml": 4,
		"preempt.yaml": 40, "preempt-urgent.yaml": 4,
	}
	files, err := filepath.Glob("../../../../examples/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(want) {
		t.Errorf("%d files, want %d", len(files), len(want))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(file)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			all, err := jobfile.Read(file, f, jobfile.Override{})
			if err != nil {
				t.Fatal(err)
			}
			if len(all) != 1 || len(all[0].Jobs) != want[filepath.Base(file)] {
				t.Fatalf("%d submissions, the first of %d jobs", len(all), len(all[0].Jobs))
			}
			for i, j := range all[0].Jobs {
				spec := j.GetPodSpecs()[0]
				c := spec.GetContainers()[0]
				limits, requests := c.GetResources().GetLimits(), c.GetResources().GetRequests()
				for _, name := range []string{"cpu", "memory"} {
					if limits[name].GetString_() == "" || !proto.Equal(limits[name], requests[name]) {
						t.Errorf("job %d: %s: limit %v, request %v", i, name, limits[name], requests[name])
					}
				}
				if j.GetNamespace() != "default" || spec.GetRestartPolicy() != "Never" || spec.GetPriorityClassName() == "" {
					t.Errorf("job %d: namespace %q, restart policy %q, class %q", i, j.GetNamespace(), spec.GetRestartPolicy(), spec.GetPriorityClassName())
				}
				if j.GetAnnotations()["sim/run-duration"] == "" {
					t.Errorf("job %d would never end where commands are not run", i)
				}
			}
		})
	}
}
