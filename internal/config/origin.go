package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// Origin is where a value came from. The zero Origin is the default.
type Origin struct {
	File    string // as the person named it
	Line    int    // in File; 0 when unknown
	Env     string // the variable
	Flag    string // with its dashes
	Follows string // a default that gave way to the value of this key
}

func (o Origin) String() string {
	switch {
	case o.File != "" && o.Line > 0:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	case o.File != "":
		return o.File
	case o.Env != "":
		return o.Env
	case o.Flag != "":
		return o.Flag
	case o.Follows != "":
		return "follows " + o.Follows
	}
	return "default"
}

// problem is one line of the error that Load returns.
type problem struct {
	at  Origin
	key string // "" when it concerns no key
	msg string
}

func (p problem) Error() string {
	var parts []string
	if p.at.File != "" || p.at.Env != "" || p.at.Flag != "" {
		parts = append(parts, p.at.String())
	}
	// A variable and a flag are named after their key: once is enough.
	if p.key != "" && p.at.Env == "" && p.at.Flag == "" {
		parts = append(parts, p.key)
	}
	return strings.Join(append(parts, p.msg), ": ")
}

// problems collects what is wrong, so that all of it can be told at once.
type problems struct {
	list   []error
	broken map[string]bool // keys whose value could not be read: not checked further
	lost   bool            // a file could not be read: what is missing may be in it
}

func (p *problems) add(at Origin, key, format string, args ...any) {
	p.list = append(p.list, problem{at, key, fmt.Sprintf(format, args...)})
}

func (p *problems) err() error {
	return fault.As(fault.Usage, errors.Join(p.list...), "")
}
