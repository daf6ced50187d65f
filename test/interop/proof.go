package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// verifyProof checks a c2sp.org/tlog-proof@v1 file against the bytes of the entry it is about.
func verifyProof(file, vkey, leaf string) (checkpoint, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return checkpoint{}, err
	}
	entry, err := os.ReadFile(leaf)
	if err != nil {
		return checkpoint{}, err
	}
	head, signed, found := strings.Cut(string(data), "\n\n")
	if !found {
		return checkpoint{}, errors.New("proof has no blank line")
	}
	index, hashes, err := parseProofHead(head)
	if err != nil {
		return checkpoint{}, err
	}
	opened, err := openCheckpoint([]byte(signed), vkey)
	if err != nil {
		return checkpoint{}, err
	}
	if index >= opened.size {
		return checkpoint{}, fmt.Errorf("index %d is not below the size %d", index, opened.size)
	}
	leafHash := tlog.RecordHash(entry)
	return opened, tlog.CheckRecord(hashes, opened.size, opened.root, index, leafHash)
}

func parseProofHead(head string) (int64, tlog.RecordProof, error) {
	lines := strings.Split(head, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		return 0, nil, fmt.Errorf("proof begins with %q", lines[0])
	}
	lines = lines[1:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[0], "index ") {
		return 0, nil, errors.New("proof has no index")
	}
	index, err := parseDecimal(strings.TrimPrefix(lines[0], "index "))
	if err != nil {
		return 0, nil, err
	}
	var proof tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		if err != nil {
			return 0, nil, fmt.Errorf("hash %q: %w", line, err)
		}
		proof = append(proof, hash)
	}
	return index, proof, nil
}
