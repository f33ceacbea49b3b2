package cli

import (
	"strings"
	"testing"
	"time"

	"fairway/internal/fact"
)

func TestWindowOfFlags(t *testing.T) {
	now := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	at := func(s string) time.Time {
		got, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	for _, c := range []struct {
		since, until string
		from, to     time.Time
		bad          string
	}{
		{"", "", time.Time{}, time.Time{}, ""},
		{"2h", "", now.Add(-2 * time.Hour), time.Time{}, ""},
		{"2h", "90m", now.Add(-2 * time.Hour), now.Add(-90 * time.Minute), ""},
		{"2026-11-23T08:00:00Z", "2026-11-23T10:30:00+02:00", at("2026-11-23T08:00:00Z"), at("2026-11-23T08:30:00Z"), ""},
		{"2026-11-23 08:00", "", at("2026-11-23T08:00:00Z"), time.Time{}, ""},
		{"yesterday", "", time.Time{}, time.Time{}, "neither a time"},
		{"1h", "2h", time.Time{}, time.Time{}, "not before"},
		{"2027-01-01", "", time.Time{}, time.Time{}, "future"},
	} {
		var q fact.Question
		err := (&logFlags{since: c.since, until: c.until}).window(&q, now)
		switch {
		case c.bad != "":
			if err == nil || !strings.Contains(err.Error(), c.bad) {
				t.Errorf("%q %q: %v, want %q", c.since, c.until, err, c.bad)
			}
		case err != nil || !q.Since.Equal(c.from) || !q.Until.Equal(c.to):
			t.Errorf("%q %q: %v to %v (%v)", c.since, c.until, q.Since, q.Until, err)
		}
	}
	for _, path := range []string{"relative.log", "/var/log/../shadow"} {
		if (&logFlags{places: logPlaces{engine: path}}).window(&fact.Question{}, now) == nil {
			t.Errorf("--engine-log %s passes", path)
		}
	}
}
