package config

import (
	"encoding/json"
	"time"
)

// Setting is one value and where it came from.
type Setting struct {
	Key    string `json:"key"`
	Value  any    `json:"value"` // as a file would have it
	Origin string `json:"origin"`
}

// Settings lists every key in the order of Keys; tags one by one
// ("tags.Project").
func (c *Config) Settings() []Setting {
	var out []Setting
	for _, k := range keys {
		if k.kind == labels {
			for _, name := range sorted(c.Tags) {
				key := k.name + "." + name
				out = append(out, Setting{key, c.Tags[name], c.Origin(key).String()})
			}
			continue
		}
		out = append(out, Setting{k.name, k.plain(k.value(c)), c.Origin(k.name).String()})
	}
	return out
}

// Origin is where the value of a key came from; tags have one each.
func (c *Config) Origin(key string) Origin { return c.origins[key] }

// MarshalJSON writes the configuration as a file that Load would read to the
// same value.
func (c *Config) MarshalJSON() ([]byte, error) {
	root := map[string]any{}
	for _, k := range keys {
		root[k.name] = k.plain(k.value(c))
	}
	return json.Marshal(nested(root))
}

func (k key) value(c *Config) any {
	switch p := k.field(c).(type) {
	case *string:
		return *p
	case *int:
		return *p
	case *time.Duration:
		return *p
	case *[]Subscription:
		return *p
	case *map[string]string:
		return *p
	}
	panic("config: a field of a kind unknown: " + k.name)
}
