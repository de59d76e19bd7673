package status

import (
	"testing"
	"time"
)

func TestText(t *testing.T) {
	for _, c := range []struct {
		v    float64
		u    Unit
		want string
	}{
		{8214, RecordsPerSecond, "8,214 records/s"}, {0.25, RecordsPerSecond, "0.2 records/s"}, {3, RecordsPerSecond, "3 records/s"},
		{0, RecordsPerSecond, "0 records/s"}, {1234567, RecordsPerSecond, "1,234,567 records/s"},
		{999, BytesPerSecond, "999 B/s"}, {999.7, BytesPerSecond, "1.0 kB/s"}, {2.1e9, BytesPerHour, "2.1 GB/h"}, {0, BytesPerHour, "0 B/h"},
		{41, Seconds, "41 s"}, {0.4, Seconds, "0.4 s"}, {0, Seconds, "0.0 s"}, {119.4, Seconds, "119 s"}, {120, Seconds, "2.0 min"}, {5400, Seconds, "90 min"},
		{7200, Seconds, "2.0 h"}, {3 * 86400, Seconds, "3.0 days"},
		{0.2, Percent, "0.2 %"}, {9.96, Percent, "10 %"}, {82.4, Percent, "82 %"},
		{1204, Messages, "1,204 messages"}, {3, Count, "3"}, {-1204, Count, "-1,204"}, {12, PerMinute, "12 /min"},
	} {
		if got := Text(c.v, c.u); got != c.want {
			t.Errorf("Text(%v, %q) = %q, want %q", c.v, c.u, got, c.want)
		}
	}
	if got := (Measure{Unit: Messages}).String(); got != None {
		t.Errorf("an unknown measure is %q, want %q", got, None)
	}
}

func TestAge(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{-time.Second: "0s", 119 * time.Second: "119s", 2 * time.Minute: "2m", 3 * time.Hour: "3h", 72 * time.Hour: "3d"} {
		if got := Age(now.Add(-ago), now); got != want {
			t.Errorf("%v ago is %q, want %q", ago, got, want)
		}
	}
	if got := Age(time.Time{}, now); got != "" {
		t.Errorf("an unknown time is %q", got)
	}
}
