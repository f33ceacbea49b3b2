package deploy

import (
	"strings"
	"testing"
)

func TestReferencesThatAreRefused(t *testing.T) {
	for ref, why := range map[string]string{
		"":                                  "empty",
		"fairway":                           "bare name",
		"fairway:1":                         "bare name",
		"ops/fairway:1":                     "bare name",
		"library/fairway":                   "bare name",
		"0123456789ab":                      "ID or a digest",
		strings.Repeat("a", 64):             "ID or a digest",
		"sha256:" + strings.Repeat("a", 64): "ID or a digest",
		"fairway@sha256:" + strings.Repeat("a", 64): "bare name",
		"reg.example/fairway":                       "no tag",
		"reg.example:5000/fairway":                  "no tag",
		"reg.example/Fairway:1":                     "no reference",
		"reg.example/fairway:":                      "no reference",
		"reg.example/fairway:1 --privileged":        "no reference",
		"reg.example/fairway:1\x1b[31m":             "no reference",
		"reg.example/fairway@sha256:12":             "no reference",
		"https://reg.example/fairway:1":             "no reference",
		"reg.example/../fairway:1":                  "no reference",
	} {
		err := CheckReference(ref)
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%q: got %v, want an error with %q", ref, err, why)
		}
		if err != nil && strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q: the message has control characters: %q", ref, err)
		}
	}
}

func TestReferencesOfASite(t *testing.T) {
	for _, ref := range []string{"reg.example/fairway:1", "reg.example:5000/ops/fairway:v1.2_3", "localhost/fairway:1", "[fd00::1]:5000/fairway:1",
		"docker.io/ops/fairway:1", "reg.example/fairway@sha256:" + strings.Repeat("a", 64), Reference("v1", strings.Repeat("0", 64))} {
		if err := CheckReference(ref); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestEveryVersionMakesATag(t *testing.T) {
	for _, v := range []string{"", "v1.2.3", "v0.0.0-20260101+dirty", "-x", "..", strings.Repeat("v", 300), "ü/:@ \n"} {
		ref := Reference(v, strings.Repeat("0123456789abcdef", 4))
		if err := CheckReference(ref); err != nil {
			t.Errorf("version %q: %v", v, err)
		}
		if !strings.HasSuffix(ref, "-0123456789ab") {
			t.Errorf("version %q: %s lacks the hash", v, ref)
		}
	}
}
