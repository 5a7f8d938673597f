// httpd-go.go - HTTP with a goroutine for each connection, on raw connections: the same parser as the others
package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

const inSize = 4096

var (
	answer     = []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!")
	end        = []byte("\r\n\r\n")
	burning    = []byte("GET /burn?us=")
	get        = []byte("GET /")
	turnsPerMs uint64
	sink       uint64
)

func spin(turns uint64) uint64 {
	x := turns | 1
	for ; turns > 0; turns-- {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// The best of a few: one disturbance here would make every burn too short.
func calibrate() {
	const turns = 1000000
	best := time.Hour
	for i := 0; i < 9; i++ {
		start := time.Now()
		sink = spin(turns)
		if span := time.Since(start); span < best {
			best = span
		}
	}
	turnsPerMs = turns * 1000000 / uint64(best.Nanoseconds()+1)
}

// The bytes of in that the request takes; 0: it is not complete, -1: it makes no sense.
func take(in []byte) int {
	at := bytes.Index(in, end)
	if at < 0 {
		if len(in) == inSize {
			return -1
		}
		return 0
	}
	if !bytes.HasPrefix(in, get) {
		return -1
	}
	if bytes.HasPrefix(in, burning) {
		digits := in[len(burning):at]
		if space := bytes.IndexByte(digits, ' '); space >= 0 {
			digits = digits[:space]
		}
		us, _ := strconv.ParseUint(string(digits), 10, 32)
		sink = spin(turnsPerMs * us / 1000)
	}
	return at + len(end)
}

func serve(c net.Conn) {
	defer c.Close()
	var in [inSize]byte
	have := 0
	for {
		n, err := c.Read(in[have:])
		if n <= 0 || err != nil {
			return
		}
		have += n
		for {
			used := take(in[:have])
			if used < 0 {
				return
			}
			if used == 0 {
				break
			}
			copy(in[:], in[used:have])
			have -= used
			if _, err := c.Write(answer); err != nil {
				return
			}
		}
	}
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintf(os.Stderr, "Usage: %s PORT\nServe HTTP on 127.0.0.1; PORT 0: any. Prints the port.\n", os.Args[0])
		os.Exit(2)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	calibrate()
	for {
		c, err := listener.Accept()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		go serve(c)
	}
}
