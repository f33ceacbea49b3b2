package cli

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// engineFlags are the Docker CLI's own global flags: typed to fairway, or to
// docker before the name of the plugin, which hands them on as they were.
type engineFlags struct {
	host, context, config string
	tls, tlsverify        bool
	cacert, cert, key     string
}

// add declares them. Those that only the docker client documents are hidden.
func (e *engineFlags) add(fs *pflag.FlagSet) {
	fs.StringVarP(&e.host, "host", "H", "", "ask the engine at this `address`")
	fs.StringVarP(&e.context, "context", "c", "", "ask the engine of this Docker context `name`")
	fs.StringVar(&e.config, "config", "", "`folder` of the Docker client's configuration")
	fs.BoolVar(&e.tls, "tls", false, "use TLS")
	fs.BoolVar(&e.tlsverify, "tlsverify", false, "use TLS and verify the engine")
	fs.StringVar(&e.cacert, "tlscacert", "", "")
	fs.StringVar(&e.cert, "tlscert", "", "")
	fs.StringVar(&e.key, "tlskey", "", "")
	// These change nothing here but may stand before the plugin's name.
	fs.BoolP("debug", "D", false, "")
	fs.StringP("log-level", "l", "", "")
	for _, name := range []string{"config", "tls", "tlsverify", "tlscacert", "tlscert", "tlskey", "debug", "log-level"} {
		_ = fs.MarkHidden(name)
	}
}

// validate refuses what would otherwise be left out of account in silence.
func (e *engineFlags) validate() error {
	if e.cacert+e.cert+e.key != "" {
		return usagef("--tlscacert, --tlscert and --tlskey are not understood: put ca.pem, cert.pem and key.pem into one folder and name it in DOCKER_CERT_PATH, or use a Docker context")
	}
	return nil
}

// environment is the operator's, with the flags written over the variables that
// mean the same (docker/cli, environment variables).
func (e *engineFlags) environment(getenv func(string) string) func(string) string {
	over := map[string]string{}
	if e.config != "" {
		over["DOCKER_CONFIG"] = e.config
	}
	if e.tls {
		over["DOCKER_TLS"] = "1"
	}
	if e.tlsverify {
		over["DOCKER_TLS_VERIFY"] = "1"
	}
	return func(key string) string {
		if v, ok := over[key]; ok {
			return v
		}
		return getenv(key)
	}
}

// pluginArgs takes the plugin's own name out: the docker client runs
// `docker-fairway [its global flags] fairway [the rest]`, and for completion
// `docker-fairway __complete fairway [the rest]` (docker/cli, cli-plugins).
func pluginArgs(root *cobra.Command, plugin bool, args []string) []string {
	if !plugin {
		return args
	}
	skip := 0
	if len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd) {
		skip = 1
	}
	if i := firstWord(root.PersistentFlags(), args[skip:]) + skip; i < len(args) && args[i] == "fairway" {
		return slices.Delete(slices.Clone(args), i, i+1)
	}
	return args
}

// firstWord is the index of the first argument that is neither a flag nor a
// flag's value.
func firstWord(flags *pflag.FlagSet, args []string) int {
	probe := pflag.NewFlagSet("", pflag.ContinueOnError)
	probe.SetInterspersed(false)
	probe.ParseErrorsAllowlist.UnknownFlags = true
	flags.VisitAll(func(f *pflag.Flag) {
		probe.VarPF(discard(f.Value.Type()), f.Name, f.Shorthand, "").NoOptDefVal = f.NoOptDefVal
	})
	if probe.Parse(args) != nil {
		return len(args)
	}
	return len(args) - probe.NArg()
}

// discard is a flag's value that takes anything and keeps nothing.
type discard string

func (discard) Set(string) error { return nil }
func (discard) String() string   { return "" }
func (d discard) Type() string   { return string(d) }

// metadata answers what the docker client asks every file in its plugin
// folders (docker/cli, cli-plugins/metadata, schema 0.1.0).
func (c *command) metadata() *cobra.Command {
	return &cobra.Command{Use: "docker-cli-plugin-metadata", Hidden: true, Args: cobra.NoArgs, RunE: func(*cobra.Command, []string) error {
		b, err := json.Marshal(struct{ SchemaVersion, Vendor, Version, ShortDescription string }{
			"0.1.0", "fairway", Version(), "Find the root cause of broken Swarm networking"})
		if err == nil {
			_, err = fmt.Fprintf(c.env.Stdout, "%s\n", b)
		}
		return write("the plugin's metadata", err)
	}}
}
