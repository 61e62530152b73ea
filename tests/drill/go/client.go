package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// contract is read from a descriptor set: no code is generated for it.
type contract struct{ files *protoregistry.Files }

func readContract(path string) (*contract, error) {
	bytes, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(bytes, set); err != nil {
		return nil, err
	}
	files, err := protodesc.NewFiles(set)
	return &contract{files}, err
}

func (c *contract) method(service, name string) protoreflect.MethodDescriptor {
	found, err := c.files.FindDescriptorByName(protoreflect.FullName(service))
	if err != nil {
		panic(err)
	}
	return found.(protoreflect.ServiceDescriptor).Methods().ByName(protoreflect.Name(name))
}

type client struct {
	*contract
	conn   *grpc.ClientConn
	config config
	tally  *tally
}

func (c *client) message(of protoreflect.MessageDescriptor, fields map[string]any) *dynamicpb.Message {
	message := dynamicpb.NewMessage(of)
	for name, value := range fields {
		message.Set(of.Fields().ByName(protoreflect.Name(name)), protoreflect.ValueOf(value))
	}
	return message
}

// at follows fields by name, such as "customer", "id".
func at(message protoreflect.Message, names ...string) protoreflect.Value {
	var value protoreflect.Value
	for index, name := range names {
		value = message.Get(message.Descriptor().Fields().ByName(protoreflect.Name(name)))
		if index < len(names)-1 {
			message = value.Message()
		}
	}
	return value
}

func (c *client) work(stop context.Context, worker int) {
	customers, orders := c.config.Prepared.CustomerIDs, c.config.Prepared.EndedOrderIDs
	for count := 0; stop.Err() == nil; count++ {
		switch {
		case count%50 == 49:
			c.create(fmt.Sprintf("grpc-go-%d-%d", worker, count))
		case count%20 == 19:
			c.watchEnded(orders[count%len(orders)])
		case count%2 == 1:
			c.get("order.v1.OrderService", "GetOrder", "order_id", orders[count%len(orders)], "order")
		default:
			c.get("customer.v1.CustomerService", "GetCustomer", "customer_id", customers[count%len(customers)], "customer")
		}
	}
}

// unary counts one call; nil when it failed.
func (c *client) unary(service, name string, fields map[string]any) protoreflect.Message {
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	method := c.method(service, name)
	reply := dynamicpb.NewMessage(method.Output())
	began := time.Now()
	err := c.conn.Invoke(ctx, "/"+service+"/"+name, c.message(method.Input(), fields), reply)
	c.tally.called(service+"/"+name, time.Since(began))
	if err != nil {
		c.tally.failed(service+"/"+name, err)
		return nil
	}
	return reply
}

func (c *client) get(service, name, field, id, resource string) {
	reply := c.unary(service, name, map[string]any{field: id})
	if reply != nil && at(reply, resource, "id").String() != id {
		c.tally.wrong(service+"/"+name, "another one came than "+id)
	}
}

// create makes a customer, and does it again: the same must come back.
func (c *client) create(name string) {
	const service, method = "customer.v1.CustomerService", "CreateCustomer"
	fields := map[string]any{
		"given_name": "Ada", "family_name": "Created", "email": name + "@drill.example", "request_id": uuidOf(name),
	}
	first, second := c.unary(service, method, fields), c.unary(service, method, fields)
	if first != nil && second != nil && at(first, "customer", "id").String() != at(second, "customer", "id").String() {
		c.tally.wrong(service+"/"+method, "the same request id made two customers")
	}
}

// uuidOf makes a UUID (RFC 9562, version 8) of a name.
func uuidOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

func (c *client) watchEnded(order string) {
	const service, name = "order.v1.OrderService", "WatchOrder"
	ctx, cancel := context.WithTimeout(context.Background(), callMax)
	defer cancel()
	transitions := 0
	err := c.receive(ctx, service, name, map[string]any{"order_id": order}, func(protoreflect.Message) { transitions++ })
	c.tally.streamed(service + "/" + name)
	if !errors.Is(err, io.EOF) {
		c.tally.failed(service+"/"+name, err)
	} else if transitions != c.config.Prepared.EndedTransitions {
		c.tally.wrong(service+"/"+name, fmt.Sprintf("%d transitions came", transitions))
	}
}

// receive reads a stream to its end and returns why it ended: io.EOF when all is told.
func (c *client) receive(ctx context.Context, service, name string, fields map[string]any, take func(protoreflect.Message)) error {
	method := c.method(service, name)
	stream, err := c.conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/"+service+"/"+name)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(c.message(method.Input(), fields)); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	for {
		reply := dynamicpb.NewMessage(method.Output())
		if err := stream.RecvMsg(reply); err != nil {
			return err
		}
		take(reply)
	}
}

// follow opens a stream again and again.
func (c *client) follow(ctx context.Context, service, name string, fields func() map[string]any, take func(protoreflect.Message)) {
	for ctx.Err() == nil {
		c.tally.streams(func(counts *streamCounts) { counts.Opened++ })
		err := c.receive(ctx, service, name, fields(), take)
		if ctx.Err() != nil {
			return
		}
		c.tally.ended(service+"/"+name, err)
		time.Sleep(50 * time.Millisecond)
	}
}

// followFeed holds the events of a service against their numbers, which have no gap.
func (c *client) followFeed(ctx context.Context, of string) {
	var last int64
	addressed := metadata.AppendToOutgoingContext(ctx, "heddle-service", of)
	fields := func() map[string]any { return map[string]any{"after_sequence": last, "subscriber": "drill-go"} }
	c.follow(addressed, "heddle.events.v1.EventFeedService", "Subscribe", fields, func(reply protoreflect.Message) {
		event := reply.Descriptor().Fields().ByName("event")
		if !reply.Has(event) {
			return
		}
		sequence := at(reply, "event", "sequence").Int()
		c.tally.streams(func(counts *streamCounts) {
			counts.Messages++
			if sequence <= last {
				counts.Duplicates++
			} else {
				counts.Gaps += sequence - last - 1
			}
		})
		last = max(last, sequence)
	})
}

const serving = 1

func (c *client) watchHealth(ctx context.Context, of string) {
	fields := func() map[string]any { return map[string]any{"service": of} }
	c.follow(ctx, "grpc.health.v1.Health", "Watch", fields, func(reply protoreflect.Message) {
		c.tally.streams(func(counts *streamCounts) {
			counts.Messages++
			if at(reply, "status").Enum() != serving {
				counts.NotServing++
			}
		})
	})
}
