package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// ports are those of one Pulsar. They are kept with its data.
type ports struct {
	Web       int `json:"web"`
	Broker    int `json:"broker"`
	Bookie    int `json:"bookie"`
	ZooKeeper int `json:"zookeeper"`
}

// layout is a data folder that is ready to be started on, and locked.
type layout struct {
	home, data string
	ports      ports
	unlock     func()
}

// prepare locks a data folder, makes it if it is not there, and writes the
// configuration.
func prepare(home, data string) (layout, error) {
	data, err := filepath.Abs(data)
	if err != nil {
		return layout{}, fmt.Errorf("find data folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(data, "logs"), 0o755); err != nil {
		return layout{}, fmt.Errorf("make data folder: %w", err)
	}
	unlock, err := lock(filepath.Join(data, "lock"), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil {
		return layout{}, fmt.Errorf("use data folder: %w", err)
	}
	l := layout{home: home, data: data, unlock: unlock}
	if err := l.configure(); err != nil {
		unlock()
		return layout{}, err
	}
	return l, nil
}

func (l *layout) configure() (err error) {
	if l.ports, err = keptPorts(filepath.Join(l.data, "ports.json")); err != nil {
		return err
	}
	shipped, err := os.ReadFile(filepath.Join(l.home, "conf", "standalone.conf"))
	if err != nil {
		return fmt.Errorf("read the shipped configuration: %w", err)
	}
	if err := os.WriteFile(l.confPath(), []byte(configuration(string(shipped), l.ports)), 0o644); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	return nil
}

func (l *layout) confPath() string { return filepath.Join(l.data, "standalone.conf") }

// configuration is the shipped one on the given ports, on the loopback alone, and
// with what is acknowledged synced to disk: as shipped it survives a process and no
// machine.
func configuration(shipped string, p ports) string {
	ours := map[string]string{
		"webServicePort":         strconv.Itoa(p.Web),
		"brokerServicePort":      strconv.Itoa(p.Broker),
		"bindAddress":            "127.0.0.1",
		"advertisedAddress":      "127.0.0.1",
		"journalSyncData":        "true",
		"allowAutoTopicCreation": "false",
	}
	var lines []string
	for line := range strings.Lines(shipped) {
		key, _, found := strings.Cut(line, "=")
		if _, replaced := ours[strings.TrimSpace(key)]; found && replaced {
			continue
		}
		lines = append(lines, strings.TrimRight(line, "\n"))
	}
	for key, value := range ours {
		lines = append(lines, key+"="+value)
	}
	slices.Sort(lines[len(lines)-len(ours):]) // the same file each time
	return strings.Join(lines, "\n") + "\n"
}

// keptPorts reads the ports of a data folder, or chooses them.
func keptPorts(path string) (p ports, err error) {
	text, err := os.ReadFile(path)
	switch {
	case err == nil:
		if err := json.Unmarshal(text, &p); err != nil {
			return p, fmt.Errorf("read %s: %w", path, err)
		}
		return p, nil
	case !errors.Is(err, fs.ErrNotExist):
		return p, fmt.Errorf("read ports: %w", err)
	}
	var chosen []int
	for _, port := range []*int{&p.Web, &p.Broker, &p.Bookie, &p.ZooKeeper} {
		if *port, err = freePort(chosen); err != nil {
			return p, err
		}
		chosen = append(chosen, *port)
	}
	text, err = json.Marshal(p)
	if err != nil {
		return p, fmt.Errorf("write ports: %w", err)
	}
	if err := os.WriteFile(path, text, 0o644); err != nil {
		return p, fmt.Errorf("write ports: %w", err)
	}
	return p, nil
}

// Ports are chosen below those that systems give to outgoing connections, or one of
// these could take a port while Pulsar is being started again.
const (
	portMin   = 11000
	portMax   = 32000
	portTries = 100
)

// freePort finds a port that nobody listens on, on any address, and that was not
// chosen before.
func freePort(chosen []int) (int, error) {
	for range portTries {
		port := portMin + rand.IntN(portMax-portMin)
		if slices.Contains(chosen, port) {
			continue
		}
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", ":"+strconv.Itoa(port))
		if err != nil {
			continue
		}
		if err := listener.Close(); err != nil {
			return 0, fmt.Errorf("free port %d: %w", port, err)
		}
		return port, nil
	}
	return 0, fmt.Errorf("no free port from %d to %d in %d tries", portMin, portMax, portTries)
}
