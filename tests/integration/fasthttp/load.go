// A load tester on fasthttp, set up as bombardier's default client is (it is no package of Debian's): one HostClient with
// as many connections as senders, each of which sends its next request when it has been answered. Prints one JSON object.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

type report struct {
	Statuses map[int]int    `json:"statuses"`
	Errors   map[string]int `json:"errors"`
	Wrong    int            `json:"wrong"` // answers of 200 that are not the body that was sent
	Seconds  float64        `json:"seconds"`
	P50us    int64          `json:"p50_us"`
	P99us    int64          `json:"p99_us"`
}

type sender struct {
	report
	latencies []time.Duration
}

type options struct {
	url, method string
	body        []byte
	stream      bool // chunked, as bombardier's --stream
	echoed      bool
	timeout     time.Duration
}

func (s *sender) send(client *fasthttp.HostClient, o *options) {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(o.url)
	request.Header.SetMethod(o.method)
	if o.stream {
		request.SetBodyStream(bytes.NewReader(o.body), -1)
	} else {
		request.SetBody(o.body)
	}
	begin := time.Now()
	if err := client.DoTimeout(request, response, o.timeout); err != nil {
		s.Errors[err.Error()]++
		return
	}
	s.latencies = append(s.latencies, time.Since(begin))
	s.Statuses[response.StatusCode()]++
	if o.echoed && response.StatusCode() == 200 && !bytes.Equal(response.Body(), o.body) {
		s.Wrong++
	}
}

func sum(senders []sender, seconds float64) report {
	all := report{Statuses: map[int]int{}, Errors: map[string]int{}, Seconds: seconds}
	var latencies []time.Duration
	for i := range senders {
		for status, count := range senders[i].Statuses {
			all.Statuses[status] += count
		}
		for text, count := range senders[i].Errors {
			all.Errors[text] += count
		}
		all.Wrong += senders[i].Wrong
		latencies = append(latencies, senders[i].latencies...)
	}
	sort.Slice(latencies, func(i, j int) bool { return latencies[i] < latencies[j] })
	if n := len(latencies); n > 0 {
		all.P50us = latencies[n/2].Microseconds()
		all.P99us = latencies[n*99/100].Microseconds()
	}
	return all
}

func main() {
	connections := flag.Int("c", 16, "connections")
	requests := flag.Int64("n", 1000, "requests")
	size := flag.Int("b", 16, "bytes of the body")
	o := options{}
	flag.StringVar(&o.method, "m", "POST", "method")
	flag.BoolVar(&o.stream, "stream", false, "chunked bodies")
	flag.BoolVar(&o.echoed, "echoed", false, "answers of 200 are the body that was sent")
	flag.DurationVar(&o.timeout, "t", 20*time.Second, "time limit of one request")
	flag.Parse()
	if flag.NArg() != 1 || *connections < 1 || *requests < 1 || *size < 0 {
		fmt.Fprintln(os.Stderr, "usage: load [-c N] [-n N] [-b BYTES] [-m METHOD] [-stream] [-echoed] [-t TIME] URL")
		os.Exit(2)
	}
	o.url = flag.Arg(0)
	o.body = bytes.Repeat([]byte("fasthttp"), *size/8+1)[:*size]

	var uri fasthttp.URI
	if err := uri.Parse(nil, []byte(o.url)); err != nil || len(uri.Host()) == 0 {
		fmt.Fprintln(os.Stderr, "no URL with a host and a port:", o.url)
		os.Exit(2)
	}
	client := &fasthttp.HostClient{
		Addr: string(uri.Host()), MaxConns: *connections, ReadTimeout: o.timeout, WriteTimeout: o.timeout,
		DisableHeaderNamesNormalizing: true,
	}
	senders := make([]sender, *connections)
	left, group, begin := *requests, sync.WaitGroup{}, time.Now()
	for i := range senders {
		senders[i].Statuses, senders[i].Errors = map[int]int{}, map[string]int{}
		group.Add(1)
		go func(s *sender) {
			defer group.Done()
			for atomic.AddInt64(&left, -1) >= 0 {
				s.send(client, &o)
			}
		}(&senders[i])
	}
	group.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(sum(senders, time.Since(begin).Seconds())); err != nil {
		os.Exit(1)
	}
}
