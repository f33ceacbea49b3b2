package cli

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"fairway/internal/collect"
	"fairway/internal/deploy"
)

type serveImageFlags struct {
	listen, reference, digest string
	life                      time.Duration
}

// serveImage is what `deploy --load mesh` runs in a container, on the manager it
// speaks to.
func (c *command) serveImage() *cobra.Command {
	var f serveImageFlags
	cmd := &cobra.Command{
		Use:    "serve-image",
		Short:  "Hand this very program out as an image, read-only, for a while",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.ran = cmd
			return c.runServeImage(cmd.Context(), f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.listen, "listen", "127.0.0.1:5000", "listen on this `[address]:port`")
	fs.StringVar(&f.reference, "reference", "", "the image's `name`, REGISTRY/NAME:TAG")
	fs.StringVar(&f.digest, "digest", "", "the `digest` that its manifest must have")
	fs.DurationVar(&f.life, "for", 5*time.Minute, "end after this `duration`")
	return cmd
}

func (c *command) runServeImage(ctx context.Context, f serveImageFlags) error {
	i, err := nodeImage("", "")
	if err != nil {
		return err
	}
	i.Reference = cmp.Or(f.reference, i.Reference)
	if err := deploy.CheckReference(i.Reference); err != nil {
		return usageError{err}
	}
	r, err := deploy.NewRegistry(i)
	switch {
	case err != nil:
		return toolError{err}
	case f.digest != "" && f.digest != r.Digest:
		return toolError{fmt.Errorf("this program makes another image (%s) than the one that deployed it expects (%s): deploy with fairway of the same version", r.Digest, f.digest)}
	}
	ctx, cancel := context.WithTimeout(ctx, f.life)
	defer cancel()
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", f.listen)
	if err != nil {
		return toolError{fmt.Errorf("serve the image: %w", err)}
	}
	if _, err := fmt.Fprintf(c.env.Stdout, "%s@%s on %s\n", i.Reference, r.Digest, l.Addr()); err != nil {
		return write("what is served", err)
	}
	if err := r.Serve(ctx, l); err != nil {
		return toolError{err}
	}
	return nil
}

// keepImage is what `deploy --load mesh` runs on a node that has just pulled the
// image.
func (c *command) keepImage() *cobra.Command {
	var from, reference string
	cmd := &cobra.Command{
		Use:    "keep-image",
		Short:  "Give an image that was pulled by its digest the name that agents run",
		Args:   cobra.NoArgs,
		Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.ran = cmd
			return c.runKeepImage(cmd.Context(), from, reference)
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "the `name` it was pulled by, REGISTRY/NAME@DIGEST")
	cmd.Flags().StringVar(&reference, "reference", "", "the `name` to keep, REGISTRY/NAME:TAG")
	return cmd
}

func (c *command) runKeepImage(ctx context.Context, from, reference string) error {
	if err := cmp.Or(deploy.CheckReference(from), deploy.CheckReference(reference)); err != nil {
		return usageError{err}
	}
	if err := c.engine.validate(); err != nil {
		return err
	}
	api, err := collect.Client(ctx, c.where(10*time.Second))
	if err != nil {
		return toolError{err}
	}
	defer api.Close()
	if err := deploy.Keep(ctx, api, from, reference); err != nil {
		return toolError{err}
	}
	return nil
}
