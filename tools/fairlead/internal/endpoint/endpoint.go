package endpoint

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// The defaults of an address.
const (
	DefaultAddress = "localhost:50051"
	defaultPort    = "50051"
	defaultTLSPort = "443"
)

// Endpoint is a server and how to connect to it.
type Endpoint struct {
	// Address is host:port.
	Address string
	// TLS says whether the connection is secured.
	TLS bool
	// CAFile holds the authorities to trust, as PEM; empty: the system's.
	CAFile string
	// From says who named it, for errors: a flag, a variable, a context, the default.
	From string
}

// Ask is what a user said on the command line and in the environment; empty: nothing.
type Ask struct {
	// URL and Context are the flags.
	URL, Context string
	// EnvURL is the variable FAIRLEAD_URL.
	EnvURL string
	// File is the path of the file of contexts.
	File string
	// FileNamed says that the user named the file, which then must be there.
	FileNamed bool
}

// Resolve returns the server that ask means.
func Resolve(ask Ask) (Endpoint, error) {
	f, err := load(ask)
	if err != nil {
		return Endpoint{}, err
	}
	var chosen entry
	name := ask.Context
	if name == "" && ask.URL == "" && ask.EnvURL == "" {
		name = f.CurrentContext
	}
	if name != "" {
		if chosen, err = f.context(ask.File, name); err != nil {
			return Endpoint{}, err
		}
	}
	switch {
	case ask.URL != "":
		return parse(ask.URL, "--url", chosen)
	case name != "":
		return parse(chosen.URL, fmt.Sprintf("context %s of %s", name, ask.File), chosen)
	case ask.EnvURL != "":
		return parse(ask.EnvURL, "FAIRLEAD_URL", chosen)
	default:
		return parse(DefaultAddress, "the default", chosen)
	}
}

// parse reads an address. from says whose it is.
func parse(raw, from string, how entry) (Endpoint, error) {
	rest, scheme := raw, ""
	if before, after, found := strings.Cut(raw, "://"); found {
		scheme, rest = before, strings.TrimSuffix(after, "/")
	}
	end := Endpoint{From: from, CAFile: how.CAFile}
	port := defaultPort
	switch scheme {
	case "":
	case "http":
	case "https":
		port = defaultTLSPort
	default:
		return Endpoint{}, fmt.Errorf("address %q of %s begins with %s://; write host:port, http:// or https://", raw, from, scheme)
	}
	host, given, err := split(rest)
	if err != nil {
		return Endpoint{}, fmt.Errorf("address %q of %s is no host:port: %w", raw, from, err)
	}
	if given != "" {
		port = given
	}
	end.Address = net.JoinHostPort(host, port)
	end.TLS = scheme == "https" || scheme == "" && !how.NoTLS && !ownMachine(host)
	return end, nil
}

// split takes host:port, a host alone, and [::1] with or without a port.
func split(address string) (host, port string, err error) {
	u, err := url.Parse("//" + address)
	switch {
	case err != nil:
		return "", "", errors.Unwrap(err)
	case u.Hostname() == "":
		return "", "", errors.New("the host is missing")
	case u.Host != address:
		return "", "", errors.New("a path or a user cannot be part of it")
	case strings.HasSuffix(address, ":"):
		return "", "", errors.New("the port is missing")
	}
	return u.Hostname(), u.Port(), nil
}

// ownMachine says whether what is sent to host stays on this machine.
func ownMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	return ip.IsLoopback()
}

// names lists the contexts for an error.
func (f file) names() string {
	if len(f.Contexts) == 0 {
		return "it has none"
	}
	return "it has " + strings.Join(f.sorted(), ", ")
}

// sorted are the names of the contexts.
func (f file) sorted() []string { return slices.Sorted(maps.Keys(f.Contexts)) }

// Names returns the contexts of a file, by name; none where it is absent.
func Names(path string) ([]string, error) {
	f, err := load(Ask{File: path})
	return f.sorted(), err
}
