// The drill's client in Go: grpc-go with round_robin and wait-for-ready, as its users write it. It does what load-client.ts
// does, with fewer methods, until a line comes on stdin.
//
//	drill DESCRIPTOR_SET CONFIG_JSON
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
)

type config struct {
	Addresses []string `json:"addresses"`
	Workers   int      `json:"workers"`
	Prepared  struct {
		CustomerIDs      []string `json:"customerIds"`
		EndedOrderIDs    []string `json:"endedOrderIds"`
		EndedTransitions int      `json:"endedTransitions"`
	} `json:"prepared"`
}

const (
	roundRobin = `{"loadBalancingConfig": [{"round_robin": {}}]}`
	callMax    = 15 * time.Second
	// Time in which streams get what is still to come when the load has ended.
	lastMessages = 2 * time.Second
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 3 {
		return fmt.Errorf("usage: drill DESCRIPTOR_SET CONFIG_JSON")
	}
	contract, err := readContract(os.Args[1])
	if err != nil {
		return err
	}
	var told config
	if err := json.Unmarshal([]byte(os.Args[2]), &told); err != nil {
		return err
	}
	conn, err := dial(told.Addresses)
	if err != nil {
		return err
	}
	client := &client{contract: contract, conn: conn, config: told, tally: newTally()}

	stop, stopWork := context.WithCancel(context.Background())
	go func() {
		bufio.NewScanner(os.Stdin).Scan()
		stopWork()
	}()
	follow, stopFollowing := context.WithCancel(context.Background())
	var workers, followers sync.WaitGroup
	for worker := range told.Workers {
		workers.Go(func() { client.work(stop, worker) })
	}
	for _, service := range []string{"customer", "order"} {
		followers.Go(func() { client.followFeed(follow, service) })
	}
	followers.Go(func() { client.watchHealth(follow, "customer.v1.CustomerService") })
	go func() {
		for range time.Tick(time.Second) {
			client.tally.tell()
		}
	}()
	workers.Wait()
	time.Sleep(lastMessages)
	stopFollowing()
	followers.Wait()
	return client.tally.tellAll()
}

func dial(addresses []string) (*grpc.ClientConn, error) {
	list := manual.NewBuilderWithScheme("drill")
	state := resolver.State{}
	for _, address := range addresses {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	list.InitialState(state)
	return grpc.NewClient("drill:///"+strings.Join(addresses, ","),
		grpc.WithResolvers(list),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultServiceConfig(roundRobin),
		grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))
}
