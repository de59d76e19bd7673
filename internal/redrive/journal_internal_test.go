package redrive

import (
	"bytes"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func records(t *rapid.T) []record {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) record {
		r := record{
			kind: kind(rapid.SampledFrom([]byte("reixusd")).Draw(t, "kind")), at: time.UnixMilli(rapid.Int64Range(0, 1<<42).Draw(t, "at")),
			id: rapid.StringMatching(`[!-~]{0,40}`).Filter(func(s string) bool { return s != "-" }).Draw(t, "id"),
		}
		if r.kind == confirmed {
			r.newID, r.sequence, r.group = "n"+r.id, rapid.StringMatching(`[0-9]{0,39}`).Draw(t, "sequence"), "g"
		}
		return r
	}), 0, 30).Draw(t, "records")
}

// A journal that is cut anywhere, as by a loss of power, tells all that was
// written before; what is written after it was opened again is read too.
func TestJournalSurvivesACut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := records(t)
		var text []byte
		ends := []int{0}
		for _, r := range all {
			var err error
			if text, err = r.append(text); err != nil {
				t.Fatal(err)
			}
			ends = append(ends, len(text))
		}
		cut := rapid.IntRange(0, len(text)).Draw(t, "cut")
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= cut {
			whole++
		}
		var got []record
		take := func(r record) { got = append(got, r) }
		ended, err := readRecords(bytes.NewReader(text[:cut]), take)
		if err != nil || ended != (ends[whole] == cut) {
			t.Fatalf("got %v, %v", ended, err)
		}
		if d := cmp.Diff(all[:whole], append([]record{}, got...), cmp.AllowUnexported(record{})); d != "" {
			t.Fatal(d)
		}
	})
}

// What one process knew of messages the next one knows, whether the file was
// begun anew in between or not.
func TestJournalRemembers(t *testing.T) {
	folder, now := t.TempDir(), time.Now().Truncate(time.Millisecond)
	at := func(d time.Duration) time.Time { return now.Add(d) }
	open := func() *Journal {
		t.Helper()
		j, err := OpenJournal(folder, "arn:aws:sqs:eu-west-1:1:dead.fifo")
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	if _, err := OpenJournal(folder, "arn:aws:sqs:eu-west-1:1:dead.fifo"); err == nil {
		t.Error("two processes have one journal")
	}
	if resumed, err := j.begin("1", now); resumed || err != nil {
		t.Fatal(resumed, err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(j.intend(record{kind: intended, at: at(1), id: "maybe"}, record{kind: intended, at: at(1), id: "sent"}, record{kind: intended, at: at(1), id: "gone"},
		record{kind: intended, at: at(1), id: "not"}))
	must(j.note(record{kind: confirmed, at: at(2), id: "sent", newID: "copy", sequence: "7", group: "g"}, record{kind: confirmed, at: at(2), id: "gone"},
		record{kind: deleted, at: at(3), id: "gone"}, record{kind: refused, at: at(3), id: "not"}, record{kind: unsure, at: at(4), id: "maybe"}))
	if err := j.note(record{kind: deleted, at: now, id: "a\tb"}); err == nil {
		t.Error("an id with a tab was written down")
	}
	check := func(j *Journal) {
		t.Helper()
		for id, want := range map[string]kind{"maybe": intended, "sent": confirmed, "gone": deleted, "not": 0} {
			if e, _ := j.known(id); e.kind != want {
				t.Errorf("%s: got %q, want %q", id, e.kind, want)
			}
		}
		if from, ok := j.original("copy"); !ok || from != "sent" {
			t.Errorf("got %q for the copy, want sent", from)
		}
		if got := j.unsureOnes(); len(got) != 1 || got[0] != "maybe" {
			t.Errorf("got %q as unsure, want maybe", got)
		}
	}
	check(j)
	must(j.Close())
	file, err := os.OpenFile(j.Path(), os.O_APPEND|os.O_WRONLY, 0)
	must(err)
	_, err = file.WriteString("0badc0de\ts\t1") // cut short
	must(err)
	must(file.Close())
	j = open()
	check(j)
	if resumed, err := j.begin("2", now.Add(resumable/2)); !resumed || err != nil {
		t.Errorf("got %v, %v: half an hour later it is the same run", resumed, err)
	}
	must(j.note(record{kind: intended, at: at(5), id: "later"}))
	must(j.Close())
	j = open()
	check(j)
	if _, ok := j.known("later"); !ok {
		t.Error("what follows a line that was cut short is not read")
	}
	must(j.file.Close())
	must(j.compact(now.Add(time.Minute)))
	must(j.Close())
	j = open()
	check(j)
	must(j.end(at(6)))
	if got := j.unsureOnes(); len(got) > 0 {
		t.Errorf("got %q: a run that ended has listed them", got)
	}
	must(j.file.Close())
	must(j.compact(now.Add(keepSent + time.Hour)))
	if len(j.messages) > 0 {
		t.Errorf("got %v: messages do not live as long", j.messages)
	}
	must(j.Close())
}

func FuzzJournal(f *testing.F) {
	line, _ := record{kind: confirmed, at: time.UnixMilli(1), id: "a", newID: "b", sequence: "7", group: "g"}.append(nil)
	f.Add(line)
	f.Add([]byte("0badc0de\ts\t1\n\n\t\t\t\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		j := &Journal{messages: map[string]*entry{}, copies: map[string]string{}}
		_, err := readRecords(bytes.NewReader(text), func(r record) {
			j.apply(r)
			again, err := r.append(nil)
			if err != nil {
				return // ids that are never written
			}
			if got, err := parse(again[:len(again)-1]); err != nil || got != r {
				t.Errorf("%q came back as %+v, %v; it was %+v", again, got, err, r)
			}
		})
		if err != nil {
			t.Error(err)
		}
	})
}
