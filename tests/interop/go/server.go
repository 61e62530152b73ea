package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"time"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
	"google.golang.org/protobuf/types/known/anypb"
)

const messageBytesMax = 16 << 20

// serve prints its port. A line on stdin makes it stop gracefully while another server takes over the port, and print
// `drained` then; the end of stdin ends it.
func serve(c *contract) error {
	server, address, err := listen(c, "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(address.(*net.TCPAddr).Port)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		stopped := make(chan struct{})
		old := server
		go func() {
			old.GracefulStop()
			close(stopped)
		}()
		for {
			if server, _, err = listen(c, address.String()); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		<-stopped
		fmt.Println("drained")
	}
	return nil
}

func listen(c *contract, address string) (*grpc.Server, net.Addr, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(messageBytesMax), grpc.MaxSendMsgSize(messageBytesMax))
	server.RegisterService(serviceDesc(c), nil)
	go server.Serve(listener)
	return server, listener.Addr(), nil
}

func serviceDesc(c *contract) *grpc.ServiceDesc {
	desc := &grpc.ServiceDesc{ServiceName: string(c.service.FullName()), HandlerType: (*any)(nil)}
	methods := c.service.Methods()
	for index := range methods.Len() {
		method := methods.Get(index)
		if method.Name() == "Missing" {
			continue
		}
		if method.Name() == "Say" {
			desc.Methods = append(desc.Methods, grpc.MethodDesc{MethodName: "Say", Handler: sayHandler(method)})
			continue
		}
		desc.Streams = append(desc.Streams, grpc.StreamDesc{
			StreamName:    string(method.Name()),
			ClientStreams: method.IsStreamingClient(),
			ServerStreams: method.IsStreamingServer(),
			Handler: func(_ any, stream grpc.ServerStream) error {
				return answer(method, stream)
			},
		})
	}
	return desc
}

func sayHandler(method protoreflect.MethodDescriptor) func(any, context.Context, func(any) error, grpc.UnaryServerInterceptor) (any, error) {
	return func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		request := dynamicpb.NewMessage(method.Input())
		if err := decode(request); err != nil {
			return nil, err
		}
		header, trailer := echoed(ctx)
		grpc.SetHeader(ctx, header)
		grpc.SetTrailer(ctx, trailer)
		payload, err := carryOut(ctx, orderOf(request))
		if err != nil {
			return nil, err
		}
		return replyOf(method, payload), nil
	}
}

func answer(method protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	ctx := stream.Context()
	header, trailer := echoed(ctx)
	stream.SetHeader(header)
	stream.SetTrailer(trailer)
	if !method.IsStreamingClient() {
		return repeat(method, stream)
	}
	var gathered []byte
	for {
		request := dynamicpb.NewMessage(method.Input())
		if err := stream.RecvMsg(request); err != nil {
			if err.Error() != "EOF" {
				return err
			}
			break
		}
		payload, err := carryOut(ctx, orderOf(request))
		if err != nil {
			return err
		}
		if !method.IsStreamingServer() {
			gathered = append(gathered, payload...)
			continue
		}
		if err := stream.SendMsg(replyOf(method, payload)); err != nil {
			return err
		}
	}
	if method.IsStreamingServer() {
		return nil
	}
	return stream.SendMsg(replyOf(method, gathered))
}

func repeat(method protoreflect.MethodDescriptor, stream grpc.ServerStream) error {
	request := dynamicpb.NewMessage(method.Input())
	if err := stream.RecvMsg(request); err != nil {
		return err
	}
	asked := orderOf(request)
	count := request.Get(field(request, "count")).Uint()
	fault := asked.failure
	asked.failure = nil
	for range count {
		payload, err := carryOut(stream.Context(), asked)
		if err != nil {
			return err
		}
		if err := stream.SendMsg(replyOf(method, payload)); err != nil {
			return err
		}
	}
	return fault.status()
}

func carryOut(ctx context.Context, asked order) ([]byte, error) {
	if asked.delayMs > 0 {
		select {
		case <-time.After(time.Duration(asked.delayMs) * time.Millisecond):
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
	}
	if err := asked.failure.status(); err != nil {
		return nil, err
	}
	return append(append([]byte{}, asked.payload...), make([]byte, asked.paddingBytes)...), nil
}

func (f *failure) status() error {
	if f == nil {
		return nil
	}
	proto := &spb.Status{Code: int32(codes.Code(f.code)), Message: f.message}
	for _, each := range f.details {
		proto.Details = append(proto.Details, &anypb.Any{TypeUrl: each.typeURL, Value: each.value})
	}
	return status.ErrorProto(proto)
}

func replyOf(method protoreflect.MethodDescriptor, payload []byte) *dynamicpb.Message {
	reply := dynamicpb.NewMessage(method.Output())
	reply.Set(field(reply, "payload"), protoreflect.ValueOfBytes(payload))
	return reply
}

func echoed(ctx context.Context) (header, trailer metadata.MD) {
	received, _ := metadata.FromIncomingContext(ctx)
	header, trailer = metadata.MD{}, metadata.MD{}
	header.Append("x-echo-header", received.Get("x-echo-header")...)
	for _, name := range []string{"x-echo-trailer", "x-echo-trailer-bin"} {
		trailer.Append(name, received.Get(name)...)
	}
	return header, trailer
}
