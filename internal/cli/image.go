package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"fairway/internal/collect"
	"fairway/internal/deploy"
)

type imageFlags struct {
	output, platform, binary, reference string
	load                                bool
}

func (c *command) image() *cobra.Command {
	var f imageFlags
	cmd := &cobra.Command{
		Use:   "image {-o FILE | --load}",
		Short: "Write this very program as an image, for sites without a registry",
		Long: `Image writes this very program as an image that ` + "`docker load`" + ` reads.

The same program gives the same bytes. Every node that is to run an agent needs
it, unless they can pull it from a registry of your own: see deploy --image.`,
		Example: "  fairway image -o fairway.tar\n  fairway image -o - | ssh worker-3 docker load\n  fairway image -o arm.tar --platform linux/arm64 --binary fairway-arm64",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.ran = cmd
			return c.runImage(cmd.Context(), f)
		},
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write the image to this `file`; - is standard output")
	cmd.Flags().BoolVar(&f.load, "load", false, "load the image into the engine instead")
	cmd.Flags().StringVar(&f.platform, "platform", "", "refuse any other `platform`, such as linux/arm64")
	cmd.Flags().StringVar(&f.binary, "binary", "", "the program at this `path` instead of this very one")
	// For loading over SSH, where another fairway has chosen the name.
	cmd.Flags().StringVar(&f.reference, "reference", "", "")
	_ = cmd.Flags().MarkHidden("reference")
	return cmd
}

func (c *command) runImage(ctx context.Context, f imageFlags) error {
	switch {
	case f.load == (f.output != ""):
		return usagef("say where to: -o FILE, -o - for standard output, or --load")
	case f.output == "-" && c.env.Width(c.env.Stdout) > 0:
		return usagef("an image is not for a terminal: give -o FILE, or pipe it into `docker load`")
	}
	i, err := nodeImage(f.binary, f.platform)
	if err != nil {
		return err
	}
	i.Reference = cmp.Or(f.reference, i.Reference)
	if err := deploy.CheckReference(i.Reference); err != nil {
		return usageError{err}
	}
	switch {
	case f.load:
		return c.loadHere(ctx, i)
	case f.output == "-":
		_, err := i.WriteTo(c.env.Stdout)
		return write("the image", err)
	}
	size, err := writeFile(f.output, i)
	if err != nil {
		return write("the image", err)
	}
	_, err = fmt.Fprintf(c.env.Stdout, "%s\nwritten to %s (%.1f MiB, linux/%s); on every node:\n  docker load -i %[2]s\n",
		i.Reference, f.output, float64(size)/(1<<20), i.Binary.Arch)
	return write("what was done", err)
}

// nodeImage makes the image of a program, this very one when path is empty. The
// platform is checked when it is given.
func nodeImage(path, platform string) (*deploy.Image, error) {
	if platform != "" && !strings.HasPrefix(platform, "linux/") {
		return nil, usagef("platform %q: agents run on Linux only, as in linux/amd64", platform)
	}
	var err error
	switch {
	case path != "":
	case runtime.GOOS == "linux":
		// The file may have been replaced or removed since this program started.
		path = "/proc/self/exe"
	default:
		if path, err = os.Executable(); err != nil {
			return nil, toolError{fmt.Errorf("find this program: %w", err)}
		}
	}
	b, err := deploy.ReadBinary(path)
	if err != nil {
		return nil, toolError{err}
	}
	if want := strings.TrimPrefix(platform, "linux/"); platform != "" && b.Arch != want {
		return nil, usagef("this program is for linux/%s: for %s give fairway's build for it with --binary", b.Arch, platform)
	}
	return deploy.NewImage(b, Version()), nil
}

// writeFile writes an image beside its place and moves it there when it is whole.
func writeFile(path string, i *deploy.Image) (size int64, err error) {
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return 0, fmt.Errorf("%s is a folder: name a file in it", path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".fairway-image-*")
	var why *fs.PathError
	if errors.As(err, &why) { // its path is one that nobody asked for
		return 0, fmt.Errorf("make a file in %s: %w", filepath.Dir(path), why.Err)
	} else if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	out := bufio.NewWriterSize(f, 1<<20)
	size, err = i.WriteTo(out)
	err = errors.Join(err, out.Flush(), f.Chmod(0o644), f.Close())
	if err != nil {
		return 0, err
	}
	return size, os.Rename(f.Name(), path)
}

// loadHere loads an image into the engine that the flags mean.
func (c *command) loadHere(ctx context.Context, i *deploy.Image) error {
	if err := c.engine.validate(); err != nil {
		return err
	}
	api, err := collect.Client(ctx, c.where(10*time.Second))
	if err != nil {
		return toolError{err}
	}
	defer api.Close()
	did, err := i.Load(ctx, api)
	if err != nil {
		return toolError{err}
	}
	what := "was there already"
	if did {
		what = "loaded"
	}
	_, err = fmt.Fprintln(c.env.Stdout, i.Reference, what)
	return write("what was done", err)
}

// where is the engine that flags and environment mean.
func (c *command) where(limit time.Duration) collect.Where {
	return collect.Where{Host: c.engine.host, Context: c.engine.context, Getenv: c.engine.environment(c.env.Getenv),
		Home: c.env.Home, Limit: limit, Now: c.env.Now}
}

var _ io.WriterTo = (*deploy.Image)(nil)
