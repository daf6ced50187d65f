// A foreign verifier of Countersign's logs and proofs. It stands on golang.org/x/mod/sumdb alone
// and shares no code with the project, so that a mistake of ours is not checked by the same mistake.
//
//	interop log DIRECTORY VKEY        re-hashes every entry, tile and the root of a log directory
//	interop proof FILE VKEY LEAF      checks a .tlog-proof of the entry in the file LEAF
//
// It prints one line, "ok SIZE ROOT" or "FAILED: why", and exits 0 or 1; 2 is bad usage.
package main

import (
	"fmt"
	"os"
)

func main() {
	verified, err := run(os.Args[1:])
	if err != nil {
		fmt.Printf("FAILED: %v\n", err)
		os.Exit(1)
	}
	fmt.Printf("ok %d %x\n", verified.size, verified.root[:])
}

func run(arguments []string) (checkpoint, error) {
	switch {
	case len(arguments) == 3 && arguments[0] == "log":
		return verifyLog(arguments[1], arguments[2])
	case len(arguments) == 4 && arguments[0] == "proof":
		return verifyProof(arguments[1], arguments[2], arguments[3])
	}
	fmt.Fprintln(os.Stderr, "usage: interop log DIRECTORY VKEY | interop proof FILE VKEY LEAF")
	os.Exit(2)
	return checkpoint{}, nil
}
