// A gRPC peer in Go: client and server of interop.v1.InteropService.
//
//	interop server DESCRIPTOR_SET
//	interop call   DESCRIPTOR_SET ADDRESS
//	interop loop   DESCRIPTOR_SET ADDRESS
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: interop server|call|loop DESCRIPTOR_SET [ADDRESS]")
	}
	c, err := readContract(args[1])
	if err != nil {
		return err
	}
	switch {
	case args[0] == "server":
		return serve(c)
	case args[0] == "call" && len(args) == 3:
		return call(c, args[2])
	case args[0] == "loop" && len(args) == 3:
		return loop(c, args[2])
	}
	return fmt.Errorf("unknown arguments %q", args)
}
