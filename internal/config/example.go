package config

import "strings"

const exampleHead = `# Configuration of ccsctl. Lines that begin with #key are the defaults: take the # away and change the value.
# A variable overrides a file: CCSCTL_ and the key in capitals, as in CCSCTL_AUTOSCALING_MAX_SHARDS.
`

const exampleTail = `
# What differs from one environment to another, by name. Choose one with --environment.
#environments:
#  dev:
#    kinesis_shard_count: 1
#    s3_data_lake_bucket: ccs-data-lake-dev
#  prod:
#    subscriptions:
#      authorities:
#        - {protocol: https, endpoint: "https://alerts.example.org/ccs"}
#      alarms:
#        - {protocol: email, endpoint: on-call@example.org}
`

// Example is a file in YAML with every key, its default and what it is for. It
// is valid as it stands. Defaults are commented out: written down they would
// outlive a change of mind of ours, and the bounds of the autoscaler would no
// longer follow the shard count.
func Example() []byte {
	var b strings.Builder
	b.WriteString(exampleHead)
	inside := ""
	for _, k := range keys {
		group, name, grouped := strings.Cut(k.name, ".")
		switch {
		case k.example != "":
			b.WriteString("\n# " + k.doc + "\n" + k.name + ": " + k.example + "\n")
			continue
		case !grouped:
			b.WriteString("\n# " + k.doc + "\n#" + k.name + ": " + k.literal(k.fallback) + "\n")
			continue
		case group != inside:
			b.WriteString("\n#" + group + ":\n")
			inside = group
		}
		b.WriteString("#  # " + k.doc + "\n#  " + name + ": " + k.literal(k.fallback) + "\n")
	}
	b.WriteString(exampleTail)
	return []byte(b.String())
}
