// A service of a Heddle mesh, written in Go: it serves exchange.v1.ExchangeService over gRPC and joins the mesh by the public
// contract of its registry. The gateway does the rest: the other protocols, REST, reflection, documentation, access.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"

	exchangev1 "heddle.example/exchange/contracts/exchange/v1"
)

//go:generate sh -c "cd ../../.. && buf generate --template examples/exchange/go/buf.gen.yaml"

const version = "0.1.0"

// drainMax is how long running calls get to finish at the end.
const drainMax = 10 * time.Second

func main() {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	if err := run(log); err != nil {
		log.Error("exchange ended", "err", err)
		os.Exit(1)
	}
}

func run(log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	gateway := strings.TrimPrefix(env("HEDDLE_GATEWAY", "http://127.0.0.1:8080"), "http://")
	identity, err := newIdentity(os.Getenv("HEDDLE_IDENTITY_KEY_FILE"))
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", env("HEDDLE_HOST", "127.0.0.1")+":0")
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	exchangev1.RegisterExchangeServiceServer(server, &exchange{now: time.Now})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	registration := &registration{
		gateway:     gateway,
		identity:    identity,
		serviceName: serviceName,
		version:     version,
		address:     listener.Addr().String(),
		file:        exchangev1.File_exchange_v1_exchange_service_proto,
		log:         log,
	}
	left := make(chan error, 1)
	go func() { left <- registration.keepUp(ctx) }()

	select {
	case err := <-served:
		return fmt.Errorf("the server ended: %w", err)
	case err := <-left:
		// Left before the server stops, so that the gateway sends nothing more here that would have to be refused.
		drain(server)
		if errors.Is(err, context.Canceled) {
			return nil
		}
		return err
	}
}

// drain lets the calls that run finish, streams among them, and cuts what lasts too long.
func drain(server *grpc.Server) {
	drained := make(chan struct{})
	go func() {
		server.GracefulStop()
		close(drained)
	}()
	select {
	case <-drained:
	case <-time.After(drainMax):
		server.Stop()
	}
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
