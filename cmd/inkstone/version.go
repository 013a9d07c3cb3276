package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"inkstone/internal/app"
)

func version() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "显示版本",
		Example: "  inkstone version",
		Args:    arguments(),
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprint(c.OutOrStdout(), versionLine())
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("inkstone %s %s %s/%s\n", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
