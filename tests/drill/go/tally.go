package main

import (
	"encoding/json"
	"os"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
)

const latencyMsMax = 10_000

type failure struct {
	Count   int    `json:"count"`
	Method  string `json:"method"`
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	AtMs    int64  `json:"atMs"`
}

type streamCounts struct {
	Opened     int   `json:"opened"`
	Told       int   `json:"told"`
	Messages   int   `json:"messages"`
	Gaps       int64 `json:"gaps"`
	Duplicates int   `json:"duplicates"`
	NotServing int   `json:"notServing"`
}

// tally is what tally.ts calls a Tally.
type tally struct {
	lock      sync.Mutex
	out       *json.Encoder
	Calls     map[string]int      `json:"calls"`
	Failures  map[string]*failure `json:"failures"`
	Streams   streamCounts        `json:"streams"`
	Latencies []int               `json:"latencies"`
}

func newTally() *tally {
	return &tally{
		out:       json.NewEncoder(os.Stdout),
		Calls:     map[string]int{},
		Failures:  map[string]*failure{},
		Latencies: make([]int, latencyMsMax+1),
	}
}

func (t *tally) called(method string, took time.Duration) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.Calls[method]++
	t.Latencies[min(latencyMsMax, int(took.Milliseconds()))]++
}

// streamed takes a stream that has ended by itself, which has no latency.
func (t *tally) streamed(method string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.Calls[method]++
}

func (t *tally) failed(method string, err error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.fail(method, status.Code(err).String(), reasonOf(err), err.Error())
}

func (t *tally) wrong(method, message string) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.fail(method, "WrongAnswer", "", message)
}

// ended takes the end of a stream that was to go on: told to go elsewhere, or failed.
func (t *tally) ended(method string, err error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	t.Calls[method]++
	if reason := reasonOf(err); reason == "DRAINING" || reason == "FEED_STOPPING" {
		t.Streams.Told++
	} else {
		t.fail(method, status.Code(err).String(), reason, err.Error())
	}
}

func (t *tally) fail(method, code, reason, message string) {
	key := method + " " + code + " " + reason
	known := t.Failures[key]
	if known == nil {
		known = &failure{Method: method, Code: code, Reason: reason, Message: message, AtMs: time.Now().UnixMilli()}
		t.Failures[key] = known
	}
	known.Count++
}

func (t *tally) streams(count func(*streamCounts)) {
	t.lock.Lock()
	defer t.lock.Unlock()
	count(&t.Streams)
}

func (t *tally) tell() {
	t.lock.Lock()
	defer t.lock.Unlock()
	progress := struct {
		Calls  int `json:"calls"`
		Failed int `json:"failed"`
	}{}
	for _, count := range t.Calls {
		progress.Calls += count
	}
	for _, failure := range t.Failures {
		progress.Failed += failure.Count
	}
	t.out.Encode(progress)
}

func (t *tally) tellAll() error {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.out.Encode(map[string]*tally{"tally": t})
}

func reasonOf(err error) string {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			return info.Reason
		}
	}
	return ""
}
