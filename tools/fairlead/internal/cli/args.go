package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// exactly takes one argument for each name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return fmt.Errorf("missing %s", strings.Join(names[len(args):], " and "))
		}
		if len(args) > len(names) {
			return fmt.Errorf("one argument too many: %q", args[len(names)])
		}
		return notEmpty(names, args)
	}
}

// some takes one argument or more of a name.
func some(name string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return fmt.Errorf("missing %s", name)
		}
		return notEmpty([]string{name}, args)
	}
}

// notEmpty refuses "", which is a variable of a script that is not set.
func notEmpty(names, args []string) error {
	for i, arg := range args {
		if arg == "" {
			return fmt.Errorf("%s is empty", names[min(i, len(names)-1)])
		}
	}
	return nil
}
