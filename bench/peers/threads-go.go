// threads-go.go - goroutines, measured as peer.h says
//
// A join is a buffered channel that the goroutine sends on. A goroutine has no thread-local variables.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	hogs        = 16
	sleepSpan   = time.Millisecond
	hogLimit    = 2 * time.Second
	napLeast    = 10 * time.Millisecond
	napMost     = time.Second
	napsFor     = time.Second
	children    = 10
	skynetSmall = 4
	skynetLarge = 6
	fibSmall    = 20
	fibLarge    = 27
)

var sink uint64

func spin(turns uint64) {
	x := turns | 1
	for ; turns > 0; turns-- {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	atomic.StoreUint64(&sink, x)
}

func say(name string, value float64, unit string) {
	fmt.Printf("%s %.9g %s\n", name, value, unit)
}

func each(start time.Time, n int) float64 {
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func measureYield(n int) {
	half := n/2 + 1
	yields := func() {
		for i := 0; i < half; i++ {
			runtime.Gosched()
		}
	}
	ready, done := make(chan bool), make(chan bool)
	go func() {
		ready <- true
		yields()
		done <- true
	}()
	<-ready
	start := time.Now()
	yields()
	<-done
	say("yield", each(start, 2*half), "ns")
}

func measureCreate(n int) {
	start := time.Now()
	for i := 0; i < n; i++ {
		done := make(chan int, 1)
		go func() { done <- i }()
		<-done
	}
	say("create", each(start, n), "ns")
}

func measureMutex(n int) {
	var mutex sync.Mutex
	start := time.Now()
	for i := 0; i < n; i++ {
		mutex.Lock()
		mutex.Unlock()
	}
	say("mutex", each(start, n), "ns")
}

func measureChannel(n int) {
	there, back := make(chan uint64), make(chan uint64)
	go func() {
		for i := 0; i < n; i++ {
			back <- <-there + 1
		}
	}()
	start := time.Now()
	for i := 0; i < n; i++ {
		there <- uint64(i)
		if <-back != uint64(i)+1 {
			fail("wrong answer")
		}
	}
	say("channel", each(start, n), "ns")
}

func socketEnd(fd int) net.Conn {
	file := os.NewFile(uintptr(fd), "socket")
	conn, err := net.FileConn(file)
	if err != nil {
		fail(err.Error())
	}
	file.Close()
	return conn
}

func measureSocket(n int) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		fail(err.Error())
	}
	there, back := socketEnd(fds[0]), socketEnd(fds[1])
	go func() {
		word := make([]byte, 1)
		for i := 0; i < n; i++ {
			if got, _ := back.Read(word); got != 1 {
				fail("cannot read")
			}
			word[0]++
			back.Write(word)
		}
	}()
	word := make([]byte, 1)
	start := time.Now()
	for i := 0; i < n; i++ {
		word[0] = byte(i)
		there.Write(word)
		if got, _ := there.Read(word); got != 1 || word[0] != byte(i+1) {
			fail("wrong answer")
		}
	}
	say("socket", each(start, n), "ns")
}

func cpuTime() float64 {
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano() + used.Stime.Nano())
}

func measureSleepers(n int) {
	var enough int32
	var awake int64
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go func(chance uint64) {
			for atomic.LoadInt32(&enough) == 0 {
				chance = chance*6364136223846793005 + 1442695040888963407
				time.Sleep(napLeast + time.Duration((chance>>33)%uint64(napMost-napLeast)))
				atomic.AddInt64(&awake, 1)
			}
			group.Done()
		}(uint64(i))
	}
	time.Sleep(napsFor)
	times, cpu := atomic.LoadInt64(&awake), cpuTime()
	time.Sleep(napsFor)
	times, cpu = atomic.LoadInt64(&awake)-times, cpuTime()-cpu
	atomic.StoreInt32(&enough, 1)
	group.Wait()
	say("sleepers", cpu/float64(times), "ns")
}

func resident() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		fail(err.Error())
	}
	pages, _ := strconv.ParseFloat(strings.Fields(string(text))[1], 64)
	return pages * float64(os.Getpagesize())
}

func measureBlocked(n int) {
	var waiting int64
	gate := make(chan bool)
	runtime.GC()
	before := resident()
	start := time.Now()
	for i := 0; i < n; i++ {
		go func() {
			atomic.AddInt64(&waiting, 1)
			<-gate
		}()
	}
	for atomic.LoadInt64(&waiting) < int64(n) {
		runtime.Gosched()
	}
	span := each(start, n)
	say("blocked", (resident()-before)/float64(n), "bytes")
	say("blocked.create", span, "ns")
	say("blocked.count", float64(n), "threads")
	close(gate)
}

func measureSleeper(n int) {
	var enough int32
	var group sync.WaitGroup
	end := time.Now().Add(hogLimit)
	for i := 0; i < hogs; i++ {
		group.Add(1)
		go func() {
			for atomic.LoadInt32(&enough) == 0 && time.Now().Before(end) {
				spin(1000)
			}
			group.Done()
		}()
	}
	late := make([]float64, 0, n)
	for i := 0; i < n && time.Now().Before(end); i++ {
		due := time.Now().Add(sleepSpan)
		time.Sleep(sleepSpan)
		late = append(late, float64(time.Since(due).Nanoseconds()))
	}
	atomic.StoreInt32(&enough, 1)
	group.Wait()
	sort.Float64s(late)
	say("sleeper", late[(len(late)-1)*99/100], "ns")
	say("sleeper.p50", late[(len(late)-1)/2], "ns")
	say("sleeper.max", late[len(late)-1], "ns")
	say("sleeper.count", float64(len(late)), "sleeps")
}

func skynet(out chan<- uint64, level int, first, leaves uint64) {
	if level == 0 {
		out <- first
		return
	}
	in := make(chan uint64, children)
	for i := uint64(0); i < children; i++ {
		go skynet(in, level-1, first+i*(leaves/children), leaves/children)
	}
	sum := uint64(0)
	for i := 0; i < children; i++ {
		sum += <-in
	}
	out <- sum
}

func measureSkynets(name string, n, levels int) {
	leaves, threads := uint64(1), 0
	for i := 0; i < levels; i++ {
		leaves *= children
		threads += int(leaves)
	}
	rounds := (n + threads - 1) / threads
	start := time.Now()
	for i := 0; i < rounds; i++ {
		out := make(chan uint64, 1)
		skynet(out, levels, 0, leaves)
		if <-out != leaves*(leaves-1)/2 {
			fail("wrong sum")
		}
	}
	say(name, each(start, rounds*threads), "ns")
}

func fib(k uint64) uint64 {
	if k < 2 {
		return k
	}
	first := make(chan uint64, 1)
	go func() { first <- fib(k - 1) }()
	second := fib(k - 2)
	return <-first + second
}

func plainFib(k int) int {
	if k < 2 {
		return k
	}
	return plainFib(k-1) + plainFib(k-2)
}

func measureFibs(name string, n, k int) {
	threads, value := plainFib(k+1)-1, uint64(plainFib(k))
	rounds := (n + threads - 1) / threads
	start := time.Now()
	for i := 0; i < rounds; i++ {
		if fib(uint64(k)) != value {
			fail("wrong number")
		}
	}
	say(name, each(start, rounds*threads), "ns")
}

func fail(why string) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", os.Args[0], why)
	os.Exit(1)
}

func main() {
	measures := map[string]func(int){
		"yield": measureYield, "create": measureCreate, "mutex": measureMutex, "channel": measureChannel,
		"blocked": measureBlocked, "sleeper": measureSleeper, "sleepers": measureSleepers, "socket": measureSocket,
		"skynet":       func(n int) { measureSkynets("skynet", n, skynetSmall) },
		"skynet.large": func(n int) { measureSkynets("skynet.large", n, skynetLarge) },
		"fib":          func(n int) { measureFibs("fib", n, fibSmall) },
		"fib.large":    func(n int) { measureFibs("fib.large", n, fibLarge) },
	}
	workers, n := 1, 0
	if len(os.Args) == 3 || len(os.Args) == 4 {
		n, _ = strconv.Atoi(os.Args[2])
	}
	if len(os.Args) == 4 {
		workers, _ = strconv.Atoi(os.Args[3])
	}
	if n < 1 || workers < 1 {
		fmt.Fprintf(os.Stderr, "Usage: %s MEASUREMENT N [WORKERS]\n", os.Args[0])
		os.Exit(2)
	}
	measure, found := measures[os.Args[1]]
	if !found {
		fmt.Fprintf(os.Stderr, "%s: does not measure %s\n", os.Args[0], os.Args[1])
		os.Exit(77)
	}
	runtime.GOMAXPROCS(workers)
	measure(n)
}
