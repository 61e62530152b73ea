package main

import (
	"fmt"
	"os"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// contract is interop.v1.InteropService, read from a descriptor set: no code is generated for it.
type contract struct {
	service protoreflect.ServiceDescriptor
}

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
	if err != nil {
		return nil, err
	}
	return findService(files)
}

func findService(files *protoregistry.Files) (*contract, error) {
	found, err := files.FindDescriptorByName("interop.v1.InteropService")
	if err != nil {
		return nil, err
	}
	service, ok := found.(protoreflect.ServiceDescriptor)
	if !ok {
		return nil, fmt.Errorf("%s is no service", found.FullName())
	}
	return &contract{service}, nil
}

func (c *contract) method(name string) protoreflect.MethodDescriptor {
	return c.service.Methods().ByName(protoreflect.Name(name))
}

func (c *contract) path(name string) string {
	return fmt.Sprintf("/%s/%s", c.service.FullName(), name)
}

func (c *contract) reply(name string) *dynamicpb.Message {
	return dynamicpb.NewMessage(c.method(name).Output())
}

type detail struct {
	typeURL string
	value   []byte
}

// failure is what an order asks to fail with.
type failure struct {
	code    uint32
	message string
	details []detail
}

// order is what a request asks for.
type order struct {
	payload      []byte
	delayMs      uint32
	paddingBytes uint32
	failure      *failure
}

func field(message protoreflect.Message, name string) protoreflect.FieldDescriptor {
	return message.Descriptor().Fields().ByName(protoreflect.Name(name))
}

func (c *contract) request(method string, asked order, count uint32) *dynamicpb.Message {
	message := dynamicpb.NewMessage(c.method(method).Input())
	if field(message, "order") == nil {
		return message
	}
	body := message.Mutable(field(message, "order")).Message()
	body.Set(field(body, "payload"), protoreflect.ValueOfBytes(asked.payload))
	body.Set(field(body, "delay_ms"), protoreflect.ValueOfUint32(asked.delayMs))
	body.Set(field(body, "padding_bytes"), protoreflect.ValueOfUint32(asked.paddingBytes))
	if asked.failure != nil {
		fault := body.Mutable(field(body, "failure")).Message()
		fault.Set(field(fault, "code"), protoreflect.ValueOfUint32(asked.failure.code))
		fault.Set(field(fault, "message"), protoreflect.ValueOfString(asked.failure.message))
		details := fault.Mutable(field(fault, "details")).List()
		for _, detail := range asked.failure.details {
			element := details.NewElement()
			any := element.Message()
			any.Set(field(any, "type_url"), protoreflect.ValueOfString(detail.typeURL))
			any.Set(field(any, "value"), protoreflect.ValueOfBytes(detail.value))
			details.Append(element)
		}
	}
	if counted := field(message, "count"); counted != nil {
		message.Set(counted, protoreflect.ValueOfUint32(count))
	}
	return message
}

func orderOf(message protoreflect.Message) order {
	body := message.Get(field(message, "order")).Message()
	asked := order{
		payload:      body.Get(field(body, "payload")).Bytes(),
		delayMs:      uint32(body.Get(field(body, "delay_ms")).Uint()),
		paddingBytes: uint32(body.Get(field(body, "padding_bytes")).Uint()),
	}
	if body.Has(field(body, "failure")) {
		fault := body.Get(field(body, "failure")).Message()
		asked.failure = &failure{
			code:    uint32(fault.Get(field(fault, "code")).Uint()),
			message: fault.Get(field(fault, "message")).String(),
		}
		details := fault.Get(field(fault, "details")).List()
		for index := range details.Len() {
			any := details.Get(index).Message()
			asked.failure.details = append(asked.failure.details, detail{
				any.Get(field(any, "type_url")).String(),
				any.Get(field(any, "value")).Bytes(),
			})
		}
	}
	return asked
}

func payloadOf(message protoreflect.Message) []byte {
	return message.Get(field(message, "payload")).Bytes()
}
