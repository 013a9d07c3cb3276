package config

import (
	"fmt"
	"strings"
)

// Markdown returns the table of the settings as the README of a language, "zh" or "en", shows it.
func Markdown(language string) string {
	var b strings.Builder
	head, secret, production, split := "| Name | Default | Meaning |", " Secret: `%s_FILE` names a file instead.", "%s, in production %s", "%s, else than with TARGET `all` %s"
	if language == "zh" {
		head, secret, production, split = "| 名称 | 默认值 | 含义 |", "（机密：可用 `%s_FILE` 指定文件）", "%s，生产环境 %s", "%s，TARGET 不为 `all` 时 %s"
	}
	b.WriteString(head + "\n|---|---|---|\n")
	for _, s := range Settings() {
		meaning := s.EN
		if language == "zh" {
			meaning = s.ZH
		}
		if s.Secret {
			meaning += fmt.Sprintf(secret, s.Name)
		}
		standard := "–"
		if s.Default != "" {
			standard = "`" + s.Default + "`"
		}
		if s.Strict != "" {
			standard = fmt.Sprintf(production, standard, "`"+s.Strict+"`")
		}
		if s.Split != "" {
			standard = fmt.Sprintf(split, standard, "`"+s.Split+"`")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", s.Name, standard, meaning)
	}
	return b.String()
}
