package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/viper"

	"github.com/ccs-platform/ccsctl/internal/fault"
)

// layer is what one source sets: values of their final types, by key.
type layer struct {
	values  map[string]any
	origins map[string]Origin
	key     *unresolved // the kms_key_id that a Terraform file takes from elsewhere
}

// unresolved is a value that is in another file, which only kms_key_id may be:
// a pipeline can always have a key of its own.
type unresolved struct {
	at   Origin
	text string
}

func newLayer() *layer {
	return &layer{values: map[string]any{}, origins: map[string]Origin{}}
}

// reading is one run of Load: it gathers layers and what is wrong with them.
type reading struct {
	problems
	docs []document
	key  *unresolved // not given by any later layer
}

func build(src Source, files []file) (*Config, error) {
	r := &reading{problems: problems{broken: map[string]bool{}}}
	for _, f := range files {
		d, ok := parse(f, &r.problems)
		if !ok {
			r.lost = true
			continue
		}
		r.docs = append(r.docs, d)
	}
	layers := r.fileLayers(r.environment(src))
	variables := r.envLayer(src.Env)
	flags := r.flagLayer(src)
	c := r.merge(append(layers, variables), flags)
	for _, f := range files {
		c.Files = append(c.Files, f.name)
	}
	if !r.lost {
		r.check(c)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	r.note(c)
	return c, nil
}

// environment is the chosen one and where it was chosen. Files may give it
// too: then it is the base, on which no overlay has had a say.
func (r *reading) environment(src Source) (string, Origin) {
	if src.Environment != "" {
		return src.Environment, Origin{Flag: "--environment"}
	}
	for _, o := range slices.Backward(src.Overrides) {
		if o.Key == "environment" && o.Value != "" {
			return o.Value, Origin{Flag: o.Flag}
		}
	}
	if name := src.getenv("CCSCTL_ENVIRONMENT"); name != "" {
		return name, Origin{Env: "CCSCTL_ENVIRONMENT"}
	}
	for _, d := range slices.Backward(r.docs) {
		if name, ok := d.tree["environment"].(string); ok && name != "" {
			return name, d.at("environment")
		}
	}
	return "", Origin{}
}

// fileLayers reads every file, and every overlay whether chosen or not: a
// mistake in production's should show before the day it is used.
func (r *reading) fileLayers(chosen string, at Origin) []*layer {
	var layers []*layer
	names := map[string]bool{}
	for _, d := range r.docs {
		base := newLayer()
		r.walk(d, "", "", d.tree, base)
		layers = append(layers, base)
		over, _ := d.tree[overlays].(map[string]any)
		if over == nil && d.tree[overlays] != nil {
			r.noGroup(d, overlays, d.tree[overlays])
		}
		for _, name := range d.ordered(overlays, over) {
			names[name] = true
			l := newLayer()
			r.overlay(d, name, over[name], l)
			if name == chosen {
				layers = append(layers, l)
			}
		}
	}
	switch known := sorted(names); {
	case len(names) == 0 || names[chosen] || r.lost || r.broken["environment"]:
	case chosen == "":
		r.add(Origin{}, "environment", "choose one of %s with --environment, CCSCTL_ENVIRONMENT or the key itself", strings.Join(known, ", "))
		r.broken["environment"] = true
	default:
		r.add(at, "environment", "%s is not among environments: %s%s", chosen, strings.Join(known, ", "), didYouMean(fault.Nearest(chosen, known)))
		r.broken["environment"] = true
	}
	return layers
}

func (r *reading) overlay(d document, name string, v any, l *layer) {
	path := join(overlays, name)
	tree, ok := v.(map[string]any)
	if !ok && v != nil {
		r.noGroup(d, path, v)
	}
	for _, k := range []string{"environment", overlays} {
		if tree[k] != nil {
			r.add(d.at(join(path, k)), join(path, k), "cannot be set in an overlay, which is named after its environment")
		}
	}
	r.walk(d, path, "", tree, l)
}

// walk reads a group of keys. at is the path of the group in the document, name
// its path in the table of keys; they differ in overlays.
func (r *reading) walk(d document, at, name string, tree map[string]any, l *layer) {
	for _, part := range d.ordered(at, tree) {
		path, full, v := join(at, part), join(name, part), tree[part]
		if name == "" && (part == overlays || at != "" && part == "environment") {
			continue // read by fileLayers, refused by overlay
		}
		k, known := named(full)
		switch {
		case known && v == nil: // an empty value is as good as none
		case known:
			r.set(k, v, path, func(sub string) Origin { return d.at(path + sub) }, l)
		case group(full):
			if sub, ok := v.(map[string]any); ok {
				r.walk(d, path, full, sub, l)
			} else if v != nil {
				r.noGroup(d, path, v)
			}
		default:
			r.add(d.at(path), path, "unknown key%s", didYouMean(nearestKey(full)))
		}
	}
}

func (r *reading) noGroup(d document, path string, v any) {
	if ref, ok := v.(reference); ok {
		r.add(d.at(path), path, elsewhere, ref.text)
		return
	}
	r.add(d.at(path), path, "want a group of keys, got %s", describe(v))
}

// ordered lists the names of a group as they stand in the file.
func (d document) ordered(at string, tree map[string]any) []string {
	return slices.SortedFunc(maps.Keys(tree), func(a, b string) int {
		return cmp.Or(cmp.Compare(d.lines[join(at, a)], d.lines[join(at, b)]), strings.Compare(a, b))
	})
}

// set reads one value into a layer; path is what errors call the key.
func (r *reading) set(k key, v any, path string, origin func(sub string) Origin, l *layer) {
	if ref, ok := v.(reference); ok && k.name == "kms_key_id" {
		l.key = &unresolved{origin(""), ref.text}
		return
	}
	value := k.read(v, func(sub, format string, args ...any) {
		r.add(origin(sub), path+sub, format, args...)
	})
	if value == nil {
		r.broken[k.name] = true
		return
	}
	l.values[k.name], l.origins[k.name] = value, origin("")
	if tags, ok := value.(map[string]string); ok {
		for name := range tags {
			l.origins[k.name+"."+name] = origin("." + name)
		}
	}
}

func (r *reading) envLayer(environ []string) *layer {
	l := newLayer()
	values := map[string]string{}
	for _, pair := range environ {
		if name, v, _ := strings.Cut(pair, "="); strings.HasPrefix(name, envPrefix) {
			values[name] = v
		}
	}
	for _, name := range sorted(values) {
		at := Origin{Env: name}
		k, ok := find(func(k key) bool { return k.env() == name })
		switch {
		case slices.Contains(commandEnv, name), strings.HasPrefix(name, sandboxEnv):
		case !ok:
			r.add(at, "", "unknown variable%s", didYouMean(nearestEnv(name)))
		case values[name] == "":
		case !k.kind.scalar():
			r.add(at, k.name, "%s is a %s: write it in a file", k.name, k.kind)
		default:
			r.set(k, values[name], k.name, func(string) Origin { return at }, l)
		}
	}
	return l
}

func (r *reading) flagLayer(src Source) *layer {
	l := newLayer()
	for _, o := range src.Overrides {
		at := Origin{Flag: o.Flag}
		k, ok := named(o.Key)
		if !ok {
			r.add(at, o.Key, "unknown key%s", didYouMean(nearestKey(o.Key)))
			continue
		}
		r.set(k, o.Value, o.Key, func(string) Origin { return at }, l)
	}
	if src.Environment != "" {
		l.values["environment"], l.origins["environment"] = src.Environment, Origin{Flag: "--environment"}
	}
	return l
}

// merge lets viper put the layers over one another and reads the result once.
// Values are typed by then, so viper sees tags and lists as single values (it
// would turn the keys of maps into lower case): tags are merged here.
func (r *reading) merge(layers []*layer, flags *layer) *Config {
	v := viper.New()
	c := &Config{Tags: map[string]string{}, origins: map[string]Origin{}}
	for _, k := range keys {
		v.SetDefault(k.name, k.fallback)
	}
	for _, l := range layers {
		if err := v.MergeConfigMap(nested(l.values)); err != nil {
			panic(err) // it has no way to fail on a map
		}
		r.trace(c, l)
	}
	for name, value := range flags.values {
		v.Set(name, value)
	}
	r.trace(c, flags)
	for _, k := range keys {
		assign(k.field(c), v.Get(k.name))
	}
	follow(c)
	return c
}

// trace records where a layer's values are, and merges its tags.
func (r *reading) trace(c *Config, l *layer) {
	maps.Copy(c.origins, l.origins)
	if tags, ok := l.values["tags"].(map[string]string); ok {
		maps.Copy(c.Tags, tags)
	}
	if _, given := l.values["kms_key_id"]; given {
		r.key = nil
	}
	if l.key != nil {
		r.key = l.key
	}
}

func nested(values map[string]any) map[string]any {
	root := map[string]any{}
	for name, v := range values {
		first, rest, grouped := strings.Cut(name, ".")
		if !grouped {
			root[name] = v
			continue
		}
		sub, ok := root[first].(map[string]any)
		if !ok {
			sub = map[string]any{}
			root[first] = sub
		}
		sub[rest] = v
	}
	return root
}

// assign sets a field from what viper holds: nil for a list nobody gave.
func assign(field, v any) {
	switch p := field.(type) {
	case *string:
		*p = v.(string)
	case *int:
		*p = v.(int)
	case *time.Duration:
		*p = v.(time.Duration)
	case *[]Subscription:
		*p, _ = v.([]Subscription)
	case *map[string]string: // merged by trace
	default:
		panic(fmt.Sprintf("config: no way to assign %T", field))
	}
}
