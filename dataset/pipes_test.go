package dataset

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
)

// pipes is a network of pipes. In a bubble of testing/synctest, time passes on
// it only where all wait: a minute's stall takes no time, and what does not
// stall takes no minute.
type pipes struct {
	servers []chan net.Conn // the port is the number of the server, from 1 on
}

// serve starts a server for the test and returns its URL, with a slash.
func (p *pipes) serve(t *testing.T, handler http.Handler) string {
	connections := make(chan net.Conn)
	p.servers = append(p.servers, connections)
	server := &http.Server{Handler: handler}
	go server.Serve(&pipeListener{connections, make(chan struct{})})
	t.Cleanup(func() { server.Close() })
	// The address is one that no proxy from the environment is asked for.
	return fmt.Sprintf("http://127.0.0.1:%d/", len(p.servers))
}

// dial connects to one of the servers.
func (p *pipes) dial(ctx context.Context, _, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var n int
	if _, err := fmt.Sscan(port, &n); err != nil || n < 1 || n > len(p.servers) {
		return nil, fmt.Errorf("no server at %s", address)
	}
	ours, theirs := net.Pipe()
	select {
	case p.servers[n-1] <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pipeListener accepts the connections that dial makes.
type pipeListener struct {
	connections <-chan net.Conn
	closed      chan struct{}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error   { close(l.closed); return nil }
func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{} }
