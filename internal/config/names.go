package config

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// names are the longest ones of each kind that a pipeline makes, with the most
// characters that AWS takes. Names of roles hold the Region, because IAM has
// one list of roles for all Regions; no public Region is longer than this one.
var names = []struct {
	what, suffix string
	most         int
}{
	{"IAM role", "data-lake-ap-southeast-1", 64},
	{"Firehose stream", "data-lake", 64},
	{"Lambda function", "emergency", 64},
	{"state machine", "emergency", 80},
	{"SQS queue", "emergency-dlq.fifo", 80},
	{"Kinesis stream", "telemetry", 128},
	{"SNS topic", "manager-notifications", 256},
}

// identity checks what names are made of, then the names, then the bucket's,
// which is the only one that people choose whole.
func (c checker) identity() {
	good := c.word("project_name", c.Project, "the first part of every name")
	good = c.word("environment", c.Environment, "the second part of every name") && good
	if good {
		c.lengths()
	}
	if !c.sound("s3_data_lake_bucket") {
		return
	}
	if c.DataLake.Bucket == "" {
		c.wrong("s3_data_lake_bucket", "required: the bucket of the data lake")
	} else if why := badBucket(c.DataLake.Bucket); why != "" {
		c.wrong("s3_data_lake_bucket", "S3 refuses %q: %s", c.DataLake.Bucket, why)
	}
}

func (c checker) word(key, value, purpose string) bool {
	switch {
	case !c.sound(key):
	case value == "":
		c.wrong(key, "required: %s", purpose)
	case !isWord(value):
		c.wrong(key, "want lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen, got %q", value)
	default:
		return true
	}
	return false
}

func isWord(s string) bool {
	return s != "" && 'a' <= s[0] && s[0] <= 'z' && !strings.HasSuffix(s, "-") && strings.Trim(s, lowerAlphanumeric+"-") == ""
}

// lengths tells of the name that is too long by most: shortening that one
// mends the others.
func (c checker) lengths() {
	worst, over := 0, 0
	for i, n := range names {
		if o := len(c.Name(n.suffix)) - n.most; o > over {
			worst, over = i, o
		}
	}
	if over > 0 {
		n := names[worst]
		c.wrong("project_name", "%q and environment %q are too long together by %d: the %s %s has %d characters, at most %d",
			c.Project, c.Environment, over, n.what, c.Name(n.suffix), n.most+over, n.most)
	}
}

const lowerAlphanumeric = "abcdefghijklmnopqrstuvwxyz0123456789"

// badBucket says why S3 would refuse a name ("General purpose bucket naming
// rules"), "" when it would not.
func badBucket(name string) string {
	for _, p := range []string{"xn--", "sthree-", "amzn-s3-demo-"} {
		if strings.HasPrefix(name, p) {
			return "it may not begin with " + p
		}
	}
	for _, s := range []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"} {
		if strings.HasSuffix(name, s) {
			return "it may not end with " + s
		}
	}
	edge := func(b byte) bool { return b == '.' || b == '-' }
	switch n := utf8.RuneCountInString(name); {
	case n < 3 || n > 63:
		return "want 3 to 63 characters"
	case strings.Trim(name, lowerAlphanumeric+".-") != "":
		return "want lower-case letters, digits, dots and hyphens"
	case edge(name[0]) || edge(name[len(name)-1]):
		return "want a letter or digit at both ends"
	case strings.Contains(name, ".."):
		return "it may not have two dots in a row"
	case looksLikeIP(name):
		return "it may not look like an IP address"
	}
	return ""
}

func looksLikeIP(name string) bool {
	parts := strings.Split(name, ".")
	return len(parts) == 4 && !slices.ContainsFunc(parts, func(p string) bool {
		return p == "" || len(p) > 3 || strings.Trim(p, "0123456789") != ""
	})
}
