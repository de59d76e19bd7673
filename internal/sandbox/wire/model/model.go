// Package model holds what AWS's own API models say of the requests that the
// sandbox serves: shapes with their constraints, and the codes and statuses of
// errors. The tables are made by the gen command beside it and never by hand.
package model

import (
	"embed"
	"encoding/json"
	"fmt"
)

//go:embed *.json
var tables embed.FS

// Model is what one service's API model says.
type Model struct {
	Source          string               `json:"source"`
	Protocols       []string             `json:"protocols"`
	TargetPrefix    string               `json:"target_prefix,omitempty"`
	JSONVersion     string               `json:"json_version,omitempty"`
	APIVersion      string               `json:"api_version"`
	XMLNamespace    string               `json:"xml_namespace,omitempty"`
	QueryCompatible bool                 `json:"query_compatible,omitempty"`
	Operations      map[string]Operation `json:"operations"`
	Shapes          map[string]Shape     `json:"shapes"`
	Errors          map[string]Error     `json:"errors"`
}

// Operation is one operation: where it is served, what it takes, how it fails.
type Operation struct {
	Method  string   `json:"method,omitempty"` // with URI, for REST protocols
	URI     string   `json:"uri,omitempty"`
	Status  int      `json:"status,omitempty"` // of success, when not 200
	Input   string   `json:"in,omitempty"`     // a name in Shapes
	Wrapper string   `json:"wrapper,omitempty"`
	Errors  []string `json:"errors,omitempty"`
}

// Shape is the form of one value and its constraints. Min and Max bound a
// number, or the length of a string, blob, list or map.
type Shape struct {
	Type      string            `json:"t"`
	Required  []string          `json:"req,omitempty"`
	Members   map[string]Member `json:"m,omitempty"`
	Payload   string            `json:"payload,omitempty"`
	Item      *Member           `json:"item,omitempty"`
	Key       *Member           `json:"key,omitempty"`
	Value     *Member           `json:"value,omitempty"`
	Min       *float64          `json:"min,omitempty"`
	Max       *float64          `json:"max,omitempty"`
	Pattern   string            `json:"pattern,omitempty"` // must match the whole value
	Enum      []string          `json:"enum,omitempty"`
	Flattened bool              `json:"flat,omitempty"`
	Timestamp string            `json:"ts,omitempty"`
}

// Member is a use of a shape by another one.
type Member struct {
	Shape     string `json:"s"`
	Location  string `json:"loc,omitempty"`  // uri, querystring, header; "" is the body
	Name      string `json:"name,omitempty"` // on the wire, when not the member's own
	Flattened bool   `json:"flat,omitempty"`
	Timestamp string `json:"ts,omitempty"`
}

// Error is how an error looks on the wire. Code is empty when it is the shape's
// own name.
type Error struct {
	Code   string `json:"code,omitempty"`
	Status int    `json:"status"`
}

// Load reads the table of one service, "kinesis" for example. It fails only for
// a service that has none.
func Load(service string) (*Model, error) {
	text, err := tables.ReadFile(service + ".json")
	if err != nil {
		return nil, fmt.Errorf("no model of %s", service)
	}
	m := new(Model)
	if err := json.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("model of %s: %w", service, err)
	}
	return m, nil
}
