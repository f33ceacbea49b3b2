package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"fairway/internal/check"
	"fairway/internal/render"
)

func (c *command) explain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain [NAME]",
		Short: "Print the manual page of a root cause, or list them all",
		RunE: func(cmd *cobra.Command, args []string) error {
			c.ran = cmd
			switch len(args) {
			case 0:
				return write("the list", render.List(c.env.Stdout, check.All(), c.options()))
			case 1:
				return c.page(args[0])
			}
			return usagef("%d arguments are too many: give one name, or none for the list", len(args))
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return ids(), cobra.ShellCompDirectiveNoFileComp
		},
	}
}

func ids() []string {
	var out []string
	for _, k := range check.All() {
		out = append(out, k.ID)
	}
	return out
}

func (c *command) page(name string) error {
	for _, k := range check.All() {
		if k.ID == name {
			return write("the page", render.Explain(c.env.Stdout, k, c.options()))
		}
	}
	if m := meant(name, ids()); m != "" {
		return usagef("root cause %q is not known%s", name, m)
	}
	if in := slices.DeleteFunc(ids(), func(id string) bool { return name == "" || !strings.Contains(id, strings.ToLower(name)) }); len(in) > 0 {
		return usagef("root cause %q is not known; did you mean %s?", name, strings.Join(in, ", "))
	}
	return usagef("root cause %q is not known; `fairway explain` lists them all", name)
}
