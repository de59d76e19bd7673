package firehose

import (
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/firehose/types"

	"github.com/ccs-platform/ccsctl/internal/sandbox/bus"
)

// objectKey is the name of an object whose oldest record arrived at a time:
// the evaluated prefix and Firehose's suffix ("Configure Amazon S3 object name
// format" and "Custom prefixes for Amazon S3 objects"). failure is the
// error-output-type of an object of failed records, "" for all others.
func (t target) objectKey(oldest time.Time, failure, extension string) string {
	zone, err := time.LoadLocation(aws.ToString(t.destination.CustomTimeZone))
	if err != nil {
		zone = time.UTC // checkDestination has refused it
	}
	at := oldest.In(zone)
	prefix := aws.ToString(t.destination.Prefix)
	if failure != "" && t.destination.ErrorOutputPrefix != nil {
		prefix = *t.destination.ErrorOutputPrefix
	} else if failure != "" {
		prefix += failure + "/"
	}
	if failure == "" && aws.ToString(t.destination.FileExtension) != "" {
		extension = *t.destination.FileExtension
	}
	return evaluate(prefix, at, failure) + fmt.Sprintf("%s-%d-%s-%s%s", t.name, t.version, at.Format("2006-01-02-15-04-05"), bus.NewUUID(), extension)
}

// evaluate replaces a prefix's expressions. One without any is followed by the
// hour, and nothing stands between them.
func evaluate(prefix string, at time.Time, failure string) string {
	if !strings.Contains(prefix, "!{") {
		return prefix + at.Format("2006/01/02/15/")
	}
	return expression().ReplaceAllStringFunc(prefix, func(e string) string {
		namespace, value, _ := strings.Cut(e[2:len(e)-1], ":")
		switch {
		case namespace == "timestamp":
			text, _ := javaTime(value, at) // checkPrefixes has looked at it
			return text
		case value == "random-string":
			return rand.Text()[:11]
		default:
			return failure
		}
	})
}

// javaTime formats a time by a pattern of Java's DateTimeFormatter. ok is false
// for a letter that it has no number or name for.
func javaTime(pattern string, at time.Time) (text string, ok bool) {
	var out strings.Builder
	for pattern != "" {
		c := pattern[0]
		n := len(pattern) - len(strings.TrimLeft(pattern, string(c)))
		switch {
		case c == '\'':
			literal, rest, closed := strings.Cut(pattern[1:], "'")
			if !closed {
				return "", false
			}
			if literal == "" {
				literal = "'" // two of them are one
			}
			out.WriteString(literal)
			pattern = rest
			continue
		case (c < 'a' || c > 'z') && (c < 'A' || c > 'Z'):
			out.WriteString(pattern[:n])
		default:
			field, ok := javaField(c, n, at)
			if !ok {
				return "", false
			}
			out.WriteString(field)
		}
		pattern = pattern[n:]
	}
	return out.String(), true
}

// javaField is n times the letter c of a pattern.
func javaField(c byte, n int, at time.Time) (string, bool) {
	number := 0
	switch c {
	case 'y', 'u':
		if number = at.Year(); n == 2 {
			number %= 100
		}
	case 'M', 'L':
		if n == 3 {
			return at.Format("Jan"), true
		}
		if n == 4 {
			return at.Format("January"), true
		}
		number = int(at.Month())
	case 'E':
		if n == 4 {
			return at.Format("Monday"), true
		}
		return at.Format("Mon"), n < 4
	case 'a':
		return at.Format("PM"), n == 1
	case 'S':
		return fmt.Sprintf("%09d", at.Nanosecond())[:min(n, 9)], n <= 9
	case 'D':
		number = at.YearDay()
	case 'd':
		number = at.Day()
	case 'H':
		number = at.Hour()
	case 'h':
		number = (at.Hour()+11)%12 + 1
	case 'm':
		number = at.Minute()
	case 's':
		number = at.Second()
	default:
		return "", false
	}
	text := strconv.Itoa(number)
	return strings.Repeat("0", max(0, n-len(text))) + text, true
}

// target is a delivery stream's destination as it is at one moment.
type target struct {
	name        string
	version     int
	source      bool // Kinesis, whose records have sequence numbers
	destination types.ExtendedS3DestinationConfiguration
}

func (s *Service) target(st *stream) target {
	s.mu.Lock()
	defer s.mu.Unlock()
	return target{name: st.name, version: st.version, source: st.source != nil, destination: st.destination}
}

// conversion is the target's, nil when records are kept as they came.
func (t target) conversion() *types.DataFormatConversionConfiguration {
	if c := t.destination.DataFormatConversionConfiguration; c != nil && enabled(c.Enabled) {
		return c
	}
	return nil
}
