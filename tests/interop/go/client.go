package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/dynamicpb"
)

// outcome is one line of the client's output. `Wrong` is empty when all was well.
type outcome struct {
	Scenario string `json:"scenario"`
	Wrong    string `json:"wrong"`
	Calls    int    `json:"calls,omitempty"`
}

type client struct {
	*contract
	conn *grpc.ClientConn
}

func dial(c *contract, address string) (*client, error) {
	conn, err := grpc.NewClient(address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageBytesMax), grpc.MaxCallSendMsgSize(messageBytesMax)))
	return &client{c, conn}, err
}

// call runs every scenario and prints its outcome.
func call(c *contract, address string) error {
	dialled, err := dial(c, address)
	if err != nil {
		return err
	}
	scenarios := []struct {
		name string
		run  func(context.Context) error
	}{
		{"unary", dialled.unary},
		{"client streaming", dialled.gather},
		{"server streaming", dialled.repeat},
		{"bidirectional streaming", dialled.converse},
		{"metadata", dialled.metadata},
		{"error with details", dialled.failing},
		{"deadline", dialled.deadline},
		{"cancellation", dialled.cancellation},
		{"large messages", dialled.large},
		{"gzip", dialled.gzip},
		{"unknown method", dialled.missing},
		{"many calls at once", dialled.many},
	}
	for _, scenario := range scenarios {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		print := outcome{Scenario: scenario.name}
		if err := scenario.run(ctx); err != nil {
			print.Wrong = err.Error()
		}
		cancel()
		json.NewEncoder(os.Stdout).Encode(print)
	}
	return nil
}

// loop calls without a pause from several goroutines until a line comes on stdin; none of the calls may fail. It prints
// `running` once the first has succeeded.
func loop(c *contract, address string) error {
	dialled, err := dial(c, address)
	if err != nil {
		return err
	}
	if _, err := dialled.say(context.Background(), order{}); err != nil {
		return err
	}
	fmt.Println("running")
	stop := make(chan struct{})
	go func() {
		bufio.NewScanner(os.Stdin).Scan()
		close(stop)
	}()
	result := outcome{Scenario: "loop"}
	var lock sync.Mutex
	var workers sync.WaitGroup
	for range 8 {
		workers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
				_, err := dialled.say(ctx, order{payload: []byte("heddle"), delayMs: 2}, grpc.WaitForReady(true))
				cancel()
				lock.Lock()
				result.Calls++
				if err != nil {
					result.Wrong = err.Error()
				}
				lock.Unlock()
			}
		})
	}
	workers.Wait()
	return json.NewEncoder(os.Stdout).Encode(result)
}

func (c *client) say(ctx context.Context, asked order, options ...grpc.CallOption) ([]byte, error) {
	reply := c.reply("Say")
	err := c.conn.Invoke(ctx, c.path("Say"), c.request("Say", asked, 0), reply, options...)
	return payloadOf(reply), err
}

func (c *client) open(ctx context.Context, name string) (grpc.ClientStream, error) {
	method := c.method(name)
	desc := &grpc.StreamDesc{ClientStreams: method.IsStreamingClient(), ServerStreams: method.IsStreamingServer()}
	return c.conn.NewStream(ctx, desc, c.path(name))
}

func (c *client) unary(ctx context.Context) error {
	for _, payload := range [][]byte{{}, []byte("heddle")} {
		got, err := c.say(ctx, order{payload: payload})
		if err != nil {
			return err
		}
		if !bytes.Equal(got, payload) {
			return fmt.Errorf("%q came back as %q", payload, got)
		}
	}
	return nil
}

func (c *client) gather(ctx context.Context) error {
	stream, err := c.open(ctx, "Gather")
	if err != nil {
		return err
	}
	for _, letter := range []string{"a", "b", "c"} {
		if err := stream.SendMsg(c.request("Gather", order{payload: []byte(letter)}, 0)); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	reply := c.reply("Gather")
	if err := stream.RecvMsg(reply); err != nil {
		return err
	}
	return same("gathered", string(payloadOf(reply)), "abc")
}

func (c *client) repeat(ctx context.Context) error {
	stream, err := c.open(ctx, "Repeat")
	if err != nil {
		return err
	}
	if err := stream.SendMsg(c.request("Repeat", order{payload: []byte("again")}, 50)); err != nil {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	replies, err := receiveAll(stream, func() *dynamicpb.Message { return c.reply("Repeat") })
	if err != nil {
		return err
	}
	return same("replies", len(replies), 50)
}

func (c *client) converse(ctx context.Context) error {
	stream, err := c.open(ctx, "Converse")
	if err != nil {
		return err
	}
	for index := range 20 {
		word := fmt.Sprintf("word %d", index)
		if err := stream.SendMsg(c.request("Converse", order{payload: []byte(word)}, 0)); err != nil {
			return err
		}
		reply := c.reply("Converse")
		if err := stream.RecvMsg(reply); err != nil {
			return err
		}
		if err := same("answer", string(payloadOf(reply)), word); err != nil {
			return err
		}
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	if err := stream.RecvMsg(c.reply("Converse")); !errors.Is(err, io.EOF) {
		return fmt.Errorf("the stream did not end: %v", err)
	}
	return nil
}

func (c *client) metadata(ctx context.Context) error {
	binary := string([]byte{0, 1, 0xfe, 0xff, 10})
	sent := metadata.Pairs("x-echo-header", "h e a d", "x-echo-trailer", "one", "x-echo-trailer-bin", binary, "x-echo-trailer-bin", "second")
	for _, fails := range []*failure{nil, {code: 9, message: "no"}} {
		var header, trailer metadata.MD
		_, err := c.say(metadata.NewOutgoingContext(ctx, sent), order{failure: fails}, grpc.Header(&header), grpc.Trailer(&trailer))
		if (err != nil) != (fails != nil) {
			return err
		}
		if fails == nil {
			if err := same("header", fmt.Sprint(header.Get("x-echo-header")), "[h e a d]"); err != nil {
				return err
			}
		}
		if err := same("trailer", fmt.Sprint(trailer.Get("x-echo-trailer")), "[one]"); err != nil {
			return err
		}
		if got := trailer.Get("x-echo-trailer-bin"); fmt.Sprintf("%q", got) != fmt.Sprintf("%q", []string{binary, "second"}) {
			return fmt.Errorf("binary trailer came back as %q", got)
		}
	}
	return nil
}

func (c *client) failing(ctx context.Context) error {
	want := &failure{code: uint32(codes.FailedPrecondition), message: "100 % of 5 € – 漢字", details: []detail{
		{"type.googleapis.com/interop.v1.SayRequest", []byte{10, 0}},
		{"type.googleapis.com/unknown.Type", bytes.Repeat([]byte{0xff}, 3_000)},
	}}
	_, err := c.say(ctx, order{failure: want})
	got := status.Convert(err).Proto()
	if err := same("status", fmt.Sprint(got.GetCode(), got.GetMessage(), len(got.GetDetails())), fmt.Sprint(9, want.message, 2)); err != nil {
		return err
	}
	if !bytes.Equal(got.Details[1].Value, want.details[1].value) {
		return errors.New("a detail came back changed")
	}
	return nil
}

func (c *client) deadline(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err := c.say(short, order{delayMs: 60_000})
	return same("code", status.Code(err), codes.DeadlineExceeded)
}

func (c *client) cancellation(ctx context.Context) error {
	short, cancel := context.WithCancel(ctx)
	stream, err := c.open(short, "Converse")
	if err != nil {
		cancel()
		return err
	}
	if err := stream.SendMsg(c.request("Converse", order{}, 0)); err != nil {
		cancel()
		return err
	}
	if err := stream.RecvMsg(c.reply("Converse")); err != nil {
		cancel()
		return err
	}
	cancel()
	err = stream.RecvMsg(c.reply("Converse"))
	return same("code", status.Code(err), codes.Canceled)
}

func (c *client) large(ctx context.Context) error {
	payload := bytes.Repeat([]byte("heddle"), 1<<20)
	got, err := c.say(ctx, order{payload: payload, paddingBytes: 1})
	if err != nil {
		return err
	}
	return same("bytes", len(got), len(payload)+1)
}

func (c *client) gzip(ctx context.Context) error {
	payload := bytes.Repeat([]byte("heddle"), 100_000)
	got, err := c.say(ctx, order{payload: payload}, grpc.UseCompressor(gzip.Name))
	if err != nil {
		return err
	}
	return same("bytes", len(got), len(payload))
}

func (c *client) missing(ctx context.Context) error {
	for _, path := range []string{c.path("Missing"), "/interop.v1.NoService/NoMethod"} {
		err := c.conn.Invoke(ctx, path, c.request("Missing", order{}, 0), c.reply("Missing"))
		if err := same("code of "+path, status.Code(err), codes.Unimplemented); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) many(ctx context.Context) error {
	failures := make(chan error, 2_000)
	var calls sync.WaitGroup
	for index := range 2_000 {
		calls.Go(func() {
			want := fmt.Sprint(index)
			got, err := c.say(ctx, order{payload: []byte(want), delayMs: uint32(index % 5)})
			if err == nil {
				err = same("payload", string(got), want)
			}
			failures <- err
		})
	}
	calls.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

func receiveAll(stream grpc.ClientStream, reply func() *dynamicpb.Message) ([]*dynamicpb.Message, error) {
	var all []*dynamicpb.Message
	for {
		next := reply()
		err := stream.RecvMsg(next)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		all = append(all, next)
	}
}

func same[T comparable](what string, got, want T) error {
	if got == want {
		return nil
	}
	return fmt.Errorf("%s: got %v, wanted %v", what, got, want)
}
