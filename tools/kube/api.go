package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"time"
)

// callTimeout is how long one call to the apiserver may take.
const callTimeout = 10 * time.Second

// api speaks to the apiserver, in JSON. client-go would be the usual way; for four
// calls it is not worth being linked in.
type api struct {
	url, ca string
	client  *http.Client
}

// connect makes the client once the server has written its certificate.
func (a *api) connect() error {
	if a.client != nil {
		return nil
	}
	certificate, err := os.ReadFile(a.ca)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(certificate) {
		return errors.New("read certificate: none in it")
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}
	a.client = &http.Client{Transport: transport, Timeout: callTimeout}
	return nil
}

// get reads an object into out, unless that is nil.
func (a *api) get(ctx context.Context, path string, out any) error {
	return a.call(ctx, http.MethodGet, path, nil, out)
}

func (a *api) call(ctx context.Context, method, path string, body []byte, out any) error {
	if err := a.connect(); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", path, err)
	}
	defer res.Body.Close() //nolint:errcheck // it is read
	content, err := io.ReadAll(res.Body)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("call %s: %s: %s", path, res.Status, content)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(content, out); err != nil {
		return fmt.Errorf("decode %s: %w", path, err)
	}
	return nil
}

// createNode makes a node as it would register itself.
func (a *api) createNode(ctx context.Context, name string, opts options) error {
	labels := map[string]string{"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
	maps.Copy(labels, opts.labels)
	amounts := map[string]string{"cpu": opts.cpu, "memory": opts.memory, "ephemeral-storage": "100Gi", "pods": "110"}
	body, err := json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Node",
		"metadata": map[string]any{"name": name, "labels": labels},
		"status":   map[string]any{"capacity": amounts, "allocatable": amounts},
	})
	if err != nil {
		return fmt.Errorf("encode node %s: %w", name, err)
	}
	if err := a.call(ctx, http.MethodPost, "/api/v1/nodes", body, nil); err != nil {
		return fmt.Errorf("create node %s: %w", name, err)
	}
	return nil
}

// nodesReady fails until so many nodes say that they are ready.
func (a *api) nodesReady(ctx context.Context, want int) error {
	var list struct {
		Items []struct {
			Status struct {
				Conditions []struct{ Type, Status string }
			}
		}
	}
	if err := a.get(ctx, "/api/v1/nodes", &list); err != nil {
		return err
	}
	ready := 0
	for _, n := range list.Items {
		for _, c := range n.Status.Conditions {
			if c.Type == "Ready" && c.Status == "True" {
				ready++
			}
		}
	}
	if ready < want {
		return fmt.Errorf("%d of %d nodes are ready", ready, want)
	}
	return nil
}
