package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	registryv1 "heddle.example/exchange/contracts/heddle/registry/v1"
)

const (
	retryMin = 50 * time.Millisecond
	retryMax = 2 * time.Second
	// A contract that was refused stays refused until an operator allows it.
	refusedRetryMax = 30 * time.Second
)

// registration enters an instance with the mesh's registry and keeps it entered: the stream of Register is the lease.
type registration struct {
	// gateway and address are host:port.
	gateway string
	// identity is nil in a mesh that asks for none.
	identity    *identity
	serviceName string
	version     string
	address     string
	// file holds the services that are served.
	file protoreflect.FileDescriptor
	log  *slog.Logger
}

// keepUp registers, and registers again whenever the gateway was away, until ctx ends; then it leaves.
func (r *registration) keepUp(ctx context.Context) error {
	contract, err := contractOf(r.file)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient(r.gateway, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	for delay := retryMin; ; delay *= 2 {
		admitted, err := r.holdLease(ctx, registryv1.NewRegistryServiceClient(conn), contract)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		switch {
		case admitted:
			delay = retryMin
		case status.Code(err) == codes.FailedPrecondition:
			delay = min(delay, refusedRetryMax)
		default:
			delay = min(delay, retryMax)
		}
		r.log.Info("not registered", "err", err, "retryMs", delay.Milliseconds())
		select {
		case <-time.After(delay):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// holdLease talks with the registry until one side ends it, and says whether the instance was admitted meanwhile.
func (r *registration) holdLease(ctx context.Context, registry registryv1.RegistryServiceClient, contract *registryv1.Contract) (admitted bool, err error) {
	// Not the context that a signal ends: a leave is the end of our half of the stream, not a broken one.
	streamContext, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if r.identity != nil {
		streamContext = metadata.AppendToOutgoingContext(streamContext, identityHeader, r.identity.token(r.serviceName, time.Now()))
	}
	stream, err := registry.Register(streamContext)
	if err != nil {
		return false, err
	}
	if err := stream.Send(&registryv1.RegisterRequest{Body: &registryv1.RegisterRequest_Instance{Instance: r.instance(contract)}}); err != nil {
		return false, told(stream, err)
	}
	heard := make(chan *registryv1.RegisterResponse)
	failed := make(chan error, 1)
	go func() {
		for {
			response, err := stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case heard <- response:
			case <-streamContext.Done():
				return
			}
		}
	}()
	heartbeats := time.NewTicker(time.Hour)
	defer heartbeats.Stop()
	leaving := ctx.Done()
	for {
		select {
		case <-leaving:
			leaving = nil
			// The registry ends its half when nothing is routed here any more.
			if err := stream.CloseSend(); err != nil {
				return admitted, err
			}
			time.AfterFunc(time.Second, cancel)
		case err := <-failed:
			return admitted, err
		case <-heartbeats.C:
			if err := stream.Send(heartbeat()); err != nil {
				return admitted, told(stream, err)
			}
		case response := <-heard:
			switch body := response.Body.(type) {
			case *registryv1.RegisterResponse_Registered:
				if every := body.Registered.HeartbeatInterval.AsDuration(); every > 0 {
					heartbeats.Reset(every)
				}
			case *registryv1.RegisterResponse_ContractsNeeded:
				for range body.ContractsNeeded.ContractHashes {
					if err := stream.Send(&registryv1.RegisterRequest{Body: &registryv1.RegisterRequest_Contract{Contract: contract}}); err != nil {
						return admitted, told(stream, err)
					}
				}
			case *registryv1.RegisterResponse_Admitted:
				admitted = true
				r.log.Info("registered", "packages", body.Admitted.Packages)
			case *registryv1.RegisterResponse_Refused:
				for _, violation := range body.Refused.Violations {
					r.log.Error("the registry refuses this contract", "rule", violation.Rule, "element", violation.Element, "message", violation.Message)
				}
			}
		}
	}
}

func heartbeat() *registryv1.RegisterRequest {
	return &registryv1.RegisterRequest{Body: &registryv1.RegisterRequest_Heartbeat{
		Heartbeat: &registryv1.Heartbeat{State: registryv1.ServingState_SERVING_STATE_SERVING},
	}}
}

// told is why the registry ended a stream on which nothing more can be sent.
func told(stream registryv1.RegistryService_RegisterClient, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	for {
		if _, err := stream.Recv(); err != nil {
			return err
		}
	}
}

func (r *registration) instance(contract *registryv1.Contract) *registryv1.Instance {
	services := make([]string, r.file.Services().Len())
	for index := range services {
		services[index] = string(r.file.Services().Get(index).FullName())
	}
	return &registryv1.Instance{
		InstanceId:  instanceID,
		ServiceName: r.serviceName,
		Version:     r.version,
		Address:     r.address,
		Packages: []*registryv1.PackageOffer{{
			Name:         string(r.file.Package()),
			Services:     services,
			ContractHash: contract.ContractHash,
		}},
		ProcessId: int64(os.Getpid()),
		StartTime: timestamppb.New(startTime),
		State:     registryv1.ServingState_SERVING_STATE_SERVING,
	}
}

var (
	startTime  = time.Now()
	instanceID = "ins_" + hex.EncodeToString(randomBytes(12))
)

func randomBytes(count int) []byte {
	bytes := make([]byte, count)
	// Never fails (crypto/rand).
	_, _ = rand.Read(bytes)
	return bytes
}

// contractOf is a file and all that it imports, each after what it needs, named by the hash of its bytes.
func contractOf(file protoreflect.FileDescriptor) (*registryv1.Contract, error) {
	set := &descriptorpb.FileDescriptorSet{}
	seen := map[string]bool{}
	var add func(protoreflect.FileDescriptor)
	add = func(file protoreflect.FileDescriptor) {
		if seen[file.Path()] {
			return
		}
		seen[file.Path()] = true
		for index := range file.Imports().Len() {
			add(file.Imports().Get(index).FileDescriptor)
		}
		set.File = append(set.File, protodesc.ToFileDescriptorProto(file))
	}
	add(file)
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("the contract cannot be written: %w", err)
	}
	hash := sha256.Sum256(bytes)
	return &registryv1.Contract{ContractHash: hex.EncodeToString(hash[:]), FileDescriptorSet: bytes}, nil
}
