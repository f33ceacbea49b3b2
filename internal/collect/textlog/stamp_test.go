package textlog

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestStamp(t *testing.T) {
	c := newClock(zoneOf(t, "Europe/Berlin"), time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC))
	for line, want := range map[string]string{
		`time="2026-11-23T10:00:00.123456789Z" level=info msg=a`:       "2026-11-23T10:00:00.123456789Z",
		`time="2026-11-23T10:00:00.5+05:30" level=info msg=a`:          "2026-11-23T04:30:00.5Z",
		`time="2026-11-23T10:00:00-0800" level=info msg=a`:             "2026-11-23T18:00:00Z",
		`2026-11-23T10:00:00.123456+01:00 n1 dockerd[1]: a`:            "2026-11-23T09:00:00.123456Z",
		`2026-11-23 10:00:00,5 dockerd: a`:                             "2026-11-23T09:00:00.5Z",
		`2026-07-23T10:00:00 n1 dockerd[1]: a`:                         "2026-07-23T08:00:00Z",
		`2026-02-28T23:59:60Z`:                                         "2026-03-01T00:00:00Z",
		`Jan  5 12:30:00 n1 dockerd[1]: a`:                             "2026-01-05T11:30:00Z",
		`Jan 6 13:59:59 n1 dockerd[1]: a day ahead of the file`:        "2026-01-06T12:59:59Z",
		`Jan  6 15:00:00 n1 dockerd[1]: too far ahead`:                 "2025-01-06T14:00:00Z",
		`Dec 31 23:59:59 n1 dockerd[1]: a`:                             "2025-12-31T22:59:59Z",
		`Feb 29 10:00:00.25 n1 dockerd[1]: a leap year`:                "2024-02-29T09:00:00.25Z",
		`Oct 26 02:30:00 n1 dockerd[1]: an hour that comes twice`:      "2025-10-26T00:30:00Z",
		`Mar 30 02:30:00 n1 dockerd[1]: an hour that does not exist`:   "2025-03-30T01:30:00Z",
		`Nov 31 10:00:00 n1 dockerd[1]: a`:                             "",
		`Foo 23 10:00:00 n1 dockerd[1]: a`:                             "",
		`anF 23 10:00:00 n1 dockerd[1]: a`:                             "",
		`2026-13-23T10:00:00Z`:                                         "",
		`2026-02-29T10:00:00Z`:                                         "",
		`2026-11-23T24:00:00Z`:                                         "",
		`2026-11-23T10:00:00Zulu time`:                                 "",
		`0000-11-23T10:00:00Z`:                                         "",
		`time="2026-11-23T10:00:00.123456789Z level=info`:              "",
		`Nov 23 10:00:0`:                                               "",
		`goroutine 1 [running]: and so on`:                             "",
		`time="2026-11-23T10:00:00.1234567891234Z" level=info msg=a`:   "",
		`Sep 99 99:99:99 n1 dockerd: nothing is this large, is it now`: "",
	} {
		got := ""
		if s, ok := c.read([]byte(line)); ok {
			got = s.at.UTC().Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%s: read %q, want %q", line, got, want)
		}
	}
}

// TestWhose: whose a line is, in a log of everybody and in the engine's own.
func TestWhose(t *testing.T) {
	for _, c := range []struct {
		rest       string
		mixed, own origin
		message    string
	}{
		{" n1 dockerd[12]: hello", engine, engine, "hello"},
		{" n1 dockerd: hello: you", engine, engine, "hello: you"},
		{" n1 docker.service[1]: hello", engine, engine, "hello"},
		{" n1 docker.dockerd[1]: a snap", engine, engine, "a snap"},
		{" n1 daemon.info dockerd[1]: busybox", engine, engine, "busybox"},
		{" n1 kern.warn kernel: [ 12.345678] full", kernel, kernel, "full"},
		{" n1 kernel: [eth0] full", kernel, kernel, "[eth0] full"},
		{" n1 kernel: full", kernel, kernel, "full"},
		{" n1 docker/0123456789ab[12]: a container's line", somebody, somebody, ""},
		{" n1 0123456789ab[12]: level=error a container's line", somebody, somebody, ""},
		{" n1 systemd[1]: docker.service: Main process exited", somebody, somebody, ""},
		{" n1 sshd[1]: dockerd: no", somebody, somebody, ""},
		{" just text: with a colon", somebody, engine, "just text: with a colon"},
		{" ", somebody, engine, ""},
		{"", somebody, engine, ""},
		{" n1 dockerd[12]:", engine, engine, ""},
	} {
		for own, want := range map[bool]origin{false: c.mixed, true: c.own} {
			who, message := whose(stamp{rest: []byte(c.rest)}, own)
			if who != want || who != somebody && string(message) != c.message {
				t.Errorf("%q, own %v: %v %q, want %v %q", c.rest, own, who, message, want, c.message)
			}
		}
	}
}

// TestHourThatComesTwice: lines of both hours get their own time where the order shows it.
func TestHourThatComesTwice(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York"} {
		zone, b := zoneOf(t, name), strings.Builder{}
		begin := map[string]time.Time{"Europe/Berlin": time.Date(2025, 10, 25, 22, 0, 0, 0, time.UTC),
			"America/New_York": time.Date(2025, 11, 2, 3, 0, 0, 0, time.UTC)}[name]
		var all []time.Time
		for at := begin; at.Before(begin.Add(6 * time.Hour)); at = at.Add(time.Minute) {
			all = append(all, at)
			fmt.Fprintf(&b, "%s n1 dockerd[1]: %s\n", at.In(zone).Format(time.Stamp), at.Format(time.RFC3339))
		}
		path := put(t, filepath.Join(t.TempDir(), "syslog"), []byte(b.String()), all[len(all)-1])
		for from := begin; from.Before(begin.Add(5 * time.Hour)); from = from.Add(30 * time.Minute) {
			q := Query{From: from, To: from.Add(time.Hour), Engine: true, Zone: zone}
			found, _ := readAll(t, path, q)
			if len(found) != 61 {
				t.Errorf("%s from %s: %d lines", name, from, len(found))
			}
			for _, g := range found {
				if g.text != g.at.Format(time.RFC3339) {
					t.Errorf("%s: %s was taken for %s", name, g.text, g.at.Format(time.RFC3339))
				}
			}
		}
	}
}

// TestZoneOfTheLogItself: a container does not know the host's zone, the log does.
func TestZoneOfTheLogItself(t *testing.T) {
	for _, offset := range []int{-8 * 3600, 0, 3600, 19800, 20700, 13 * 3600} {
		zone := time.FixedZone("", offset)
		var live, older strings.Builder
		for i := range 600 {
			at := started.Add(time.Duration(i) * time.Minute)
			fmt.Fprintf(&older, "%s n1 kernel: %s\n", at.In(zone).Format(time.Stamp), at.Format(time.RFC3339))
			at = at.Add(600 * time.Minute)
			fmt.Fprintf(&live, "%s n1 kernel: %s\n", at.In(zone).Format(time.Stamp), at.Format(time.RFC3339))
		}
		end := started.Add(1199*time.Minute + 300*time.Millisecond)
		path := put(t, filepath.Join(t.TempDir(), "kern.log"), []byte(live.String()), end)
		put(t, path+".1.gz", []byte(older.String()), end.Add(-600*time.Minute))
		for _, handed := range []*time.Location{nil, zoneOf(t, "Europe/Berlin")} {
			found, st := readAll(t, path, Query{From: started.Add(9 * time.Hour), To: started.Add(11 * time.Hour), Kernel: true, Zone: handed})
			if len(found) != 121 || st.Files != 2 {
				t.Fatalf("offset %d: %d lines of %d files", offset, len(found), st.Files)
			}
			if slices.ContainsFunc(found, func(g got) bool { return g.text != g.at.Format(time.RFC3339) }) {
				t.Errorf("offset %d: wrong times, %v", offset, found[0])
			}
		}
	}
}
