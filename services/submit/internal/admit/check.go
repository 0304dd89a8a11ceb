package admit

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fairlead-batch/fairlead/services/internal/fault"
)

// Check returns everything that is wrong with s as one fault of kind Invalid, or
// nil. A request with more than Rules.JobsMax jobs is refused as TooLarge before
// anything else is looked at.
func (r Rules) Check(s Submission) error {
	if err := r.CheckCount(len(s.Items)); err != nil {
		return err
	}
	c := &checker{Rules: r, shared: map[*Pod]int{}}
	c.queueAndJobSet("queue", s.Queue, "job_set_id", s.JobSet)
	for i := range s.Items {
		if s.Items[i].Pod != nil {
			c.shared[s.Items[i].Pod]++
		}
	}
	for i := range s.Items {
		c.at = i
		c.item(&s.Items[i])
	}
	c.gangs(s.Items)
	return c.Err()
}

// CheckCount refuses more jobs than a request may have, for callers that have work
// to do for each before they can ask for more.
func (r Rules) CheckCount(jobs int) error {
	if jobs > r.JobsMax {
		return fault.NewTooLarge("%d jobs in a request, at most %d: split it", jobs, r.JobsMax)
	}
	return nil
}

// checker collects the violations of one submission.
type checker struct {
	fault.Check
	Rules
	// at is the index of the item under the rule.
	at int
	// shared counts the items that have a pod; zero once the pod was judged.
	shared map[*Pod]int
}

// violate notes a violation of a field of the item under the rule.
func (c *checker) violate(field string, value any, rule string) {
	c.Violate(fmt.Sprintf("job_request_items[%d].%s", c.at, field), value, rule)
}

func (c *checker) queueAndJobSet(queueField, queue, jobSetField, jobSet string) {
	switch {
	case queue == "":
		c.Violate(queueField, "", "queue is a required field")
	case len(queue) > QueueBytesMax:
		c.Violate(queueField, queue, fmt.Sprintf("a queue's name has at most %d bytes, this has %d", QueueBytesMax, len(queue)))
	}
	if strings.ContainsRune(jobSet, 0) { // which parts queue and job set where both are one key
		c.Violate(jobSetField, jobSet, "must not contain NUL")
	}
	switch {
	case jobSet == "":
		c.Violate(jobSetField, "", "job set id is a required field")
	case len(jobSet) > JobSetBytesMax:
		c.Violate(jobSetField, jobSet,
			fmt.Sprintf("job set id of length %d must be less than max character length %d", len(jobSet), JobSetBytesMax+1))
	}
}

func (c *checker) item(it *Item) {
	if it.Namespace == "" {
		c.violate("namespace", "", "namespace is a required field")
	}
	if math.IsNaN(it.Priority) {
		c.violate("priority", it.Priority, "must be a number")
	}
	switch {
	case it.Single && it.Listed > 0:
		c.violate("pod_specs", nil, "PodSpec must be nil if PodSpecs is provided (i.e., these are exclusive)")
	case it.Listed > 1:
		c.violate("pod_specs", nil, fmt.Sprintf("Jobs with multiple pods are not supported: %d pods, want one", it.Listed))
	case it.Unreadable != "":
		c.violate(it.PodField, nil, it.Unreadable)
	case it.Pod == nil:
		c.violate("pod_spec", nil, "Job must contain at least one PodSpec")
	default:
		c.pod(it)
	}
	c.metadata(it)
	c.ingresses(it)
	c.services(it)
}

func (c *checker) metadata(it *Item) {
	if n := utf8.RuneCountInString(it.ClientID); n > ClientIDCharsMax {
		// Two spaces: Armada's own text, which somebody may match.
		c.violate("client_id", it.ClientID, fmt.Sprintf("client id of length %d is greater than max allowed length of  %d", n, ClientIDCharsMax))
	}
	if strings.ContainsRune(it.ClientID, 0) { // which the database cannot keep
		c.violate("client_id", it.ClientID, "must not contain NUL")
	}
	if n := len(it.ExternalJobURI); n > ExternalURIBytesMax {
		c.violate("external_job_uri", it.ExternalJobURI, fmt.Sprintf("has %d bytes, at most %d", n, ExternalURIBytesMax))
	}
	if n := metadataBytes(it.Labels) + metadataBytes(it.Annotations); n > MetadataBytesMax {
		c.violate("annotations", nil, fmt.Sprintf("labels and annotations have %d bytes together, at most %d", n, MetadataBytesMax))
	}
	if band, ok := it.Annotations[PriceBandAnnotation]; ok && !isPriceBand(band) {
		c.violate(annotation(PriceBandAnnotation), band, fmt.Sprintf("price band %s is not supported: it is one of A to H", band))
	}
	if expected, ok := it.Annotations[ExpectedRuntimeAnnotation]; ok {
		if _, err := ExpectedSeconds(expected); err != nil {
			c.violate(annotation(ExpectedRuntimeAnnotation), expected, err.Error())
		}
	}
	if it.Annotations[GangIDAnnotation] != "" {
		if flag, ok := it.Annotations[FailFastAnnotation]; ok && flag != "true" {
			c.violate(annotation(FailFastAnnotation), flag,
				"gang jobs may not set fail fast flag (annotation - "+FailFastAnnotation+") to anything but true")
		}
	}
}

func metadataBytes(m map[string]string) (n int) {
	//archcheck:unordered a sum
	for k, v := range m {
		n += len(k) + len(v)
	}
	return n
}

// ExpectedSeconds reads an expected run time, in whole seconds rounded up; an empty text is
// none: 0. The error is the rule.
func ExpectedSeconds(text string) (int32, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < ExpectedRuntimeMin || d > ExpectedRuntimeMax {
		return 0, fmt.Errorf("must be a duration from %s to %s, such as 90m", ExpectedRuntimeMin, ExpectedRuntimeMax)
	}
	return int32((d + time.Second - 1) / time.Second), nil //nolint:gosec // a year fits
}

func isPriceBand(band string) bool {
	return len(band) == 1 && strings.Contains("ABCDEFGH", strings.ToUpper(band))
}

// annotation is the path of an annotation within an item.
func annotation(key string) string { return fmt.Sprintf("annotations[%q]", key) }

func (c *checker) ingresses(it *Item) {
	by := map[uint32]int{}
	for i, ingress := range it.Ingresses {
		field := fmt.Sprintf("ingress[%d].ports", i)
		if len(ingress.Ports) == 0 {
			c.violate(field, nil, "ingress contains zero ports. Each ingress should have at least one port")
		}
		for _, port := range ingress.Ports {
			if earlier, taken := by[port]; taken {
				c.violate(field, port, fmt.Sprintf("port %d has two ingress configurations, specified in ingress configs with indexes %d, %d. "+
					"Each port should at maximum have one ingress configuration", port, earlier, i))
				continue
			}
			by[port] = i
		}
	}
}

func (c *checker) services(it *Item) {
	for i, service := range it.Services {
		if service.Name != "" && !c.CustomServiceNames {
			c.violate(fmt.Sprintf("services[%d].name", i), service.Name, "this installation does not let jobs name their services")
		}
	}
}
