package pulsarlog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// requestTimeout is how long one request to the admin API may take.
	requestTimeout = 15 * time.Second
	// answerBytesMax bounds an answer. The largest is that of a partition with many
	// ledgers and subscriptions, some hundred bytes each.
	answerBytesMax = 16 << 20
)

// admin speaks the brokers' REST API. Their own Go client for it takes no context
// and cannot say which answers are worth another try.
type admin struct {
	base   string
	client *http.Client
	// token authenticates each request; nil: none is needed.
	token func() (string, error)
}

func newAdmin(base string, s security) *admin {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = s.tls
	return &admin{base: strings.TrimSuffix(base, "/") + "/admin/v2/", client: &http.Client{Transport: transport}, token: s.token}
}

func (a *admin) close() { a.client.CloseIdleConnections() }

// refusal is an answer that is no success.
type refusal struct {
	Code   int    `json:"-"`
	Reason string `json:"reason"`
}

func (r *refusal) Error() string { return fmt.Sprintf("HTTP %d: %s", r.Code, r.Reason) }

// refused says whether err is an answer with that code.
func refused(err error, code int) bool {
	var r *refusal
	return errors.As(err, &r) && r.Code == code
}

// passing says whether what failed may go well when it is tried again: the brokers
// are away, or a topic is on its way from one to another.
func passing(err error) bool {
	var r *refusal
	if !errors.As(err, &r) {
		return err != nil
	}
	return r.Code >= http.StatusInternalServerError || r.Code == http.StatusPreconditionFailed || r.Code == http.StatusTooManyRequests
}

// do makes one request. body and into may be nil.
func (a *admin) do(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeoutCause(ctx, requestTimeout, fmt.Errorf("no answer within %s", requestTimeout))
	defer cancel()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	if a.token != nil {
		token, err := a.token()
		if err != nil {
			return err
		}
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }() // it was read
	answer, err := io.ReadAll(io.LimitReader(response.Body, answerBytesMax))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode/100 != 2 {
		r := &refusal{Code: response.StatusCode}
		if json.Unmarshal(answer, r) != nil || r.Reason == "" {
			r.Reason = response.Status
		}
		return fmt.Errorf("%s %s: %w", method, path, r)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("%s %s: decode answer: %w", method, path, err)
	}
	return nil
}

// messageID is a message as the admin API names it.
type messageID struct {
	Ledger int64 `json:"ledgerId"`
	Entry  int64 `json:"entryId"`
}

// earliest is the beginning of a topic, whatever that is at the time.
var earliest = messageID{Ledger: -1, Entry: -1} //nolint:gochecknoglobals // a constant; Go has none of struct type

// subscribe makes a durable subscription that keeps a message and what follows, or
// moves it there. Making one that exists, or moving one that does not, is refused,
// so two processes that do the same both end with what the later one wants.
func (a *admin) subscribe(ctx context.Context, topic, name string, from messageID) error {
	path := topic + "/subscription/" + url.PathEscape(name)
	err := a.do(ctx, http.MethodPut, path, from, nil)
	if !refused(err, http.StatusConflict) {
		return err
	}
	return a.do(ctx, http.MethodPost, path+"/resetcursor", from, nil)
}

// unsubscribe deletes a subscription; one that does not exist is fine.
func (a *admin) unsubscribe(ctx context.Context, topic, name string) error {
	err := a.do(ctx, http.MethodDelete, topic+"/subscription/"+url.PathEscape(name), nil, nil)
	if refused(err, http.StatusNotFound) {
		return nil
	}
	return err
}
