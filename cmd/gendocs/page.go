package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ccs-platform/ccsctl/internal/config"
)

// commandPages adds the page of a command and of all below it. What cobra
// itself brings to print help is left out.
func commandPages(c *cobra.Command, pages map[string][]byte) {
	if c.Hidden || c.Name() == "help" {
		return
	}
	pages[fileName(c)] = page(c)
	for _, sub := range c.Commands() {
		commandPages(sub, pages)
	}
}

func fileName(c *cobra.Command) string {
	return strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md"
}

// page is a command's help as Markdown. The flags that all commands have are on
// the page of the first one only.
func page(c *cobra.Command) []byte {
	if c.Runnable() {
		c.InitDefaultHelpFlag()
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s\n\n%s.\n\n%s", c.CommandPath(), c.Short, prose(c.Long))
	if c.Runnable() {
		section(&b, "Usage", c.UseLine())
	}
	section(&b, "Examples", unindent(c.Example))
	if c.HasParent() {
		section(&b, "Flags", c.NonInheritedFlags().FlagUsages())
	} else {
		section(&b, "Global flags", c.PersistentFlags().FlagUsages())
	}
	list(&b, c)
	if c.HasParent() {
		fmt.Fprintf(&b, "\nSee also [%s](%s) and the [global flags](ccsctl.md#global-flags).\n", c.Parent().CommandPath(), fileName(c.Parent()))
	}
	return b.Bytes()
}

// list names the commands below c.
func list(b *bytes.Buffer, c *cobra.Command) {
	var lines strings.Builder
	for _, sub := range c.Commands() {
		if !sub.Hidden && sub.Name() != "help" {
			fmt.Fprintf(&lines, "- [%s](%s): %s\n", sub.CommandPath(), fileName(sub), sub.Short)
		}
	}
	if lines.Len() > 0 {
		fmt.Fprintf(b, "\n## Commands\n\n%s", lines.String())
	}
}

func section(b *bytes.Buffer, title, text string) {
	if text = strings.TrimRight(text, "\n"); text != "" {
		fmt.Fprintf(b, "\n## %s\n\n```text\n%s\n```\n", title, text)
	}
}

// prose is help text as Markdown: what is indented there is shown as it stands.
func prose(text string) string {
	var b strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		block = strings.Trim(block, "\n")
		intro, rest, _ := strings.Cut(block, "\n")
		switch {
		case indented(block):
			fmt.Fprintf(&b, "```text\n%s\n```\n", unindent(block))
		case rest != "" && indented(rest):
			fmt.Fprintf(&b, "%s\n\n```text\n%s\n```\n", intro, unindent(rest))
		default:
			b.WriteString(block + "\n")
		}
	}
	return b.String()
}

func indented(text string) bool {
	return strings.HasPrefix(text, "  ") || strings.HasPrefix(text, "\t")
}

// unindent takes the help's own indentation away.
func unindent(text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		lines = append(lines, strings.TrimPrefix(strings.TrimPrefix(line, "\t"), "  "))
	}
	return strings.Join(lines, "\n")
}

const configurationHead = `# Configuration

Without ` + "`--config`" + ` the file is ` + "`ccsctl.yaml`" + ` (or ` + "`.yml`, `.json`, `.toml`" + `) of the working
folder, else ` + "`ccsctl/config.yaml`" + ` in the configuration folder of your account. A
Terraform file with the module block and a ` + "`.tfvars`" + ` are read when they are named.

Later sources win: the files in the order given, each followed by its overlay of
` + "`environments:`" + ` that has the environment's name; then variables; then flags. Any
key that holds one value can be set with ` + "`--set key=value`" + `; lists and tags are
written in files. ` + "`ccsctl config show`" + ` prints every value and where it came from,
` + "`ccsctl config init`" + ` writes a file to start from.

| key | type | default | variable | meaning |
| --- | --- | --- | --- | --- |
`

// configuration is the table of keys.
func configuration() []byte {
	var b bytes.Buffer
	b.WriteString(configurationHead)
	for _, k := range config.Keys() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", k.Name, k.Type, code(k.Default), code(k.Env), strings.ReplaceAll(k.Doc, "|", `\|`))
	}
	b.WriteString("\nThese variables stand for flags, or are for the program as a whole:")
	for i, v := range config.CommandEnv() {
		fmt.Fprintf(&b, "%s `%s`", strings.Repeat(",", min(i, 1)), v)
	}
	b.WriteString(".\n")
	return b.Bytes()
}

func code(s string) string {
	if s == "" || s == `""` {
		return ""
	}
	return "`" + s + "`"
}
