package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// behaviour is one small thing that a server is seen to do, and what AWS's
// documents say is seen. The scripts that go and look are in Python, with
// boto3 and the AWS CLI: clients that share nothing with our sandbox.
type behaviour struct {
	name string // service/what
	want string
}

func (b behaviour) service() string {
	service, _, _ := strings.Cut(b.name, "/")
	return service
}

// behavioursPatience bounds one server's table.
const behavioursPatience = 2 * time.Minute

// behavioursFolder is the folder of the scripts, within that of the assets.
const behavioursFolder = "behaviours"

var behaviourRow = regexp.MustCompile(`(?m)^@behaviour\((?:"([^"\n]+)"|'([^'\n]+)'), (?:"([^"\n]+)"|'([^'\n]+)')\)$`)

// readBehaviours reads the table out of the scripts, sorted by file.
func readBehaviours(assets string) ([]behaviour, error) {
	files, err := filepath.Glob(filepath.Join(assets, behavioursFolder, "*.py"))
	if err != nil {
		return nil, err
	}
	var all []behaviour
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		rows := behaviourRow.FindAllStringSubmatch(string(text), -1)
		if marks := strings.Count(string(text), "\n@behaviour("); marks != len(rows) {
			return nil, fmt.Errorf("%s: %d behaviours, of which %d are two texts on a line", file, marks, len(rows))
		}
		for _, row := range rows {
			b := behaviour{row[1] + row[2], row[3] + row[4]}
			if slices.ContainsFunc(all, func(other behaviour) bool { return other.name == b.name }) {
				return nil, fmt.Errorf("%s: %q is there twice", file, b.name)
			}
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no behaviours in %s", assets)
	}
	return all, nil
}

// behaviourChecks are the names of the behaviours of these services, of all
// when none is named.
func behaviourChecks(services []string) func(*host) []string {
	return func(h *host) []string {
		all, err := readBehaviours(h.assets)
		if err != nil {
			return []string{err.Error()}
		}
		var names []string
		for _, b := range all {
			if len(services) == 0 || slices.Contains(services, b.service()) {
				names = append(names, b.name)
			}
		}
		return names
	}
}

// checkBehaviours looks at every behaviour of the services. A row that the
// script says nothing of fails.
func checkBehaviours(services []string) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		open := map[string]bool{}
		for _, name := range behaviourChecks(services)(w.host) {
			open[name] = true
		}
		err := w.script(ctx, behavioursPatience, func(name string, failure error) {
			delete(open, name)
			w.check(name, failure)
		}, append([]string{behavioursFolder}, services...)...)
		for name := range open {
			if err == nil {
				w.check(name, errors.New("nothing was seen"))
				continue
			}
			w.unless(name, err)
		}
		return nil
	}
}
