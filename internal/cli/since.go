package cli

import (
	"strings"
	"time"

	"github.com/spf13/pflag"

	"fairway/internal/fact"
)

// logFlags say which logs are read, and of when.
type logFlags struct {
	since, until string
	allNodes     bool
	places       logPlaces
}

func (f *logFlags) add(fs *pflag.FlagSet) {
	fs.StringVar(&f.since, "since", "", "read logs from this `time` on: 2h ago is 2h, or RFC 3339; without it, around what happened to the tasks in question")
	fs.StringVar(&f.until, "until", "", "read logs up to this `time`, written in the same way")
	fs.BoolVar(&f.allNodes, "all-nodes", false, "look at every node and read its logs, not only at those in question and the managers")
	f.places.add(fs)
}

// window puts --since and --until into the question.
func (f *logFlags) window(q *fact.Question, now time.Time) error {
	var err error
	if q.Since, err = instant("--since", f.since, now); err != nil {
		return err
	}
	if q.Until, err = instant("--until", f.until, now); err != nil {
		return err
	}
	switch {
	case q.Since.After(now):
		return usagef("--since %s is in the future", f.since)
	case !q.Until.IsZero() && !q.Since.Before(q.Until):
		return usagef("--since %s is not before --until %s", f.since, f.until)
	}
	return f.places.validate()
}

// instant reads "2h" (that long before now) or an RFC 3339 time; a time without
// zone is the operator's own.
func instant(flag, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(strings.TrimPrefix(text, "-")); err == nil {
		return now.Add(-d), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, usagef("%s %q is neither a time like 2026-11-23T10:00:00Z nor a duration like 90m", flag, text)
}
