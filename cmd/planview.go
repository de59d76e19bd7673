package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/aymanbagabas/go-udiff"

	"github.com/ccs-platform/ccsctl/internal/console"
	"github.com/ccs-platform/ccsctl/internal/plan"
	"github.com/ccs-platform/ccsctl/internal/resource"
)

// where says what a result is about. It is part of every result that names
// resources, so that a pasted one can't be taken for another account's.
type where struct {
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Account     string `json:"account"`
	Region      string `json:"region"`
	Sandbox     bool   `json:"sandbox"`
}

func (t *target) where() where {
	return where{Project: t.config.Project, Environment: t.config.Environment, Account: t.session.Account, Region: t.session.Region, Sandbox: t.inSandbox()}
}

// planView is a plan as it is printed.
type planView struct {
	where
	Counts    map[resource.Action]int `json:"counts"`
	Calls     int                     `json:"calls"`
	Resources []planRow               `json:"resources"`
}

// planRow is one resource of a plan, named as in every other result.
type planRow struct {
	Resource   resource.ID          `json:"resource"`
	Action     resource.Action      `json:"action"`
	Reason     string               `json:"reason,omitempty"`
	Problem    string               `json:"problem,omitempty"`
	Attributes []resource.Attribute `json:"attributes,omitempty"`
	Calls      []string             `json:"calls,omitempty"`
}

func newPlanView(t *target, p *plan.Plan) planView {
	v := planView{where: t.where(), Counts: map[resource.Action]int{}, Calls: p.Calls()}
	for _, it := range p.Items {
		c := it.Change
		v.Counts[c.Action]++
		v.Resources = append(v.Resources, planRow{it.ID, c.Action, c.Reason, c.Problem, c.Attributes, c.Calls()})
	}
	return v
}

// pending reports whether there is anything but waiting left to do.
func (v planView) pending() bool {
	return v.Counts[resource.None]+v.Counts[resource.Keep] < len(v.Resources)
}

// Header and Rows are the plain form: one line a resource and attribute.
func (v planView) Header() []string {
	return []string{"action", "resource", "attribute", "old", "new", "reason"}
}

func (v planView) Rows() [][]string {
	var rows [][]string
	for _, r := range v.Resources {
		row := []string{string(r.Action), r.Resource.String(), "", "", "", r.Reason}
		if len(r.Attributes) == 0 {
			rows = append(rows, row)
		}
		for _, a := range r.Attributes {
			rows = append(rows, []string{row[0], row[1], a.Name, a.Old, a.New, row[5]})
		}
	}
	return rows
}

// Items are the plan's resources, for NDJSON.
func (v planView) Items() []any {
	items := make([]any, len(v.Resources))
	for i, r := range v.Resources {
		items[i] = r
	}
	return items
}

// signs are how the actions look, which must be told apart without colour.
var signs = map[resource.Action]string{
	resource.Create: "+", resource.Update: "~", resource.Replace: "±", resource.Delete: "-", resource.Conflict: "!", resource.Keep: "=",
}

// Human is the diff that a person reads.
func (v planView) Human(p *console.Painter) string {
	var b strings.Builder
	for _, c := range v.Resources {
		if c.Action == resource.None && c.Problem == "" {
			continue
		}
		sign, paint := signs[c.Action], painting(p, c.Action)
		if c.Action == resource.None {
			sign = "·"
		}
		fmt.Fprintf(&b, "%s %-9s %s", paint(sign), paint(string(c.Action)), p.Bold(c.Resource.String()))
		if c.Reason != "" {
			fmt.Fprintf(&b, "  %s", c.Reason)
		}
		b.WriteByte('\n')
		if c.Problem != "" {
			fmt.Fprintf(&b, "      %s %s\n", p.Red("problem:"), c.Problem)
		}
		if c.Action == resource.Create {
			v.created(&b, p, c.Attributes)
		} else {
			v.changed(&b, p, c.Attributes)
		}
		if len(c.Calls) > 0 {
			b.WriteString(wrapped(p, p.Dim(strings.Join(c.Calls, ", "))))
		}
	}
	b.WriteString(v.summary(p))
	return b.String()
}

func painting(p *console.Painter, a resource.Action) func(string) string {
	switch a {
	case resource.Create:
		return p.Green
	case resource.Update, resource.Replace:
		return p.Yellow
	case resource.Delete, resource.Conflict:
		return p.Red
	default:
		return p.Dim
	}
}

// created lists the settings of something new on as few lines as read well.
// Documents are named, not shown: they have nothing to be compared with.
func (v planView) created(b *strings.Builder, p *console.Painter, attributes []resource.Attribute) {
	var parts []string
	for _, a := range attributes {
		if strings.HasPrefix(a.New, "{") || strings.HasPrefix(a.Name, "tags.") {
			continue
		}
		parts = append(parts, p.Dim(a.Name)+" "+v.short(a.New))
	}
	if len(parts) > 0 {
		b.WriteString(wrapped(p, strings.Join(parts, p.Dim(" · "))))
	}
}

var colour = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// wrapped breaks a resource's line between words where the terminal ends, so
// that names stay whole.
func wrapped(p *console.Painter, text string) string {
	const indent = "      "
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(text) {
		width := utf8.RuneCountInString(colour.ReplaceAllString(word, ""))
		switch {
		case column == 0:
			b.WriteString(indent)
			column = len(indent)
		case p.Width() > 0 && column+1+width >= p.Width():
			b.WriteString("\n" + indent)
			column = len(indent)
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += width
	}
	b.WriteByte('\n')
	return b.String()
}

// short writes the ARNs of this account and region by what they name: the rest
// is in the first line that a command prints.
func (v planView) short(text string) string {
	own := regexp.MustCompile(`arn:[a-z-]+:[a-z0-9-]+:(` + regexp.QuoteMeta(v.Region) + `)?:` + regexp.QuoteMeta(v.Account) + `:`)
	return own.ReplaceAllString(text, "")
}

// changed shows every attribute, old and new; documents line by line.
func (v planView) changed(b *strings.Builder, p *console.Painter, attributes []resource.Attribute) {
	for _, a := range attributes {
		note := ""
		if a.Replaces {
			note = "  " + p.Yellow("(AWS can't change this in place)")
		}
		if diff := documentDiff(a.Old, a.New); diff != "" {
			fmt.Fprintf(b, "      %s%s\n", a.Name, note)
			for line := range strings.Lines(diff) {
				paint := func(s string) string { return s }
				switch {
				case strings.HasPrefix(line, "+"):
					paint = p.Green
				case strings.HasPrefix(line, "-"):
					paint = p.Red
				case strings.HasPrefix(line, "@@"):
					paint = p.Dim
				}
				fmt.Fprintf(b, "        %s\n", paint(strings.TrimRight(line, "\n")))
			}
			continue
		}
		fmt.Fprintf(b, "      %s  %s → %s%s\n", a.Name, v.short(orNone(a.Old)), v.short(orNone(a.New)), note)
	}
}

// documentDiff compares two JSON documents line by line, "" when either is none.
func documentDiff(before, after string) string {
	x, ok := indented(before)
	y, ok2 := indented(after)
	if !ok || !ok2 {
		return ""
	}
	diff := udiff.Unified("", "", x, y)
	for range 2 { // the two lines that name files
		_, diff, _ = strings.Cut(diff, "\n")
	}
	return diff
}

func indented(doc string) (string, bool) {
	if !strings.HasPrefix(doc, "{") {
		return "", false
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(doc), "", "  ") != nil {
		return "", false
	}
	return b.String() + "\n", true
}

func (v planView) summary(p *console.Painter) string {
	var parts []string
	add := func(a resource.Action, text string, paint func(string) string) {
		if n := v.Counts[a]; n > 0 {
			parts = append(parts, paint(fmt.Sprintf("%d %s", n, text)))
		}
	}
	add(resource.Create, "to create", p.Green)
	add(resource.Update, "to update", p.Yellow)
	add(resource.Replace, "to replace", p.Yellow)
	add(resource.Delete, "to delete", p.Red)
	add(resource.Conflict, "in conflict", p.Red)
	add(resource.Keep, "to keep", p.Dim)
	if !v.pending() {
		return fmt.Sprintf("%s all %d resources are as wanted, 0 calls to make\n", p.Green("no changes:"), len(v.Resources))
	}
	add(resource.None, "as wanted", p.Dim)
	return fmt.Sprintf("%s %s · %s\n", p.Bold("plan:"), strings.Join(parts, ", "), count(v.Calls, "call"))
}
