package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// A storedTree keeps every hash of the tree in memory, in tlog's order of storage.
type storedTree []tlog.Hash

func (stored storedTree) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for at, index := range indexes {
		if index < 0 || index >= int64(len(stored)) {
			return nil, fmt.Errorf("no hash is stored at %d", index)
		}
		hashes[at] = stored[index]
	}
	return hashes, nil
}

// verifyLog rebuilds the tree from the entry bundles alone, and compares with it the root of the
// checkpoint and every tile and bundle in the directory.
func verifyLog(directory, vkey string) (checkpoint, error) {
	signed, err := os.ReadFile(filepath.Join(directory, "checkpoint"))
	if err != nil {
		return checkpoint{}, err
	}
	claimed, err := openCheckpoint(signed, vkey)
	if err != nil {
		return checkpoint{}, err
	}
	bundles, err := readBundles(directory, claimed.size)
	if err != nil {
		return checkpoint{}, err
	}
	tree, err := buildTree(bundles)
	if err != nil {
		return checkpoint{}, err
	}
	root, err := tlog.TreeHash(claimed.size, tree)
	if err != nil {
		return checkpoint{}, err
	}
	if root != claimed.root {
		return checkpoint{}, fmt.Errorf("entries have root %v, signed is %v", root, claimed.root)
	}
	if err := verifyNeededTiles(directory, tree, claimed.size); err != nil {
		return checkpoint{}, err
	}
	return claimed, verifyEveryFile(directory, tree, bundles, claimed.size)
}

// readBundles returns the entries of each bundle that a tree of this size needs.
func readBundles(directory string, size int64) ([][][]byte, error) {
	var bundles [][][]byte
	for first := int64(0); first < size; first += tileWidth {
		width := int(min(tileWidth, size-first))
		path := entriesPath(first/tileWidth, width)
		data, err := os.ReadFile(filepath.Join(directory, path))
		if err != nil {
			return nil, err
		}
		entries, err := parseBundle(data, width)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		bundles = append(bundles, entries)
	}
	return bundles, nil
}

func buildTree(bundles [][][]byte) (storedTree, error) {
	var tree storedTree
	index := int64(0)
	for _, entries := range bundles {
		for _, entry := range entries {
			hashes, err := tlog.StoredHashes(index, entry, tree)
			if err != nil {
				return nil, err
			}
			tree = append(tree, hashes...)
			index++
		}
	}
	return tree, nil
}

// verifyNeededTiles reads each tile that a tree of this size consists of.
func verifyNeededTiles(directory string, tree storedTree, size int64) error {
	for _, tile := range neededTiles(size) {
		path := tilePath(tile)
		stored, err := os.ReadFile(filepath.Join(directory, path))
		if err != nil {
			return err
		}
		computed, err := tlog.ReadTileData(tile, tree)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !bytes.Equal(stored, computed) {
			return fmt.Errorf("%s holds other hashes than its entries have", path)
		}
	}
	return nil
}

// neededTiles lists the full tiles of each level and the partial one at its right edge. (What
// tlog.NewTiles lists depends on its version: every narrower partial tile too, or not.)
func neededTiles(size int64) []tlog.Tile {
	var tiles []tlog.Tile
	for level, hashes := 0, size; hashes > 0; level, hashes = level+1, hashes/tileWidth {
		for first := int64(0); first < hashes; first += tileWidth {
			width := int(min(tileWidth, hashes-first))
			tile := tlog.Tile{H: tileHeight, L: level, N: first / tileWidth, W: width}
			tiles = append(tiles, tile)
		}
	}
	return tiles
}

// verifyEveryFile leaves nothing below tile/ unread: partial tiles and bundles of earlier sizes
// must hold the beginning of the later ones, and anything else has no business there.
func verifyEveryFile(directory string, tree storedTree, bundles [][][]byte, size int64) error {
	below := filepath.Join(directory, "tile")
	if _, err := os.Stat(below); os.IsNotExist(err) && size == 0 {
		return nil
	}
	return filepath.WalkDir(below, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		path, err := filepath.Rel(directory, file)
		if err != nil {
			return err
		}
		stored, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		computed, err := compute(filepath.ToSlash(path), tree, bundles, size)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if !bytes.Equal(stored, computed) {
			return fmt.Errorf("%s holds other bytes than its entries have", path)
		}
		return nil
	})
}

// compute returns what a tile or bundle file must hold.
func compute(path string, tree storedTree, bundles [][][]byte, size int64) ([]byte, error) {
	if strings.HasPrefix(path, "tile/entries/") {
		number, width, err := parseEntriesPath(path)
		if err != nil {
			return nil, err
		}
		if number >= int64(len(bundles)) || width > len(bundles[number]) {
			return nil, fmt.Errorf("is beyond the size %d", size)
		}
		return formatBundle(bundles[number][:width]), nil
	}
	tile, err := parseTilePath(path)
	if err != nil {
		return nil, err
	}
	if (tile.N<<tileHeight+int64(tile.W))<<(tileHeight*tile.L) > size {
		return nil, fmt.Errorf("is beyond the size %d", size)
	}
	return tlog.ReadTileData(tile, tree)
}

func min(one, other int64) int64 {
	if one < other {
		return one
	}
	return other
}
