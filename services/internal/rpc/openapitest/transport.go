package openapitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

type key struct{}

// Wrong returns a context for a request that breaks the document on purpose: only its
// answer is judged.
func Wrong(ctx context.Context) context.Context { return context.WithValue(ctx, key{}, true) }

// Transport sends requests over Base, and fails a test when a request or its answer is
// not as the document says, or when the document does not know the call. It is safe for
// concurrent use.
type Transport struct {
	T        testing.TB
	Document *Document
	Base     http.RoundTripper

	mu     sync.Mutex
	called map[string]bool
}

// NeverCalled are the operations of the document that were not called so far, in order.
func (t *Transport) NeverCalled() (ids []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, path := range t.Document.doc.Paths.Map() {
		for _, operation := range path.Operations() {
			if !t.called[operation.OperationID] {
				ids = append(ids, operation.OperationID)
			}
		}
	}
	slices.Sort(ids)
	return ids
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	route, params, err := t.Document.router.FindRoute(r)
	if err != nil {
		t.T.Errorf("the document does not know %s %s: %v", r.Method, r.URL.Path, err)
		return t.Base.RoundTrip(r)
	}
	t.mu.Lock()
	if t.called == nil {
		t.called = map[string]bool{}
	}
	t.called[route.Operation.OperationID] = true
	t.mu.Unlock()
	if r.Context().Value(key{}) == nil {
		body, err := readBack(&r.Body)
		if err != nil {
			return nil, err
		}
		err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route})
		if err != nil {
			t.T.Errorf("the document does not allow the request %s %s: %v", r.Method, r.URL.Path, err)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	response, err := t.Base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	return response, t.judge(r, route, response)
}

// readBack reads a body and puts an equal one in its place.
func readBack(body *io.ReadCloser) ([]byte, error) {
	if *body == nil {
		return nil, nil
	}
	defer func(read io.Closer) { _ = read.Close() }(*body)
	all, err := io.ReadAll(*body)
	*body = io.NopCloser(bytes.NewReader(all))
	return all, err
}

// judge holds an answer against the document; a stream's while it is read.
func (t *Transport) judge(r *http.Request, route *routers.Route, response *http.Response) error {
	what := fmt.Sprintf("%s %s: %s", r.Method, r.URL.Path, response.Status)
	answer := route.Operation.Responses.Status(response.StatusCode)
	if answer == nil {
		answer = route.Operation.Responses.Default()
	}
	mime, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	if mime == "" && isStream(route.Operation) {
		mime = "application/json" // the stream turns out to be empty, or nothing may be in it
	}
	media := answer.Value.Content[mime]
	if media == nil {
		t.T.Errorf("%s: the document does not know answers of type %q", what, mime)
		return nil
	}
	judge := func(value []byte) {
		if err := check(media.Schema.Value, value); err != nil {
			t.T.Errorf("%s: not as the document says: %v\n%s", what, err, value)
		}
	}
	if isStream(route.Operation) {
		response.Body = &stream{ReadCloser: response.Body, judge: judge}
		return nil
	}
	body, err := readBack(&response.Body)
	if err != nil {
		return err
	}
	judge(body)
	return nil
}

// isStream says whether an operation's answer is many objects.
func isStream(operation *openapi3.Operation) bool {
	return operation.Responses.Status(http.StatusOK).Value.Content["text/event-stream"] != nil
}

// stream is a body that is judged line by line.
type stream struct {
	io.ReadCloser
	judge func([]byte)
	line  bytes.Buffer
}

func (s *stream) Read(into []byte) (int, error) {
	n, err := s.ReadCloser.Read(into)
	for _, b := range into[:n] {
		if b != '\n' {
			s.line.WriteByte(b)
			continue
		}
		if line := bytes.TrimPrefix(s.line.Bytes(), []byte("data: ")); len(line) > 0 {
			s.judge(line)
		}
		s.line.Reset()
	}
	return n, err
}
