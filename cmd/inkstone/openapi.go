package main

import (
	"github.com/spf13/cobra"

	"inkstone/api"
)

func openAPI() *cobra.Command {
	var json bool
	c := &cobra.Command{
		Use:     "openapi",
		Short:   "输出 OpenAPI 文档",
		Example: "  inkstone openapi > openapi.yaml\n  inkstone openapi --json > openapi.json",
		Args:    arguments(),
		RunE: func(c *cobra.Command, _ []string) error {
			document := api.YAML
			if json {
				document = api.JSON()
			}
			_, err := c.OutOrStdout().Write(document)
			return err
		},
	}
	c.Flags().BoolVar(&json, "json", false, "输出 JSON")
	return c
}
