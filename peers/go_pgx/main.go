// Command go-pgx serves the contract with net/http and pgx: `python -m peers serve go-pgx`.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"
)

const (
	inherited   = "GO_PGX_LISTENER" // set for a worker, whose listener is its third file
	grace       = 8 * time.Second   // Cloud Run kills after 10
	largestBody = 1 << 20           // bytes
)

func main() {
	log.SetFlags(0)
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	if os.Getenv(inherited) != "" {
		listener, err := net.FileListener(os.NewFile(3, "listener"))
		if err != nil {
			return err
		}
		return work(listener)
	}
	listener, err := net.Listen("tcp", setting("HOST", "127.0.0.1")+":"+setting("PORT", "8001"))
	if err != nil {
		return err
	}
	workers, err := strconv.Atoi(setting("WEB_CONCURRENCY", "1"))
	if err != nil {
		return fmt.Errorf("WEB_CONCURRENCY: %w", err)
	}
	if workers == 1 {
		return work(listener)
	}
	return supervise(listener.(*net.TCPListener), workers)
}

func setting(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// supervise starts workers that accept at one listener, and ends them all when told to, or when
// one of them ends.
func supervise(listener *net.TCPListener, workers int) error {
	file, err := listener.File()
	if err != nil {
		return err
	}
	runtime.LockOSThread() // Pdeathsig is sent when this thread ends
	stop, ended := stopping(), make(chan error, workers)
	children := make([]*exec.Cmd, workers)
	for i := range children {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), inherited+"=1")
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		child.ExtraFiles = []*os.File{file}
		child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
		if err := child.Start(); err != nil {
			return err
		}
		children[i] = child
		go func() { ended <- child.Wait() }()
	}
	left := workers
	select {
	case <-stop:
	case err = <-ended:
		left--
	}
	for _, child := range children {
		_ = child.Process.Signal(syscall.SIGTERM) // it may have ended
	}
	for ; left > 0; left-- {
		<-ended
	}
	return err
}

func stopping() <-chan os.Signal {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	return stop
}

// work serves on one core until it is told to stop. A worker of any other peer has one, too.
func work(listener net.Listener) error {
	runtime.GOMAXPROCS(1)
	debug.SetGCPercent(400) // some tens of megabytes for three quarters of the collector's work
	pool, err := connect()
	if err != nil {
		return err
	}
	defer pool.Close()
	server := &http.Server{
		Handler:           &api{pool: pool, signature: []string{fmt.Sprintf("go-pgx/%d", os.Getpid())}},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       75 * time.Second,
	}
	stop, failed := stopping(), make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-stop:
	}
	ending, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	return server.Shutdown(ending)
}
