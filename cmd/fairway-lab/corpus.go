package main

import (
	"github.com/spf13/cobra"

	"fairway/lab"
)

func corpus() *cobra.Command {
	return &cobra.Command{
		Use:   "corpus FOLDER ARCHIVES",
		Short: "Pack the cases that matrix --record kept in FOLDER, one archive for each engine",
		Args:  cobra.ExactArgs(2),
		RunE:  func(_ *cobra.Command, args []string) error { return lab.Pack(args[0], args[1]) },
	}
}
