package archcheck

import (
	"slices"
	"strings"
)

// Doors says how a service is entered from outside. Tests are bound as well: one
// that needs two services belongs to standalone.
type Doors struct {
	// Services is the folder that holds them, each under its name.
	Services string
	// Shared are names in that folder that are no service.
	Shared []string
	// Open are packages of a service that anybody may import.
	Open []Pattern
	// App is the package that wires a service; Wirers may import any, and a
	// service's own AppFrom its own.
	App, AppFrom string
	Wirers       []Pattern
}

func (d Doors) check(tree *Tree) []Finding {
	var found []Finding
	for _, p := range tree.Packages {
		for _, path := range slices.Concat(p.Imports, p.TestImports) {
			if finding, bad := d.enters(p.Path, path); bad {
				found = append(found, finding)
			}
		}
	}
	return found
}

// enters judges one import.
func (d Doors) enters(from, to string) (Finding, bool) {
	service, rest := d.service(to)
	if service == "" || matchAny(d.Open, to) {
		return Finding{}, false
	}
	home, part := d.service(from)
	isApp := under(rest, d.App)
	switch {
	case isApp && matchAny(d.Wirers, from):
		return Finding{}, false
	case home == service && (!isApp || under(part, d.App) || under(part, d.AppFrom)):
		return Finding{}, false
	case home == service:
		return Finding{
			Where: from, Rule: "door", What: "imports " + to,
			Instead: "app puts the service together and stands above the rest of it; only cmd and standalone import one. Take what you need as an argument.",
		}, true
	default:
		return Finding{
			Where: from, Rule: "door", What: "imports " + to,
			Instead: "services speak through the log, never by import. Share an invariant in services/internal, or hand it out by the service's app to standalone.",
		}, true
	}
}

// service splits a path into the service and the path inside of it; "" for what
// belongs to none.
func (d Doors) service(path string) (service, rest string) {
	inside, ok := strings.CutPrefix(path, d.Services+"/")
	if !ok || d.Services == "" {
		return "", ""
	}
	service, rest, _ = strings.Cut(inside, "/")
	if slices.Contains(d.Shared, service) {
		return "", ""
	}
	return service, rest
}

// under says whether path is dir or lies below it.
func under(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }
