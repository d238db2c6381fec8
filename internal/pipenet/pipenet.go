// Package pipenet is a network for tests within one process: its connections
// are pipes. In a bubble of testing/synctest, time passes on it only where all
// wait: a minute's stall takes no time, and what does not stall takes no
// minute. Start servers with Serve and give a client Dial.
package pipenet

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"testing"
)

// A Net is a network of pipes. The zero value has no servers.
type Net struct {
	servers []chan net.Conn // the port is the number of the server, from 1 on
}

// Serve starts a server for the test and returns its URL, with a slash.
func (n *Net) Serve(t *testing.T, handler http.Handler) string {
	connections := make(chan net.Conn)
	n.servers = append(n.servers, connections)
	server := &http.Server{Handler: handler}
	go server.Serve(&listener{connections, make(chan struct{})})
	t.Cleanup(func() { server.Close() })
	// The address is one that no proxy from the environment is asked for.
	return fmt.Sprintf("http://127.0.0.1:%d/", len(n.servers))
}

// Dial connects to one of the servers.
func (n *Net) Dial(ctx context.Context, _, address string) (net.Conn, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	var server int
	if _, err := fmt.Sscan(port, &server); err != nil || server < 1 || server > len(n.servers) {
		return nil, fmt.Errorf("no server at %s", address)
	}
	ours, theirs := net.Pipe()
	select {
	case n.servers[server-1] <- theirs:
		return ours, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// listener accepts the connections that Dial makes.
type listener struct {
	connections <-chan net.Conn
	closed      chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.connections:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error   { close(l.closed); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }
