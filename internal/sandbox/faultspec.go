package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ParseFault reads a fault as people write it: what it is about, then what goes
// wrong there.
//
//	kinesis:PutRecords throttle=20%
//	sns down
//	latency=50ms
//	function:emergency slow=2s
//	function:emergency fail=100%
//	subscriber:https://127.0.0.1:9000/hook down
//	sqs:CreateQueue code=QueueDeletedRecently message="wait a minute" times=2
//
// An error says what is meant where it can be guessed.
func ParseFault(spec string) (Fault, error) {
	words, err := split(spec)
	if err == nil && !utf8.ValidString(strings.Join(words, " ")) {
		err = fmt.Errorf("%q is not text", spec)
	}
	if err != nil {
		return Fault{}, err
	}
	var f Fault
	if len(words) > 0 && isTarget(words[0]) {
		if err := f.about(words[0]); err != nil {
			return Fault{}, err
		}
		words = words[1:]
	}
	if len(words) == 0 {
		return Fault{}, fmt.Errorf("%q says nothing that goes wrong: want one of %s", spec, strings.Join(f.troubles(), ", "))
	}
	for _, w := range words {
		if err := f.set(w); err != nil {
			return Fault{}, err
		}
	}
	return f, f.check()
}

// split parts a spec at its spaces, but for those in a quoted message.
func split(spec string) ([]string, error) {
	var words []string
	for rest := strings.TrimSpace(spec); rest != ""; rest = strings.TrimLeftFunc(rest, unicode.IsSpace) {
		end := strings.IndexFunc(rest, unicode.IsSpace)
		if at := strings.Index(rest, `="`); at >= 0 && (end < 0 || at < end) {
			quoted, err := strconv.QuotedPrefix(rest[at+1:])
			if err != nil {
				return nil, fmt.Errorf("a quote in %q does not end", spec)
			}
			text, err := strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%s can't be read", quoted)
			}
			words, rest = append(words, rest[:at+1]+text), rest[at+1+len(quoted):]
			continue
		}
		if end < 0 {
			end = len(rest)
		}
		words, rest = append(words, rest[:end]), rest[end:]
	}
	return words, nil
}

// isTarget tells what a fault is about from what goes wrong.
func isTarget(word string) bool {
	name, _, isSetting := strings.Cut(word, "=")
	if strings.HasPrefix(word, "subscriber:") || strings.HasPrefix(word, "function:") {
		return true // a URL may have = in it
	}
	return !isSetting && !slices.Contains(switches, name)
}

var switches = []string{"down", "hold", "mutating"}

func (f *Fault) about(word string) error {
	kind, name, named := strings.Cut(word, ":")
	switch {
	case named && name == "":
		return fmt.Errorf("%q names nothing", word)
	case strings.Contains(word, `"`):
		return fmt.Errorf("%q has a quote in its name", word)
	case kind == anyService && named:
		f.Operation = name
	case kind == "function" && named:
		f.Function = name
	case kind == "subscriber" && named:
		f.Subscriber = name
	case troubleOf[kind] == (troubles{}):
		return fmt.Errorf("no service %q%s", kind, meant(kind, slices.Concat(slices.Sorted(maps.Keys(troubleOf)), switches, []string{"function:NAME", "subscriber:ENDPOINT"})))
	default:
		f.Service, f.Operation = kind, name
	}
	return nil
}

// troubles are the words for what may go wrong with what the fault is about.
func (f *Fault) troubles() []string {
	switch {
	case f.Function != "":
		return []string{"slow=", "fail="}
	case f.Subscriber != "":
		return []string{"down", "fail="}
	}
	return []string{"latency=", "throttle=", "error=", "down", "hold", "code="}
}

// set takes in one word.
func (f *Fault) set(word string) error {
	name, value, isSetting := strings.Cut(word, "=")
	if isSetting {
		name += "="
	}
	narrowing := []string{"after=", "times="}
	if f.Function == "" && f.Subscriber == "" {
		narrowing = append(narrowing, "mutating", "status=", "message=")
	}
	if may := slices.Concat(f.troubles(), narrowing); !slices.Contains(may, name) {
		return fmt.Errorf("%q is not for %s%s", word, f.what(), meant(name, may))
	}
	var err error
	switch name {
	case "slow=", "latency=":
		err = f.Latency.UnmarshalText([]byte(value))
		if err == nil && f.Latency == 0 {
			err = errors.New("no time at all")
		}
	case "throttle=":
		err = f.Throttle.UnmarshalText([]byte(value))
	case "error=":
		err = f.Error.UnmarshalText([]byte(value))
	case "fail=":
		err = f.Fail.UnmarshalText([]byte(value))
	case "down":
		f.Down = f.Subscriber == ""
		if f.Subscriber != "" {
			f.Fail = 1
		}
	case "hold":
		f.Hold = true
	case "mutating":
		f.Mutating = true
	case "code=":
		if f.Code = value; !isCode(value) {
			err = errors.New("want an error code of AWS's, such as AccessDeniedException")
		}
	case "message=":
		f.Message = value
	case "status=":
		f.Status, err = number(value, 400, 599)
	case "after=":
		f.After, err = number(value, 1, 1e9)
	case "times=":
		f.Times, err = number(value, 1, 1e9)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", word, err)
	}
	return nil
}

func isCode(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '.')
	}) < 0
}

func number(text string, least, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("want a number from %d to %d", least, most)
	}
	return n, nil
}

func (f *Fault) what() string {
	switch {
	case f.Function != "":
		return "a function"
	case f.Subscriber != "":
		return "a subscriber"
	}
	return "calls"
}

// check says what a fault lacks. One that was not parsed is checked, too.
func (f *Fault) check() error {
	if f.Service != "" && troubleOf[f.Service] == (troubles{}) {
		return fmt.Errorf("no service %q%s", f.Service, meant(f.Service, slices.Sorted(maps.Keys(troubleOf))))
	}
	ofCalls := f.Throttle > 0 || f.Error > 0 || f.Down || f.Hold || f.Code != "" || f.Mutating
	switch {
	case f.Function != "" && f.Subscriber != "", (f.Function != "" || f.Subscriber != "") && (f.Service != "" || f.Operation != "" || ofCalls):
		return errors.New("a fault is about calls, a function or a subscriber")
	case f.Function == "" && f.Subscriber == "" && f.Fail > 0:
		return errors.New("only functions and subscribers fail: calls are refused with error=")
	case f.Subscriber != "" && f.Latency > 0:
		return errors.New("a subscriber is dead or alive, not slow")
	case f.Code == "" && (f.Message != "" || f.Status != 0):
		return errors.New("a message or a status needs a code")
	case f.Latency == 0 && f.Fail == 0 && f.Throttle == 0 && f.Error == 0 && !f.Down && !f.Hold && f.Code == "":
		return fmt.Errorf("nothing goes wrong: want one of %s", strings.Join(f.troubles(), ", "))
	case f.Latency < 0 || f.After < 0 || f.Times < 0:
		return errors.New("a number is less than 0")
	}
	return nil
}

// meant suggests what a wrong word was to be, and lists what there is when it is
// far from all.
func meant(word string, of []string) string {
	best, least := "", 3
	for _, w := range of {
		if d := distance(word, w); d < least || strings.HasPrefix(w, word) && best == "" {
			best, least = w, d
		}
	}
	if best != "" {
		return ": did you mean " + strconv.Quote(best) + "?"
	}
	return ": want one of " + strings.Join(of, ", ")
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diagonal, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}
