package cli

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// Signals are what an operator, a terminal that goes away or the system stops
// the program with.
type Signals struct {
	came chan os.Signal

	mu sync.Mutex
	// n is how many came; held is called at the second one while the program has
	// something to take back, and nil otherwise.
	n    int
	held func()
}

// Listen returns a context that ends at the first signal. The second one ends
// the process at once, as if nobody had listened; see Hold for the exception.
func Listen(ctx context.Context) (context.Context, *Signals) {
	ctx, cancel := context.WithCancel(ctx)
	s := &Signals{came: make(chan os.Signal, 4)}
	list := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // else nohup wants it to go on
		list = append(list, syscall.SIGHUP)
	}
	signal.Notify(s.came, list...)
	go func() {
		for sig := range s.came {
			s.take(sig, cancel)
		}
	}()
	return ctx, s
}

func (s *Signals) take(sig os.Signal, cancel func()) {
	if sig == syscall.SIGPIPE {
		return // whoever wrote sees the error
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n++
	cancel()
	switch {
	case s.n == 1 && s.held == nil:
		signal.Stop(s.came)
	case s.n == 1:
	case s.n == 2 && s.held != nil:
		go s.held()
	default: // also one that came before Stop
		signal.Reset(sig)
		if p, err := os.FindProcess(os.Getpid()); err == nil {
			_ = p.Signal(sig)
		}
	}
}

// Hold keeps signals from ending the process before release is called: say is
// called at the second one, and only a third one ends it. Output that nobody
// reads any more does not end it either.
func (s *Signals) Hold(say func()) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held = say
	signal.Notify(s.came, syscall.SIGPIPE)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.held = nil
		signal.Reset(syscall.SIGPIPE)
		if s.n > 0 {
			signal.Stop(s.came)
		}
	}
}

// hold is Env.Hold with a sentence, where there is one.
func (c *command) hold(sentence string) (release func()) {
	if c.env.Hold == nil {
		return func() {}
	}
	return c.env.Hold(func() { _, _ = c.env.Stderr.Write([]byte(name(c.env) + ": " + sentence + "\n")) })
}
