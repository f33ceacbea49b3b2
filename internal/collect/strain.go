package collect

import (
	"errors"
	"strconv"
	"strings"

	"fairway/internal/fact"
)

var errStrain = errors.New("not what the kernel writes there")

// averages reads /proc/loadavg: "0.52 0.58 0.59 1/467 12345".
func averages(b []byte) (load [3]float64, err error) {
	f := strings.Fields(string(b[:min(len(b), 256)]))
	if len(f) < len(load) {
		return load, errStrain
	}
	for i := range load {
		if load[i], err = share(f[i]); err != nil {
			return [3]float64{}, err
		}
	}
	return load, nil
}

// pressure reads a file of /proc/pressure (PSI, Linux 4.20), of which processors'
// has no second line before 5.13:
//
//	some avg10=0.00 avg60=1.20 avg300=0.40 total=123
//	full avg10=0.00 avg60=0.00 avg300=0.00 total=0
func pressure(resource string, b []byte) (fact.Pressure, error) {
	p := fact.Pressure{Resource: resource}
	err := eachLine(b[:min(len(b), 4096)], func(f []string) error {
		into := map[string]*[3]float64{"some": &p.Some, "full": &p.Full}[f[0]]
		if into == nil || len(f) < 4 {
			return errStrain
		}
		for i, name := range []string{"avg10=", "avg60=", "avg300="} {
			text, ok := strings.CutPrefix(f[i+1], name)
			v, err := share(text)
			if !ok || err != nil {
				return errStrain
			}
			into[i] = v
		}
		return nil
	})
	return p, err
}

// share is a number that is not negative and not endless.
func share(text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v < 1e9) {
		return 0, errStrain
	}
	return v, nil
}

// waits reads a thread's schedstat: the nanoseconds it ran, those it waited for a
// processor, and how often it got one (since 2.6.9). A thread that its control
// group's limit keeps off the processors waits, too.
func waits(b []byte) (run, wait uint64, err error) {
	f := strings.Fields(string(b[:min(len(b), 256)]))
	if len(f) < 2 {
		return 0, 0, errStrain
	}
	if run, err = strconv.ParseUint(f[0], 10, 64); err != nil {
		return 0, 0, errStrain
	}
	if wait, err = strconv.ParseUint(f[1], 10, 64); err != nil {
		return 0, 0, errStrain
	}
	return run, wait, nil
}
