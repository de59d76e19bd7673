package load_test

import (
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ccs-platform/ccsctl/internal/traffic/load"
)

func must(t interface{ Fatal(...any) }, l load.Load, err error) load.Load {
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestShapes(t *testing.T) {
	trace, err := os.Open("testdata/nasa-30-minutes.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	recorded, err := load.Read(trace)
	must(t, recorded, err)
	for _, c := range []struct {
		name      string
		load      func() (load.Load, error)
		perSecond string // of the first seconds
		peak      float64
		length    time.Duration
		all       int64
	}{
		{"steady", func() (load.Load, error) { return load.Steady(1000, 3*time.Second) }, "[1000 1000 1000 0]", 1000, 3 * time.Second, 3000},
		{"endless", func() (load.Load, error) { return load.Steady(0.5, 0) }, "[0 1 0 1]", 0.5, 0, 2},
		{"ramp", func() (load.Load, error) { return load.Ramp(0, 300, 3*time.Second) }, "[50 150 250 0]", 300, 3 * time.Second, 450},
		{"surge", func() (load.Load, error) { return load.Surge(10, 100, 3*time.Second) }, "[10 100 10 0]", 100, 3 * time.Second, 120},
		{"the first of a surge", func() (load.Load, error) {
			l, err := load.Surge(10, 100, 3*time.Second)
			return l.First(1500 * time.Millisecond), err
		}, "[10 50 0 0]", 100, 1500 * time.Millisecond, 60},
		{"all of a ramp is no more", func() (load.Load, error) {
			l, err := load.Ramp(0, 300, 3*time.Second)
			return l.First(time.Hour), err
		}, "[50 150 250 0]", 300, 3 * time.Second, 450},
		{"a trace 900 times as fast, up to 100", func() (load.Load, error) {
			l, err := recorded.Scaled(100)
			if err != nil {
				return l, err
			}
			return l.Faster(900)
		}, "[72 77 0 0]", 100, 2 * time.Second, 149},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := c.load()
			must(t, l, err)
			var perSecond []int64
			for s := range time.Duration(4) {
				perSecond = append(perSecond, l.Offered((s+1)*time.Second)-l.Offered(s*time.Second))
			}
			if got := fmt.Sprint(perSecond); got != c.perSecond {
				t.Errorf("offers %s a second, want %s", got, c.perSecond)
			}
			if math.Abs(l.Peak()-c.peak) > 0.5 || l.Length() != c.length || l.Endless() != (c.length == 0) {
				t.Errorf("peak %v, length %v, endless %v; want %v and %v", l.Peak(), l.Length(), l.Endless(), c.peak, c.length)
			}
			if all := l.Offered(4 * time.Second); all != c.all {
				t.Errorf("%d in all, want %d", all, c.all)
			}
		})
	}
}

// What is offered is the rate summed up, whatever the shape.
func TestOfferedIsTheSumOfTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate, peak := rapid.Float64Range(0, 5000), rapid.Float64Range(0, 5000)
		length := time.Duration(rapid.IntRange(1, 20_000).Draw(t, "ms")) * time.Millisecond
		var l load.Load
		var err error
		switch rapid.IntRange(0, 2).Draw(t, "shape") {
		case 0:
			l, err = load.Ramp(rate.Draw(t, "from"), peak.Draw(t, "to"), length)
		case 1:
			l, err = load.Surge(rate.Draw(t, "rate"), peak.Draw(t, "peak"), length)
		case 2:
			l, err = load.Steady(rate.Draw(t, "rate"), length)
		}
		must(t, l, err)
		l = l.First(time.Duration(rapid.Int64Range(1, int64(length)).Draw(t, "first")))
		const steps = 10_000
		sum, before := 0.0, int64(0)
		for i := range steps {
			at := l.Length() * time.Duration(i) / steps
			sum += l.Rate(at) * l.Length().Seconds() / steps
			now := l.Offered(at)
			if now < before || math.Abs(float64(now)-sum) > 2+0.002*sum+5000*l.Length().Seconds()*3/steps {
				t.Fatalf("at %v %d are offered, after %d; the rate's sum is %.1f", at, now, before, sum)
			}
			before = now
		}
		if past := l.Offered(l.Length() + time.Hour); past != l.Offered(l.Length()) || l.Rate(l.Length()+time.Hour) != 0 {
			t.Errorf("after the end something is offered")
		}
	})
}

func TestTracesThatCanNotBeRead(t *testing.T) {
	for text, want := range map[string]string{
		"":                                          "it is empty",
		"a,b\n1,2\n":                                "line 1: want columns offset_s and records_per_s, found a, b",
		"offset_s,records_per_s\n":                  "fewer than two rows",
		"offset_s,records_per_s\n0,1":               "fewer than two rows",
		"offset_s,records_per_s\n5,1":               "line 2: the first offset_s is 5: want 0",
		"offset_s,records_per_s\n0,x":               `line 2: records_per_s "x" is not a rate`,
		"offset_s,records_per_s\n0,-1":              `line 2: records_per_s "-1" is not a rate`,
		"offset_s,records_per_s\nNaN,1":             `line 2: offset_s "NaN" is not a number`,
		"offset_s,records_per_s\n0,1\n\n60,1\n60,2": "line 5: offset_s 60 is not after the row before",
		"offset_s,records_per_s\n0,1,2":             "wrong number of fields",
	} {
		if _, err := load.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestLoadsThatAreNone(t *testing.T) {
	for name, l := range map[string]func() (load.Load, error){
		"negative":  func() (load.Load, error) { return load.Steady(-1, time.Second) },
		"no number": func() (load.Load, error) { return load.Ramp(0, math.NaN(), time.Second) },
		"too many":  func() (load.Load, error) { return load.Surge(1, math.Inf(1), time.Second) },
		"backwards": func() (load.Load, error) { return load.Steady(1, -time.Second) },
		"at a stop": func() (load.Load, error) { return load.Load{}.Faster(0) },
	} {
		if _, err := l(); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if n := (load.Load{}).Offered(time.Hour); n != 0 {
		t.Errorf("nothing offers %d", n)
	}
}

// Whatever can be read offers something sensible.
func FuzzRead(f *testing.F) {
	f.Add("offset_s,records_per_s,source_count\n0,5000.1,94\n300,4468.1,84\n")
	f.Add("\ufeffrecords_per_s, offset_s\n1e7,0\n0,9e9\n")
	f.Add("offset_s,records_per_s\n0,1\n1e-10,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		l, err := load.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		before := int64(0)
		for i := range time.Duration(101) {
			now := l.Offered(l.Length() / 100 * i)
			if now < before || l.Rate(l.Length()/100*i) < 0 {
				t.Fatalf("at %v: %d offered after %d, rate %v", l.Length()/100*i, now, before, l.Rate(l.Length()/100*i))
			}
			before = now
		}
	})
}
